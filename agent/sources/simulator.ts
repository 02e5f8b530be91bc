// The pump model as a source: rows at `rateHz` of the injected clock's time, which may run 200 times as fast as real time.
import type { AssetConfig, SimulatorSourceConfig } from '../config/contract.ts'
import type { Cancel } from '../core/clock.ts'
import type { Counter } from '../core/counters.ts'
import { AgentError } from '../core/errors.ts'
import type { SampleBlock } from '../core/types.ts'
import type { Source, SourceDeps, SourceStatus } from './contract.ts'
import { PUMP_CHANNELS, PumpModel } from './pump-model.ts'
import { StatusBoard } from './status-board.ts'

const TICK_MS = 10
const BLOCK_ROWS = 256
// What a tick catches up at most; beyond it (a suspended laptop) the rows are left out and counted, and time jumps.
const CATCH_UP_ROWS = 4096

interface SimulatedAsset {
  model: PumpModel
  block: SampleBlock
  /** Model channel -> column, scale and offset. */
  fields: { from: number; channel: number; scale: number; offset: number }[]
}

export class SimulatorSource implements Source {
  readonly id: string
  readonly ended: Promise<void> = new Promise(() => {})
  readonly #config: SimulatorSourceConfig
  readonly #deps: SourceDeps
  readonly #board: StatusBoard
  readonly #assets: readonly SimulatedAsset[]
  readonly #skipped: Counter
  #startUs = 0
  #startMs = 0
  #emitted = 0
  #cancel: Cancel | undefined

  constructor(config: SimulatorSourceConfig, deps: SourceDeps) {
    this.id = config.id
    this.#config = config
    this.#deps = deps
    this.#board = new StatusBoard(config.id, 'simulator', deps.logger)
    this.#assets = deps.assets.flatMap(asset => simulate(asset, config))
    this.#skipped = deps.counters.get(`sources.${config.id}.skipped_rows`)
  }

  start(): void {
    const { clock, simulatorTickMs = TICK_MS } = this.#deps
    const { rateHz, seed, fault } = this.#config
    this.#startUs = clock.nowUs()
    this.#startMs = clock.monotonicMs()
    this.#board.set('up', `${this.#assets.length} simulated pumps at ${rateHz} Hz, seed ${seed}, fault ${fault}`)
    this.#cancel = clock.every(Math.max(simulatorTickMs, 1000 / rateHz), () => this.#tick())
  }

  status(): SourceStatus {
    return this.#board.get()
  }

  async stop(): Promise<void> {
    this.#cancel?.()
    this.#board.set('stopped', 'stopped')
  }

  #tick(): void {
    const { clock } = this.#deps
    const elapsedS = (clock.monotonicMs() - this.#startMs) / 1000
    let due = Math.floor(elapsedS * this.#config.rateHz + 1e-6) - this.#emitted
    if (due > CATCH_UP_ROWS) {
      this.#skipped.n += due - CATCH_UP_ROWS
      this.#emitted += due - CATCH_UP_ROWS
      due = CATCH_UP_ROWS
    }
    if (due <= 0) return
    for (const asset of this.#assets) this.#emit(asset, due)
    this.#emitted += due
    this.#board.dataAt(clock.nowUs())
  }

  #emit(asset: SimulatedAsset, due: number): void {
    const { block, model, fields } = asset
    const stepS = 1 / this.#config.rateHz
    for (let done = 0; done < due; ) {
      const rows = Math.min(BLOCK_ROWS, due - done)
      for (let row = 0; row < rows; row++, done++) {
        model.step(stepS)
        block.timesUs[row] = this.#startUs + Math.round((this.#emitted + done + 1) * stepS * 1e6)
        const at = row * block.columns
        for (const field of fields)
          block.values[at + field.channel] = model.values[field.from]! * field.scale + field.offset
      }
      block.rows = rows
      this.#deps.sink.samples(block)
    }
  }
}

/** Channels are bound by their id, or by `column` where an asset names them otherwise. */
function simulate(asset: AssetConfig, config: SimulatorSourceConfig): SimulatedAsset[] {
  const bound = asset.channels.flatMap((channel, at) => (channel.binding.source === config.id ? [{ channel, at }] : []))
  if (bound.length === 0) return []
  const fields = bound.map(({ channel, at }) => {
    const name = String(channel.binding.column ?? channel.id)
    const from = (PUMP_CHANNELS as readonly string[]).indexOf(name)
    if (from === -1) {
      throw new AgentError(
        'CONFIG_INVALID',
        `asset ${asset.id}, channel ${channel.id}: the simulator has no "${name}"; it has ${PUMP_CHANNELS.join(', ')}`,
      )
    }
    return { from, channel: at, scale: channel.scale, offset: channel.offset }
  })
  const columns = asset.channels.length
  const block: SampleBlock = {
    asset: asset.index,
    rows: 0,
    columns,
    timesUs: new Float64Array(BLOCK_ROWS),
    values: new Float64Array(BLOCK_ROWS * columns).fill(Number.NaN),
  }
  const { seed, fault, faultAfterMs } = config
  return [{ model: new PumpModel(seed + asset.index, { fault, faultAfterS: faultAfterMs / 1000 }), block, fields }]
}
