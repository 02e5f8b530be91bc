// An AssetScoring with fakes around it that finish when told to, so that rows can arrive at any moment between.
import type { AssetConfig, LearnConfig } from '../../agent/config/contract.ts'
import { Counters } from '../../agent/core/counters.ts'
import { silentLogger } from '../../agent/core/logger.ts'
import type { History, HistoryRows } from '../../agent/history/contract.ts'
import type { FitData, FitResult, Manifest, ModelFile } from '../../agent/models/contract.ts'
import { AssetScoring } from '../../agent/models/live/asset-scoring.ts'
import type { FitExtra } from '../../agent/models/live/fitting.ts'
import type { BindingKind, TimeRange } from '../../agent/models/live/fold.ts'
import { HeldRows } from '../../agent/models/live/held-rows.ts'
import type { LearnRecord } from '../../agent/models/live/learn-meter.ts'
import { Cutter } from '../../agent/windows/cutter.ts'
import { Gate } from '../../agent/windows/gate.ts'
import { asset, channel } from './assets.ts'
import { block, SECOND_US } from './blocks.ts'
import { maxModel } from './scoring-models.ts'
import { collectingQueue } from './window-queue.ts'

/** Of two channels: 36 bytes a row, in chunks of 256. */
const HELD_BYTES_MAX = 80 * 256 * 36

export const FROM_S = 1_700_000_000
export const CHANNELS = [channel('c0', { unit: '1' }), channel('c1', { unit: '1' })]

/** Values of row `i`, so that a window can be told from any other. */
export const rowOf = (i: number): [number, number] => [i, -i]

export const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

export class ScoringLife {
  readonly counters = new Counters()
  readonly scoring: AssetScoring
  readonly fits: {
    data: FitData
    extra: FitExtra
    done: (result: FitResult) => void
    failed: (error: Error) => void
  }[] = []
  /** Windows of every queue there was, in the order cut: time in seconds since FROM_S. */
  readonly queues: ReturnType<typeof collectingQueue>[] = []
  /** Resolves before each chunk of a history query; throws to break it. */
  chunk: () => Promise<void> = turn
  /** What a query of the history gives: `false` = nothing. */
  remembers = true
  rows = 0
  inAlarm = false
  alarms: TimeRange[] = []
  readonly installs: BindingKind[] = []
  /** Added to the time of rows that arrive from now on. */
  clockS = 0
  readonly asset: AssetConfig
  readonly #stored: { row: number; timeUs: number }[] = []
  readonly #gate: Gate

  constructor(learnRows: number, learnt?: LearnRecord, more: Partial<LearnConfig> = {}) {
    const learn = { rows: learnRows, runningMs: 1e9, starts: 0, provisionalAfterMs: 1e9, ...more }
    this.asset = asset(CHANNELS, { learn, gapMs: 2500 })
    this.scoring = new AssetScoring(
      this.asset,
      {
        history: { query: (range: { fromUs: number; toUs: number }) => this.#query(range) } as unknown as History,
        gate: (config, out) => new Gate(config, new Counters(), out),
        cutter: (index, shape, afterUs) => new Cutter(index, shape, afterUs),
        queue: () => this.queues.at(-1),
        room: async () => {},
        alone: work => work(),
        fit: (_asset, data, extra) =>
          new Promise((done, failed) => this.fits.push({ data: data as FitData, extra, done, failed })),
        install: async (_asset, fitted, kind, bind) => {
          await turn()
          this.installs.push(kind)
          this.swap(4, bind, fitted.manifest, 'local')
          return undefined
        },
        inAlarm: () => this.inAlarm,
        alarms: () => this.alarms,
        stored: async () => {
          throw new Error('no store')
        },
        held: new HeldRows([this.asset.id], this.counters, HELD_BYTES_MAX),
        logger: silentLogger,
      },
      learnt && { learning: learnt },
    )
    this.#gate = new Gate(this.asset, new Counters(), gated => this.scoring.gated(gated))
  }

  /** Row number `rows` arrives; it is in the history before anyone else sees it. */
  arrive(count = 1): void {
    const from = this.rows
    const numbers = Array.from({ length: count }, (_, i) => from + i)
    this.rows += count
    const times = numbers.map(row => row + this.clockS)
    this.#stored.push(...numbers.map((row, i) => ({ row, timeUs: (FROM_S + times[i]!) * SECOND_US })))
    this.#gate.push(block(numbers.map(rowOf), times, FROM_S * SECOND_US))
  }

  /** A model takes over: a new queue where the shape is another. */
  swap(samples: number, bind: (model: ModelFile) => void, more: Partial<Manifest> = {}, origin?: 'local'): ModelFile {
    const file = maxModel(`m${samples}`, 1, { channels: 2, samples })
    const manifest = { ...file.manifest, ...more, hop: 1 }
    const model = { ...file, manifest, origin: origin ?? file.origin }
    if (this.queues.at(-1)?.floatsPerWindow !== 2 * samples) this.queues.push(collectingQueue(2 * samples, 30_000))
    bind(model)
    return model
  }

  /** Numbers of the rows that ended a window, over all queues; throws where a window is not of successive rows. */
  scored(): number[] {
    return this.queues.flatMap(queue =>
      queue.windows().map(({ values }) => {
        const samples = values.length / 2
        const end = values[samples - 1]!
        for (let s = 0; s < samples; s++) {
          const expected = rowOf(end - samples + 1 + s)
          if (values[s] !== expected[0] || values[samples + s] !== expected[1])
            throw new Error(`window of row ${end} holds ${values.join(' ')}`)
        }
        return end
      }),
    )
  }

  async *#query({ fromUs, toUs }: { fromUs: number; toUs: number }): AsyncGenerator<HistoryRows> {
    const stored = [...this.#stored]
    for (let at = 0; at < stored.length; ) {
      await this.chunk()
      const chunk = stored.slice(at, at + 7)
      at += chunk.length
      const rows = chunk.filter(({ timeUs }) => this.remembers && timeUs >= fromUs && timeUs < toUs)
      if (rows.length === 0) continue
      const timesUs = Float64Array.from(rows, ({ timeUs }) => timeUs)
      yield { timesUs, columns: ['c0', 'c1'], values: Float64Array.from(rows.flatMap(({ row }) => rowOf(row))) }
    }
  }
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i)
}
