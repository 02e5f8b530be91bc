// Sensor or machine? Captures of a file are judged as the running agent judges its own, those of the baseline before they are fitted.
import { AgentError } from '../core/errors.ts'
import type { AxisLevels, CaptureData, VibrationReference } from '../models/contract.ts'
import { axisLevels, judgeAxis } from '../models/vibration/analyse.ts'
import type { SensorFault, SensorFinding } from '../models/vibration/judge.ts'
import { CaptureSignal } from '../models/vibration/signal.ts'

/** As it stands in the JSON. */
export interface SensorFaultAt {
  /** Capture, from 0. */
  row: number
  channel: string
  fault: SensorFault
  text: string
}

type Axis = { id: string; unit: string }

/** Of a channel: faults that most of its baseline has, which say nothing of a later capture then. */
export type UsualFaults = ReadonlyMap<string, ReadonlySet<SensorFault>>

export interface JudgedBaseline {
  /** Without the channels and captures that are left out; with what was measured of each. */
  data: CaptureData
  /** Indices of the channels that are in it. */
  channels: number[]
  faults: SensorFaultAt[]
  usual: UsualFaults
  warnings: string[]
}

/** More than this share of the baseline, and it is no capture that is spoilt but the channel. */
const MOST = 0.5

/** What is wrong with the sensors of one capture, [channels][samples]: all that is news of each, in the order of the channels. */
export function judgeAxes(
  axes: readonly Float32Array[],
  channels: readonly Axis[],
  of: {
    rateHz: number
    fullScale: number | undefined
    healthy?: readonly VibrationReference[] | undefined
    usual?: UsualFaults
  },
): SensorFinding[][] {
  const { rateHz, fullScale, healthy, usual } = of
  return channels.map(({ id, unit }, c) => {
    const known = healthy?.[c]
    const axis = { unit, ...(fullScale === undefined ? {} : { fullScale }), ...(known ? { healthy: known } : {}) }
    return judgeAxis(new CaptureSignal(axes[c]!, rateHz), axis).filter(({ fault }) => !usual?.get(id)?.has(fault))
  })
}

/**
 * Channels that are dead or faulty in most captures are left out, and so are captures with a fault in one of the others. Where that
 * would leave no channel the faults are taken as how this recording is, and said. `firstRow`: capture that `data` begins with.
 *
 * Throws FIT_INSUFFICIENT: every channel is dead.
 */
export function judgeBaseline(data: CaptureData, fullScale: number | undefined, firstRow: number): JudgedBaseline {
  const { channels, count } = data
  const looks = Array.from({ length: count }, (_, k) => channels.map((_, c) => lookAt(data, k, c, fullScale)))
  const shareOf = (c: number, wanted: (finding: SensorFinding) => boolean): number =>
    looks.filter(axes => axes[c]!.findings.some(wanted)).length / count
  const every = [...channels.keys()]
  const faulty = every.filter(c => shareOf(c, () => true) > MOST)
  const dead = every.filter(c => shareOf(c, ({ fault }) => fault === 'dead') > MOST)
  if (dead.length === channels.length) throw allDead(data, looks)
  const left = faulty.length < channels.length ? faulty : dead
  const kept = every.filter(c => !left.includes(c))
  const usual = new Map(
    kept.map(c => [channels[c]!.id, usualOf(looks, c, fault => shareOf(c, f => f.fault === fault))]),
  )
  const unusual = (k: number, c: number): SensorFinding | undefined =>
    looks[k]![c]!.findings.find(({ fault }) => !usual.get(channels[c]!.id)!.has(fault))
  const good = [...looks.keys()].filter(k => kept.every(c => !unusual(k, c)))
  const faults = [...looks.keys()].flatMap(k =>
    every.flatMap(c => {
      const found = left.includes(c) ? looks[k]![c]!.findings[0] : unusual(k, c)
      return found ? [{ row: firstRow + k, channel: channels[c]!.id, ...found }] : []
    }),
  )
  return {
    data: pick(data, good, kept, looks),
    channels: kept,
    faults,
    usual,
    warnings: warningsOf(channels, { left, kept, usual, spoilt: count - good.length, count, faults }),
  }
}

