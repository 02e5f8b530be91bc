import { AgentError } from '../core/errors.ts'
import type { FitData, FitOptions, FitResult, Manifest, SelfTest } from './contract.ts'
import { findOutliers, type Outliers, withoutOutliers } from './families/outliers.ts'
import { fitVar, parametersOf, scoreRows, usableRows, type VarModel, type VarShape } from './families/var.ts'
import { varFeatures, varGraph } from './families/var-graph.ts'
import { writeModelFile } from './model-file.ts'

// A regression needs more rows than weights: twice as many at the least (0.857 on 400 rows x 41 weights, measured),
// and every fifth of them has to hold windows of its own.
const ROWS_PER_PARAMETER_MIN = 2
const ROWS_PER_PARAMETER_GOOD = 5
const WINDOWS_MIN = 60
// 1,000 sums squared in ten tables are 80 MB; beyond that a fit is no longer a matter of seconds.
const VECTOR_MAX = 1_000
/** Of the second half's windows beyond the setpoint of the first. Healthy recordings gave 0–4 %, drifting ones 12–88 %. */
const EXCEEDING_SHARE_MAX = 0.05
const SELF_TEST_PLAIN = 8
/** Windows blown up to these scores, so that the self-test covers what an alarm looks like. */
const SELF_TEST_RAISED = [1.1, 1.5, 2, 4]
// 1 % of the setpoint moves no alarm. CPUs agree to 1e-5; TF32 and fp16 tensor cores need the room.
const SELF_TEST_TOLERANCE = 0.01
const DELAYS_DEFAULT = { onDelayMs: 600_000, offDelayMs: 1_800_000, deadband: 0.1 }
const QUANTILES = [0.5, 0.9, 0.99, 0.999, 1]

/** Which family a fit uses and why. `auto` is `var` while it is the only one that ships. */
export function chooseFamily(options: FitOptions): { family: 'var'; reason: string } {
  return options.family === 'var'
    ? { family: 'var', reason: 'as configured' }
    : { family: 'var', reason: 'vector autoregression suits process channels that are read together' }
}

/**
 * Fits a baseline: seconds of pure computation, so the agent runs it in a worker (`fitInWorker`). Rows with wild samples are
 * left out first, and counted.
 *
 * Throws AgentError FIT_INSUFFICIENT when there are too few rows (says how many there are and how many it takes), too
 * many channels, or values that float32 cannot hold.
 */
export function fitModel(given: FitData, options: FitOptions): FitResult {
  const { family } = chooseFamily(options)
  const shape = { channels: given.channels.length, order: options.order, mean: options.mean }
  check(given, shape)
  const outliers = findOutliers({ ...given, channels: shape.channels })
  const data = { ...withoutOutliers({ ...given, channels: shape.channels }, outliers), channels: given.channels }
  const leftOut = leftOutText(given, outliers)
  checkEnough(data, shape, leftOut)
  const { model, heldOut } = fitVar({ ...data, channels: shape.channels }, shape)
  const manifest: Manifest = {
    schema: 'wearwatch.model/1',
    name: options.name,
    release: options.release,
    family,
    ...(options.assetClass === undefined ? {} : { assetClass: options.assetClass }),
    channels: data.channels.map(({ id, unit }) => ({ id, unit })),
    samples: shape.order + shape.mean,
    hop: options.hop,
    ...(options.everyMs === undefined ? {} : { everyMs: options.everyMs }),
    alarm: options.alarm ?? DELAYS_DEFAULT,
    contributions: data.channels.map(channel => channel.id),
    features: varFeatures(data.channels),
    fitted: {
      rows: data.rows,
      fromUs: data.fromUs,
      toUs: data.toUs,
      source: data.source,
      ...(outliers.count > 0 ? { outliers: outliers.count } : {}),
    },
    quantiles: quantilesOf(heldOut),
    selfTest: selfTest(data, model),
  }
  const unsure = sufficiency(data, shape)
  const warnings = [...leftOut, ...warningsOf(data, shape, model), ...unsure]
  return {
    bytes: writeModelFile(varGraph(model), manifest),
    manifest,
    warnings,
    sufficiency: { enough: unsure.length === 0, reason: unsure[0] ?? '' },
  }
}

/** What a person should know of it: where the wild samples are, for such come back, and then they score. */
function leftOutText(given: FitData, { count, perChannel }: Outliers): string[] {
  if (count === 0) return []
  const where = given.channels.flatMap(({ id }, c) => (perChannel[c] ? [`${id} ${perChannel[c]}`] : [])).join(', ')
  const advice = 'look at the sensor and its line, or let `running` leave out what the machine does at times'
  return [`${count} of ${given.rows} rows left out as outliers (${where}); the like will score high: ${advice}.`]
}

function rowsNeeded(shape: VarShape): number {
  return Math.max(WINDOWS_MIN, 10 * (shape.order + shape.mean), ROWS_PER_PARAMETER_MIN * parametersOf(shape))
}

function isEnough(data: FitData, shape: VarShape): boolean {
  const { targets, windows } = usableRows({ ...data, channels: shape.channels }, shape)
  return targets >= rowsNeeded(shape) && windows >= WINDOWS_MIN
}

function refusal(data: FitData, message: string): AgentError {
  return new AgentError('FIT_INSUFFICIENT', `cannot fit ${data.source}: ${message}`)
}

function checkEnough(data: FitData, shape: VarShape, leftOut: readonly string[]): void {
  if (isEnough(data, shape)) return
  const { targets, windows } = usableRows({ ...data, channels: shape.channels }, shape)
  const advice = ['Learn longer, or lower the order.', ...leftOut].join(' ')
  throw refusal(
    data,
    `${data.rows} rows are there, of which ${targets} follow ${shape.order} others without a gap and ${windows} end a ` +
      `window of ${shape.order + shape.mean}; it takes ${rowsNeeded(shape)} and ${WINDOWS_MIN}. ${advice}`,
  )
}

