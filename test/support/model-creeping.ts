// A simulated pump watched for many baseline lengths while one sensor creeps away, re-baselined as the live agent does.
import { newRuleState, stepRule } from '../../agent/alarms/rule.ts'
import type { FitData, FitOptions, Reference } from '../../agent/models/contract.ts'
import { stretchOf } from '../../agent/models/families/rows.ts'
import { scoreModel } from '../../agent/models/fit/combine.ts'
import { fitHealthy } from '../../agent/models/fit/fit.ts'
import { judgeRebaseline } from '../../agent/models/live/drift.ts'
import { RebaselineMeter } from '../../agent/models/live/rebaseline.ts'
import { PUMP_CHANNELS, PumpModel } from '../../agent/sources/pump-model.ts'

const STEP_S = 60
/** Temperatures take a while after a start. */
const SETTLE_ROWS = 40
const ON_ROWS = 5
const OFF_ROWS = 30

export interface Creeping {
  seed: number
  baselineRows: number
  /** Baseline lengths watched after the first. */
  lengths: number
  /** Sensor that creeps, and how far it has come at the end, in standard deviations of the first baseline. */
  channel: (typeof PUMP_CHANNELS)[number]
  deviations: number
}

export interface Watched {
  /** Where the alarm was raised, as a share of the way; in order. */
  raised: number[]
  rowsInAlarm: number
  /** Re-baselinings: where, taken or why not. */
  log: { at: number; taken: boolean; reason: string }[]
}

const rule = {
  id: 'model',
  asset: 'pump',
  kind: 'machine',
  priority: 3,
  setpoint: 1,
  side: 'above',
  deadband: 0.1,
  onDelayUs: ON_ROWS,
  offDelayUs: OFF_ROWS,
} as const

export function watchPump({ seed, baselineRows, lengths, channel, deviations }: Creeping): Watched {
  const rows = baselineRows * (1 + lengths)
  const { values, breaks } = pumpRows(seed, rows)
  const column = PUMP_CHANNELS.indexOf(channel)
  const first = fitOf(values, breaks, 0, baselineRows)
  const sd = first.reference.deviation[column]!
  const width = PUMP_CHANNELS.length
  for (let row = baselineRows; row < rows; row++)
    values[row * width + column]! += (deviations * sd * (row - baselineRows)) / (rows - baselineRows)
  const meter = new RebaselineMeter({ baselineRows, everyUs: STEP_S * 1e6, onDelayRows: ON_ROWS, keeps: 'baseline' })
  meter.begin({ from: 0, to: baselineRows - 1, rows: baselineRows })
  const out: Watched = { raised: [], rowsInAlarm: 0, log: [] }
  const state = newRuleState()
  let score = first.score
  let inAlarm = false
  for (let from = baselineRows; from < rows; ) {
    const to = Math.min(rows, from + meter.rowsToDue)
    const scores = score(values, breaks, from, to)
    for (let row = from; row < to; row++) {
      const decision = stepRule(rule, state, scores[row - from]!, row, 1, true)
      if (decision === 'raise') out.raised.push((row - baselineRows) / (rows - baselineRows))
      if (decision !== 'none') inAlarm = decision === 'raise'
      if (inAlarm) out.rowsInAlarm++
      meter.row(row, scores[row - from]!, inAlarm)
    }
    from = to
    const due = meter.take()
    const at = (from - baselineRows) / (rows - baselineRows)
    if (!due.ready) {
      out.log.push({ at, taken: false, reason: due.reason })
      continue
    }
    const picked = due.stretches.flatMap(stretch =>
      Array.from({ length: stretch.to - stretch.from + 1 }, (_, i) => stretch.from + i),
    )
    const taken = picked.slice(-due.takeLast)
    const data = dataOf(values, breaks, taken)
    const verdict = judgeRebaseline(first.reference, data)
    out.log.push({ at, taken: verdict.ok, reason: verdict.reason })
    if (verdict.ok) score = fitRows(data).score
  }
  return out
}

type Score = (values: Float64Array, breaks: Uint8Array, from: number, to: number) => Float64Array

function fitOf(
  values: Float64Array,
  breaks: Uint8Array,
  from: number,
  to: number,
): { score: Score; reference: Reference } {
  return fitRows(
    dataOf(
      values,
      breaks,
      Array.from({ length: to - from }, (_, i) => from + i),
    ),
  )
}

function fitRows(data: FitData): { score: Score; reference: Reference } {
  const options: FitOptions = { name: 'pump', release: 1, family: 'auto', order: 5, mean: 10, hop: 1 }
  const { fit } = fitHealthy(data, options)
  const { standard, samples } = fit.model
  const reference = {
    fromUs: 0,
    toUs: 1,
    rows: data.rows,
    centre: [...standard.centre],
    deviation: Array.from(standard.inverse, value => 1 / value),
  }
  const score: Score = (values, breaks, from, to) => {
    const start = Math.max(0, from - samples + 1)
    const width = PUMP_CHANNELS.length
    const stretch = stretchOf(
      {
        values: values.subarray(start * width, to * width),
        rows: to - start,
        channels: width,
        breaks: breaks.subarray(start, to),
      },
      standard,
    )
    return scoreModel(fit.model, stretch).subarray(from - start)
  }
  return { score, reference }
}

function dataOf(values: Float64Array, breaks: Uint8Array, rows: readonly number[]): FitData {
  const width = PUMP_CHANNELS.length
  const taken = new Float64Array(rows.length * width)
  rows.forEach((row, r) => {
    taken.set(values.subarray(row * width, (row + 1) * width), r * width)
  })
  return {
    values: taken,
    rows: rows.length,
    channels: PUMP_CHANNELS.map(id => ({ id, unit: '1' })),
    breaks: Uint8Array.from(rows, (row, r) => (r === 0 || rows[r - 1] !== row - 1 || breaks[row] === 1 ? 1 : 0)),
    fromUs: 0,
    toUs: 1,
    source: 'simulated pump',
  }
}

const simulated = new Map<string, { values: Float64Array; breaks: Uint8Array }>()

/** Rows of the running, settled pump; simulating a month takes seconds, so a copy where it was done before. */
function pumpRows(seed: number, rows: number): { values: Float64Array; breaks: Uint8Array } {
  const key = `${seed} ${rows}`
  const { values, breaks } = simulated.get(key) ?? simulate(seed, rows)
  simulated.set(key, { values, breaks })
  return { values: values.slice(), breaks }
}

function simulate(seed: number, rows: number): { values: Float64Array; breaks: Uint8Array } {
  const width = PUMP_CHANNELS.length
  const model = new PumpModel(seed, { fault: 'none', faultAfterS: 0 })
  const values = new Float64Array(rows * width)
  const breaks = new Uint8Array(rows)
  let running = 0
  for (let row = 0; row < rows; ) {
    model.step(STEP_S)
    running = model.running ? running + 1 : 0
    if (running <= SETTLE_ROWS) continue
    breaks[row] = row === 0 || running === SETTLE_ROWS + 1 ? 1 : 0
    values.set(model.values, row++ * width)
  }
  return { values, breaks }
}
