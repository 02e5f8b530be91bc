// (f) Models of every family: what they take to fit, to score and to store. One thread, no host, beside the dense model of (c) in
// the same kind of loop right before it, which says how fast the machine is at that moment.
import { systemClock } from '../core/clock.ts'
import { seededPrng } from '../core/prng.ts'
import type { FitResult } from '../models/contract.ts'
import { fitCapturesInWorker, fitInWorker } from '../models/fit/fit-worker.ts'
import { type Figure, median } from './bench-figure.ts'
import { type LoopResult, runLoop } from './bench-run.ts'

const CHANNELS = 38
const ROWS = 24_000
/** 6 h 40 min at 1 Hz, as long as that. */
const ROW_US = 1e6
const CAPTURES = 60
const SAMPLES = 4_096
const RATE_HZ = 25_600
const CAPTURE_EVERY_US = 600e6
const BATCH = 64
const FIT_DEADLINE_MS = 120_000
const ROUND_MS = 700
const ROUND_QUICK_MS = 300
const ROUNDS = 5
/** A fit takes seconds, and is the same each time. */
const FITS = 3
const FITS_QUICK = 1

interface FamilyCase {
  name: string
  /** What it looks at: `38 channels`. */
  of: string
  baseline: string
  fit(): Promise<FitResult>
  /** Has aims of windows/s and latency. */
  aims: boolean
}

/** `denseModel`: file of the yardstick. */
export async function benchFamilies(
  denseModel: Uint8Array,
  quick: boolean,
  progress: (text: string) => void,
): Promise<Figure[]> {
  const roundMs = quick ? ROUND_QUICK_MS : ROUND_MS
  const figures: Figure[] = []
  for (const family of familyCases()) {
    const { name } = family
    const fitS: number[] = []
    let fitted: FitResult | undefined
    for (let round = 0; round < (quick ? FITS_QUICK : FITS); round++) {
      progress(`f: ${name}, fit ${round + 1}`)
      const fromMs = performance.now()
      fitted = await family.fit()
      fitS.push((performance.now() - fromMs) / 1000)
    }
    if (!fitted) continue
    const rounds: Record<'many' | 'one' | 'denseMany' | 'denseOne', LoopResult[]> = {
      many: [],
      one: [],
      denseMany: [],
      denseOne: [],
    }
    for (let round = 0; round < ROUNDS; round++) {
      progress(`f: ${name}, ${round + 1} of ${ROUNDS}`)
      rounds.denseMany.push(await runLoop(denseModel, BATCH, roundMs))
      rounds.many.push(await runLoop(fitted.bytes, BATCH, roundMs))
      rounds.denseOne.push(await runLoop(denseModel, 1, roundMs))
      rounds.one.push(await runLoop(fitted.bytes, 1, roundMs))
    }
    figures.push(...figuresOf(family, fitted, fitS, rounds))
  }
  return figures
}

function figuresOf(
  { name, of, baseline, aims }: FamilyCase,
  { bytes, manifest }: FitResult,
  fitS: number[],
  rounds: Record<'many' | 'one' | 'denseMany' | 'denseOne', LoopResult[]>,
): Figure[] {
  const { many, one, denseMany, denseOne } = rounds
  const perS = (results: LoopResult[]): number[] => results.map(result => result.perS)
  const reference = (results: LoopResult[], of: keyof LoopResult): Figure['reference'] => ({
    name: 'dense model',
    samples: results.map(result => result[of]),
  })
  const aim = (text: string): { aim?: string } => (aims ? { aim: text } : {})
  return [
    {
      name: `${name}, ${of}, batch ${BATCH}`,
      unit: 'windows/s',
      samples: perS(many),
      ...aim('20,000'),
      reference: reference(denseMany, 'perS')!,
      note: `${Math.round(median(many.map(result => result.perCpuS))).toLocaleString('en-US')} in a second of processor time; window of ${manifest.channels.length} x ${manifest.samples}, file of ${(bytes.length / 1000).toFixed(1)} kB of 1,000 at most`,
    },
    {
      name: `${name}, batch 1, p50`,
      unit: 'ms',
      samples: one.map(result => result.p50Ms),
      reference: reference(denseOne, 'p50Ms')!,
    },
    {
      name: `${name}, batch 1, p99`,
      unit: 'ms',
      samples: one.map(result => result.p99Ms),
      ...aim('0.5'),
      reference: reference(denseOne, 'p99Ms')!,
    },
    { name: `${name}, fit of ${baseline}`, unit: 's', samples: fitS, aim: '5' },
  ]
}