function check(data: FitData, shape: VarShape): void {
  if (shape.channels * (shape.order + 1) > VECTOR_MAX) {
    throw refusal(
      data,
      `${shape.channels} channels with order ${shape.order} are too many; lower the order or split the asset ` +
        `(channels x (order + 1) must not exceed ${VECTOR_MAX}).`,
    )
  }
  checkEnough(data, shape, [])
  for (let i = 0; i < data.rows * shape.channels; i++) {
    if (!Number.isFinite(Math.fround(data.values[i]!))) {
      const channel = data.channels[i % shape.channels]?.id
      throw refusal(
        data,
        `row ${Math.floor(i / shape.channels)} of ${channel} is ${data.values[i]}, which no model can hold. Set a range.`,
      )
    }
  }
}

function quantilesOf(scores: Float64Array): Record<string, number> {
  const sorted = scores.toSorted()
  return Object.fromEntries(QUANTILES.map(q => [String(q), round(sorted[Math.round(q * (sorted.length - 1))] ?? 0)]))
}

function warningsOf(data: FitData, shape: VarShape, model: VarModel): string[] {
  const warnings: string[] = []
  const constant = data.channels.filter((_, i) => model.constant[i]).map(channel => channel.id)
  if (constant.length > 0) {
    warnings.push(
      `${constant.join(', ')} never moved: a later change will score high. Leave ${constant.length === 1 ? 'it' : 'them'} out if that is no fault.`,
    )
  }
  const { targets } = usableRows({ ...data, channels: shape.channels }, shape)
  const good = ROWS_PER_PARAMETER_GOOD * parametersOf(shape)
  if (targets < good) {
    warnings.push(
      `${targets} usable rows for ${parametersOf(shape)} weights per channel; ${good} or more would be better.`,
    )
  }
  return warnings
}

/** Fits the first half and scores the second: what exceeds there had not been learnt yet. */
function sufficiency(data: FitData, shape: VarShape): string[] {
  const half = Math.floor(data.rows / 2)
  const part = (from: number, to: number): FitData => ({
    ...data,
    rows: to - from,
    values: data.values.subarray(from * shape.channels, to * shape.channels),
    breaks: data.breaks.subarray(from, to),
  })
  const first = part(0, half)
  if (!isEnough(first, shape)) {
    return [
      'too few rows to check one half of the baseline against the other; learn longer before trusting the setpoint.',
    ]
  }
  const { model } = fitVar({ ...first, channels: shape.channels }, shape)
  const scores = scoreRows(model, { ...part(half, data.rows), channels: shape.channels })
  const share = scores.filter(score => score >= 1).length / Math.max(1, scores.length)
  if (share <= EXCEEDING_SHARE_MAX) return []
  return [
    `${(100 * share).toFixed(0)} % of the second half of the baseline exceed the setpoint of its first half: ` +
      'the machine still showed new behaviour, or drifts. Learn longer; expect false alarms until then.',
  ]
}

/** Windows of the baseline, evenly spread, then some blown up about the centre; scores in float64. */
function selfTest(data: FitData, model: VarModel): SelfTest {
  const { channels, order, mean } = model
  const samples = order + mean
  const ends = windowEnds(data, samples)
  const count = SELF_TEST_PLAIN + SELF_TEST_RAISED.length
  const windows = new Float32Array(count * channels * samples)
  const scores: number[] = []
  for (let k = 0; k < count; k++) {
    const end = ends[Math.floor((k * (ends.length - 1)) / (count - 1))]!
    const window = windows.subarray(k * channels * samples, (k + 1) * channels * samples)
    cut(data, end, channels, samples, window)
    const raised = SELF_TEST_RAISED[k - SELF_TEST_PLAIN]
    if (raised !== undefined) blowUp(window, model, raised)
    scores.push(round(scoreWindow(model, window)))
  }
  return {
    windows: Buffer.from(windows.buffer).toString('base64'),
    scores,
    tolerance: SELF_TEST_TOLERANCE,
  }
}

function windowEnds(data: FitData, samples: number): number[] {
  const ends: number[] = []
  let run = 0
  for (let r = 0; r < data.rows; r++) {
    run = r > 0 && data.breaks[r] === 0 ? run + 1 : 1
    if (run >= samples) ends.push(r)
  }
  return ends
}

function cut(data: FitData, end: number, channels: number, samples: number, out: Float32Array): void {
  for (let c = 0; c < channels; c++) {
    for (let s = 0; s < samples; s++) out[c * samples + s] = data.values[(end - samples + 1 + s) * channels + c]!
  }
}

/** Stretches a window about the centre until it scores about `target`: the score is linear in it but for the intercept. */
function blowUp(window: Float32Array, model: VarModel, target: number): void {
  const samples = model.order + model.mean
  const factor = target / Math.max(scoreWindow(model, window), 0.05)
  for (let i = 0; i < window.length; i++) {
    const centre = model.centre[Math.floor(i / samples)]!
    window[i] = centre + (window[i]! - centre) * factor
  }
}

/** Score of one window [channels, samples] in float64. */
function scoreWindow(model: VarModel, window: Float32Array): number {
  const samples = model.order + model.mean
  const values = new Float64Array(window.length)
  for (let i = 0; i < window.length; i++) values[(i % samples) * model.channels + Math.floor(i / samples)] = window[i]!
  const rows = { values, rows: samples, channels: model.channels, breaks: new Uint8Array(samples) }
  return scoreRows(model, rows)[0] ?? 0
}

const round = (value: number): number => Number(value.toPrecision(7))
