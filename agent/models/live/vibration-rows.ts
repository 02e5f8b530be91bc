// Rows of the history's class `vibration`: one a capture, at the time of its last sample, with these columns for every axis.
//
//   de-h rms, de-h peak, de-h rms below 1 kHz, …       in the channel's unit
//   de-h velocity rms                                   mm/s; NaN where there is none
//   de-h sensor fault                                   place in SENSOR_FAULTS, from 1; 0 = none
//   speed                                               1/min, mean over the capture; NaN where it is not known
//   speed spread                                        furthest that it was from its mean, in %
import type { AssetConfig, ChannelConfig } from '../../config/contract.ts'
import type { History } from '../../history/contract.ts'
import type { AxisLevels } from '../contract.ts'
import type { AxisOut } from '../vibration/analyse.ts'
import { SENSOR_FAULTS } from '../vibration/judge.ts'
import { SPEED_SPREAD_MAX, type SpeedOfCapture, speedSpread } from '../vibration/velocity.ts'
import { speedColumn } from './speed.ts'

const NAMES = [
  'rms',
  'peak',
  'crest factor',
  'kurtosis',
  'rms below 1 kHz',
  'rms above 1 kHz',
  'envelope rms',
  'velocity rms',
  'sensor fault',
] as const
const [LOW, HIGH, VELOCITY, FAULT] = [4, 5, 7, 8] as const
const SPEEDS = ['speed', 'speed spread'] as const

export function vibrationColumns(channels: readonly Pick<ChannelConfig, 'id'>[]): string[] {
  return [...channels.flatMap(({ id }) => NAMES.map(name => `${id} ${name}`)), ...SPEEDS]
}

export function vibrationRow(axes: readonly AxisOut[], speed: SpeedOfCapture | undefined): Float64Array {
  const spread = speed ? 100 * speedSpread(speed) : Number.NaN
  return Float64Array.from([...axes.flatMap(axisRow), speed?.mean ?? Number.NaN, spread])
}

function axisRow({ findings, figures }: AxisOut): number[] {
  const fault = findings[0] ? 1 + SENSOR_FAULTS.indexOf(findings[0].fault) : 0
  if (!figures) return [...NAMES.slice(1).map(() => Number.NaN), fault]
  const { rms, peak, crest, kurtosis, lowRms, highRms, envelopeRms, velocity } = figures
  const mmPerS = 'mmPerS' in velocity ? velocity.mmPerS : Number.NaN
  return [rms, peak, crest, kurtosis, lowRms, highRms ?? Number.NaN, envelopeRms ?? Number.NaN, mmPerS, fault]
}

export interface CaptureLevels {
  endUs: number
  faulty: boolean
  /** Steady speed in 1/min; NaN where there was none. */
  perMin: number
  axes: AxisLevels[]
}

/** Of captures that ended in [fromUs, toUs], as far as rows are there; in time order. */
export async function readLevels(
  history: Pick<History, 'query'>,
  asset: string,
  channels: readonly Pick<ChannelConfig, 'id'>[],
  fromUs: number,
  toUs: number,
): Promise<CaptureLevels[]> {
  const levels: CaptureLevels[] = []
  for await (const chunk of history.query({ asset, class: 'vibration', fromUs, toUs: toUs + 1 })) {
    const places = channels.map(({ id }) => NAMES.map(name => chunk.columns.indexOf(`${id} ${name}`)))
    const width = chunk.columns.length
    const [speed = -1, spread = -1] = SPEEDS.map(name => chunk.columns.indexOf(name))
    for (const [row, endUs] of chunk.timesUs.entries()) {
      const valueAt = (column: number): number =>
        column < 0 ? Number.NaN : (chunk.values[row * width + column] ?? Number.NaN)
      const at = (axis: number, name: number): number => valueAt(places[axis]![name]!)
      levels.push({
        endUs,
        perMin: valueAt(spread) <= 100 * SPEED_SPREAD_MAX ? valueAt(speed) : Number.NaN,
        faulty: channels.some((_, axis) => at(axis, FAULT) > 0),
        axes: channels.map((_, axis) => ({
          lowRms: at(axis, LOW),
          highRms: at(axis, HIGH),
          mmPerS: at(axis, VELOCITY),
        })),
      })
    }
  }
  return levels.sort((a, b) => a.endUs - b.endUs)
}

/** May it be learnt from? Its sensors are well and, where the asset has a channel for its speed, that was steady. */
export function learnableCapture(asset: AssetConfig): (levels: CaptureLevels | undefined) => boolean {
  const withSpeed = speedColumn(asset) !== undefined
  return levels => !levels?.faulty && (!withSpeed || (levels?.perMin ?? 0) > 0)
}

/** Those nearest to a capture that ended at `endUs`, within `withinUs`: its axes do not end at the same microsecond. */
export function levelsAt(levels: readonly CaptureLevels[], endUs: number, withinUs: number): CaptureLevels | undefined {
  let low = 0
  let high = levels.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (levels[middle]!.endUs < endUs) low = middle + 1
    else high = middle
  }
  const far = (found: CaptureLevels | undefined): number =>
    found ? Math.abs(found.endUs - endUs) : Number.POSITIVE_INFINITY
  const nearest = far(levels[low]) < far(levels[low - 1]) ? levels[low] : levels[low - 1]
  return far(nearest) <= withinUs ? nearest : undefined
}