interface Look {
  findings: SensorFinding[]
  levels: AxisLevels
}

function lookAt({ captures, samples, channels, rateHz }: CaptureData, k: number, c: number, fullScale?: number): Look {
  const from = (k * channels.length + c) * samples
  const signal = new CaptureSignal(captures.subarray(from, from + samples), rateHz)
  const { unit } = channels[c]!
  const findings = judgeAxis(signal, { unit, ...(fullScale === undefined ? {} : { fullScale }) })
  return { findings, levels: axisLevels(signal, unit) }
}

function usualOf(looks: readonly Look[][], c: number, shareOf: (fault: SensorFault) => number): Set<SensorFault> {
  const seen = new Set(looks.flatMap(axes => axes[c]!.findings.map(({ fault }) => fault)))
  return new Set([...seen].filter(fault => shareOf(fault) > MOST))
}

function pick(
  data: CaptureData,
  rows: readonly number[],
  kept: readonly number[],
  looks: readonly Look[][],
): CaptureData {
  const { captures, samples, channels, timesUs } = data
  const levels = rows.map(k => kept.map(c => looks[k]![c]!.levels))
  if (rows.length === data.count && kept.length === channels.length) return { ...data, levels }
  const picked = new Float32Array(rows.length * kept.length * samples)
  rows.forEach((k, to) => {
    kept.forEach((c, at) => {
      const from = (k * channels.length + c) * samples
      picked.set(captures.subarray(from, from + samples), (to * kept.length + at) * samples)
    })
  })
  return {
    ...data,
    captures: picked,
    count: rows.length,
    channels: kept.map(c => channels[c]!),
    timesUs: Float64Array.from(rows, k => timesUs[k]!),
    levels,
  }
}

function allDead({ source, channels }: CaptureData, looks: readonly Look[][]): AgentError {
  const texts = channels.map(({ id }, c) => {
    const found = looks.map(axes => axes[c]!.findings[0]).find(finding => finding?.fault === 'dead')
    return `${id}: ${found?.text}`
  })
  const what = `every channel is dead in most captures (${texts.join('; ')})`
  return new AgentError('FIT_INSUFFICIENT', `cannot fit ${source}: ${what}. Look at the sensors, or at the file.`)
}

function warningsOf(
  channels: readonly Axis[],
  of: {
    left: readonly number[]
    kept: readonly number[]
    usual: UsualFaults
    spoilt: number
    count: number
    faults: readonly SensorFaultAt[]
  },
): string[] {
  const { left, kept, usual, spoilt, count, faults } = of
  const leftOut = left.map(c => {
    const mine = faults.filter(({ channel }) => channel === channels[c]!.id)
    return `${channels[c]!.id} is left out: ${mine[0]?.fault} in ${mine.length} of ${count} captures of the baseline (${mine[0]?.text}); look at the sensor.`
  })
  const always = kept.flatMap(c =>
    [...usual.get(channels[c]!.id)!].map(
      fault =>
        `${channels[c]!.id}: most of the baseline shows ${fault}, so that says nothing of later captures; look at the sensor.`,
    ),
  )
  const others = faults.filter(({ channel }) => kept.some(c => channels[c]!.id === channel))
  const some = spoilt > 0 ? [`${spoilt} of ${count} captures of the baseline left out: ${faultsText(others)}.`] : []
  return [...leftOut, ...always, ...some]
}

/** `ch1 clipping in 10 (0.8 % of samples stand at the end of the range), ch2 dead in 2 (constant 0)`. */
export function faultsText(faults: readonly SensorFaultAt[]): string {
  const groups = new Map<string, SensorFaultAt[]>()
  for (const found of faults) {
    const key = `${found.channel} ${found.fault}`
    groups.set(key, [...(groups.get(key) ?? []), found])
  }
  return [...groups].map(([key, found]) => `${key} in ${found.length} (${found[0]!.text})`).join(', ')
}
