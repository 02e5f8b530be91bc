// The rows that a rule saw during one alarm, out of the history: values or scores with the running time between them.
import type { AlarmCase } from '../alarms/case.ts'
import type { AlarmRule } from '../alarms/contract.ts'
import type { RuleRows } from '../alarms/proposal.ts'
import { limitRules, MODEL_RULE, modelRule } from '../alarms/rules.ts'
import { RunningTime } from '../alarms/running-time.ts'
import type { AssetConfig } from '../config/contract.ts'
import { Counters } from '../core/counters.ts'
import type { History } from '../history/contract.ts'
import { replayHistory } from '../models/live/baseline.ts'
import type { GatedBlock } from '../windows/contract.ts'
import { Gate, RUNNING } from '../windows/gate.ts'

/** 5 hours at 10 Hz; what comes after them in an alarm hardly decides any more. */
const ROWS_MAX = 200_000
/** Before the onset, for the gate to settle. */
const LEAD_US = 600e6

export interface WatchedRule {
  rule: AlarmRule
  asset: AssetConfig
  /** Column of its channel; undefined: it watches the score. */
  column: number | undefined
}

/** The rule as it is configured now, where its rows are in the history: the model's, or one of a channel's value. */
export function watchedRule(asset: AssetConfig, id: string): WatchedRule | undefined {
  if (id === MODEL_RULE) return { rule: modelRule(asset), asset, column: undefined }
  for (const [column, channel] of asset.channels.entries()) {
    const rule = limitRules(asset, channel).find(candidate => candidate.id === id)
    if (rule) return { rule, asset, column }
  }
  return undefined
}

/** Running rows with a value from the onset to the end of the alarm, or to `nowUs` while it is active. Rejects with HISTORY_IO. */
export async function rowsOfCase(
  history: History,
  { asset, column }: WatchedRule,
  { raised, clearedUs }: AlarmCase,
  nowUs: number,
): Promise<RuleRows> {
  const range = { fromUs: raised.onsetUs, toUs: (clearedUs ?? nowUs) + 1 }
  const taken = new Taken()
  if (column !== undefined) {
    await throughGate(history, asset, range, block => {
      for (let row = 0; row < block.rows && !taken.full; row++) {
        const timeUs = block.timesUs[row]!
        if (timeUs < range.fromUs || block.states[row] !== RUNNING) continue
        taken.add(timeUs, block.values[row * block.columns + column]!, block.runningUs[row]!)
      }
    })
  } else await scoreRows(history, asset, range, taken)
  return taken.rows()
}

interface Range {
  fromUs: number
  toUs: number
}

async function scoreRows(history: History, asset: AssetConfig, range: Range, taken: Taken): Promise<void> {
  const scores: [timeUs: number, score: number][] = []
  for await (const chunk of history.query({ asset: asset.id, class: 'scores', ...range })) {
    const at = chunk.columns.indexOf('score')
    for (let row = 0; at >= 0 && row < chunk.timesUs.length && scores.length < ROWS_MAX; row++)
      scores.push([chunk.timesUs[row]!, chunk.values[row * chunk.columns.length + at]!])
  }
  if (scores.length === 0) return
  const time = new RunningTime(asset.index + 1)
  const always = asset.channels.every(channel => channel.waveform)
  let next = 0
  const upTo = (timeUs: number): void => {
    for (; next < scores.length && scores[next]![0] <= timeUs; next++) {
      const [atUs, score] = scores[next]!
      const ranUs = always ? time.sinceAlways('scored', asset.index, atUs) : time.since('scored', asset.index, atUs)
      taken.add(atUs, score, ranUs)
    }
  }
  if (!always) {
    await throughGate(history, asset, range, block => {
      time.rows(block)
      upTo(block.timesUs[block.rows - 1]!)
    })
  }
  upTo(Number.POSITIVE_INFINITY)
}

/** Rows before the range too, so that the machine has settled when it begins. */
function throughGate(
  history: History,
  asset: AssetConfig,
  { fromUs, toUs }: Range,
  sink: (block: GatedBlock) => void,
): Promise<void> {
  const leadUs = LEAD_US + (asset.running?.settleMs ?? 0) * 1000
  // Those rows were counted when they came in.
  const replayed = new Counters()
  return replayHistory(
    history,
    asset,
    (asset, out) => new Gate(asset, replayed, out),
    { fromUs: fromUs - leadUs, toUs },
    sink,
  )
}

class Taken {
  readonly #times: number[] = []
  readonly #values: number[] = []
  readonly #running: number[] = []

  get full(): boolean {
    return this.#times.length >= ROWS_MAX
  }

  /** A value that is none holds the rule: nothing of it is taken. */
  add(timeUs: number, value: number, runningUs: number): void {
    if (this.full || !Number.isFinite(value)) return
    this.#times.push(timeUs)
    this.#values.push(value)
    this.#running.push(runningUs)
  }

  rows(): RuleRows {
    return {
      timesUs: Float64Array.from(this.#times),
      values: Float64Array.from(this.#values),
      runningUs: Float64Array.from(this.#running),
    }
  }
}