function familyCases(): FamilyCase[] {
  const clock = systemClock()
  const rows = (family: 'var' | 'aakr' | 'autoencoder', aims: boolean): FamilyCase => ({
    name: family,
    of: `${CHANNELS} channels`,
    baseline: `${ROWS.toLocaleString('en-US')} x ${CHANNELS}`,
    aims,
    fit: () =>
      fitInWorker(
        {
          values: machineRows(),
          rows: ROWS,
          channels: Array.from({ length: CHANNELS }, (_, c) => ({ id: `c${c}`, unit: '1' })),
          breaks: new Uint8Array(ROWS),
          fromUs: 0,
          toUs: ROWS * ROW_US,
          source: 'bench rows',
        },
        { name: `bench-${family}`, release: 1, family, order: 5, mean: 10, hop: 1 },
        { deadlineMs: FIT_DEADLINE_MS, clock },
      ),
  })
  const bands: FamilyCase = {
    name: 'bands',
    of: `1 x ${SAMPLES.toLocaleString('en-US')} samples`,
    baseline: `${CAPTURES} captures`,
    aims: true,
    fit: () =>
      fitCapturesInWorker(
        {
          captures: machineCaptures(),
          count: CAPTURES,
          samples: SAMPLES,
          channels: [{ id: 'de-h', unit: 'g' }],
          rateHz: RATE_HZ,
          timesUs: Float64Array.from({ length: CAPTURES }, (_, k) => k * CAPTURE_EVERY_US),
          source: 'bench captures',
        },
        { name: 'bench-bands', release: 1 },
        { deadlineMs: FIT_DEADLINE_MS, clock },
      ),
  }
  return [rows('var', true), bands, rows('aakr', false), rows('autoencoder', false)]
}

/** [ROWS x CHANNELS] A load that wanders, seen by every channel with its own gain, lag and noise. */
function machineRows(): Float64Array {
  const prng = seededPrng(13)
  const gain = Array.from({ length: CHANNELS }, () => 0.2 + prng.next())
  const lag = Array.from({ length: CHANNELS }, () => 0.8 * prng.next())
  const state = new Float64Array(CHANNELS)
  const values = new Float64Array(ROWS * CHANNELS)
  let load = 0
  for (let r = 0; r < ROWS; r++) {
    load = 0.95 * load + prng.normal()
    for (let c = 0; c < CHANNELS; c++) {
      state[c] = lag[c]! * state[c]! + (1 - lag[c]!) * gain[c]! * load
      values[r * CHANNELS + c] = 10 + state[c]! + 0.4 * prng.normal()
    }
  }
  return values
}

/** [CAPTURES x SAMPLES] A shaft, a gear mesh and noise, each capture at a load of its own. */
function machineCaptures(): Float32Array {
  const prng = seededPrng(17)
  const captures = new Float32Array(CAPTURES * SAMPLES)
  for (let k = 0; k < CAPTURES; k++) {
    const load = 1 + 0.05 * prng.normal()
    const phase = 2 * Math.PI * prng.next()
    for (let i = 0; i < SAMPLES; i++) {
      const turns = 2 * Math.PI * (i / RATE_HZ)
      const lines = 0.2 * Math.sin(24.7 * turns + phase) + 0.1 * Math.sin(2_327 * turns + 2 * phase)
      captures[k * SAMPLES + i] = load * (lines + 0.05 * prng.normal())
    }
  }
  return captures
}
