// Rows of a recording through what the live agent has: gate, windows, scorer child, alarm rule. Only the sources, the
// stores and the links are missing.
import { AlarmEngine } from '../alarms/engine.ts'
import { newAlarmState } from '../alarms/state.ts'
import type { AssetConfig } from '../config/contract.ts'
import { DEFAULTS } from '../config/defaults.ts'
import { loadConfig } from '../config/load.ts'
import { systemClock } from '../core/clock.ts'
import { Counters } from '../core/counters.ts'
import { AgentError } from '../core/errors.ts'
import { silentLogger } from '../core/logger.ts'
import { seededPrng } from '../core/prng.ts'
import type { ModelFile } from '../models/contract.ts'
import type { ScoringHost } from '../scoring/contract.ts'
import { createScoringHost } from '../scoring/host.ts'
import { Cutter } from '../windows/cutter.ts'
import { Gate } from '../windows/gate.ts'
import type { Recording } from './backtest-recording.ts'

/** A recorder that skips some beats made no gap; a weekend without rows is one, and windows do not reach across it. */
const GAP_STEPS = 100
const BLOCK_ROWS = 1024
const KEY = 'backtest'

export interface BacktestScores {
  /** [rows - fromRow]; a row without a window of its own keeps the score before it, 0 before the first. */
  scores: Float64Array
  /** [rows - fromRow] 1 while the alarm stands, after delays and deadband. */
  alarms: Uint8Array
  /** Rows that ended a window. */
  scored: number
  /** What the alarms said, in order. */
  messages: { row: number; text: string }[]
}

/** The scorer with one model in it, for any number of recordings. Throws the reason when the model is refused. */
export async function startScorer(model: ModelFile): Promise<ScoringHost> {
  const host = createScoringHost({
    config: { ...DEFAULTS.scorer, providers: ['cpu'], require: true },
    clock: systemClock(),
    prng: seededPrng(1),
    logger: silentLogger,
    counters: new Counters(),
    environment: process.env,
  })
  const { refused } = await host.load([{ key: KEY, model }])
  if (refused[0]) {
    await host.stop(0)
    throw new AgentError(refused[0].code, refused[0].message)
  }
  return host
}

/** Scores rows [fromRow, end), strictly in order: a row's score and alarm use nothing after it. */
export async function scoreRecording(
  host: ScoringHost,
  model: ModelFile,
  recording: Recording,
  fromRow: number,
): Promise<BacktestScores> {
  const { rows, timesUs } = recording
  const asset = assetOf(recording, model)
  const bare = { scores: new Float64Array(rows - fromRow), alarms: new Uint8Array(rows - fromRow) }
  const out: BacktestScores = { ...bare, scored: 0, messages: [] }
  const scored = new Uint8Array(rows - fromRow)
  const rowAt = new Map(Array.from(timesUs, (timeUs, row) => [timeUs, row - fromRow]))
  const counters = new Counters()
  const alarmFrom: { row: number; on: boolean }[] = []
  const engine = new AlarmEngine({
    assets: [asset],
    state: newAlarmState(),
    clock: systemClock(),
    prng: seededPrng(1),
    counters,
    clockState: () => 'synced',
    commit({ transition, atUs, message }) {
      const row = rowAt.get(atUs) ?? 0
      if (transition === 'acknowledged') return
      alarmFrom.push({ row, on: transition === 'raised' })
      if (transition === 'raised') out.messages.push({ row: row + fromRow, text: message })
    },
  })
  let listening = true
  host.onScores(batch => {
    if (!listening) return
    for (let i = 0; i < batch.count; i++) {
      const row = rowAt.get(batch.timesUs[i]!)!
      out.scores[row] = batch.scores[i]!
      scored[row] = 1
    }
    engine.scores(batch)
  })
  await pushRows(host, model, asset, recording, fromRow, engine)
  listening = false
  fill(out, scored, alarmFrom)
  return out
}

async function pushRows(
  host: ScoringHost,
  { manifest }: ModelFile,
  asset: AssetConfig,
  { rows, timesUs, values, channels }: Recording,
  fromRow: number,
  engine: AlarmEngine,
): Promise<void> {
  const queue = host.queue(KEY)
  if (!queue) throw new AgentError('SCORER_DIED', 'the scorer lost its model')
  const columns = manifest.channels.map(({ id }) => channels.findIndex(channel => channel.id === id))
  const shape = { columns, samples: manifest.samples, hop: 1 }
  const cutter = new Cutter(0, shape, fromRow > 0 ? timesUs[fromRow - 1] : undefined)
  const gate = new Gate(asset, new Counters(), block => {
    engine.rows(block)
    cutter.push(block, queue, () => {})
  })
  const width = channels.length
  for (let from = 0; from < rows; from += BLOCK_ROWS) {
    const count = Math.min(BLOCK_ROWS, rows - from)
    gate.push({
      asset: 0,
      rows: count,
      columns: width,
      timesUs: timesUs.subarray(from, from + count),
      values: values.subarray(from * width, (from + count) * width),
    })
    // A sensor cannot be slowed down and loses windows when the queue is full; a file can.
    await host.idle()
  }
}

/** Rows that ended no window keep what was known before them. */
function fill(out: BacktestScores, scored: Uint8Array, alarmFrom: readonly { row: number; on: boolean }[]): void {
  for (let row = 0; row < scored.length; row++) {
    if (scored[row]) out.scored++
    else out.scores[row] = row > 0 ? out.scores[row - 1]! : 0
  }
  alarmFrom.forEach(({ row, on }, i) => {
    if (on) out.alarms.fill(1, row, alarmFrom[i + 1]?.row)
  })
}

/** The asset as a configuration would describe it, so that every default is the live agent's. */
function assetOf({ channels, everyUs }: Recording, { manifest }: ModelFile): AssetConfig {
  const units = new Map(manifest.channels.map(({ id, unit }) => [id, unit]))
  const missing = manifest.channels.filter(({ id }) => !channels.some(channel => channel.id === id))
  if (missing.length > 0) {
    const has = channels.map(({ id }) => id).join(', ')
    throw new AgentError('USAGE', `the model wants ${missing.map(({ id }) => id).join(', ')}; the recording has ${has}`)
  }
  const everyMs = Math.max(1, Math.round(everyUs / 1000))
  const { onDelayMs, offDelayMs, deadband } = manifest.alarm
  const text = JSON.stringify({
    version: 1,
    gateway: { site: 'backtest', id: 'backtest' },
    sources: { csv: { replay: { files: 'recording.csv' } } },
    assets: {
      [KEY]: {
        source: 'csv',
        layout: 'rows',
        every: `${everyMs}ms`,
        gap: `${everyMs * GAP_STEPS}ms`,
        alarm: { 'on-delay': `${onDelayMs}ms`, 'off-delay': `${offDelayMs}ms`, deadband },
        channels: Object.fromEntries(channels.map(({ id }) => [id, { unit: units.get(id) || '1' }])),
      },
    },
  })
  const io = { file: 'backtest', env: {}, readFile: unread, machineId: undefined }
  return loadConfig(text, io).config.assets[0]!
}

function unread(path: string): never {
  throw new AgentError('CONFIG_UNREADABLE', `a backtest reads no ${path}`)
}
