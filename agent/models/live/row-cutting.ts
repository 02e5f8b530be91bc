import type { AssetConfig } from '../../config/contract.ts'
import { messageOf } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import type { History } from '../../history/contract.ts'
import type { WindowQueue } from '../../scoring/contract.ts'
import type { CutterFactory, GatedBlock, WindowCutter } from '../../windows/contract.ts'
import type { ModelFile } from '../contract.ts'
import { type GateFactory, replayHistory } from './baseline.ts'
import type { HeldRows } from './held-rows.ts'

export interface RowCuttingDeps {
  history: History
  gate: GateFactory
  cutter: CutterFactory
  queue(key: string): WindowQueue | undefined
  /** Resolves when the queue has room again, or the scorer is stopping. */
  room(queue: WindowQueue): Promise<void>
  /** Rows that wait, of all assets. */
  held: HeldRows
  logger: Logger
}

/**
 * Rows of one asset -> windows of the model at work. After a model of another shape took over: catch up with the rows since
 * the last window from the history, so that none is lost and nothing is held in memory while a model is made, then go on with
 * new ones.
 */
export class RowCutting {
  readonly #asset: AssetConfig
  readonly #deps: RowCuttingDeps
  #state: 'idle' | 'expecting' | 'catching-up' | 'scoring' = 'idle'
  #shape: Pick<ModelFile['manifest'], 'channels' | 'samples' | 'hop'> | undefined
  #cutter: WindowCutter | undefined
  #lastWindowUs = Number.NEGATIVE_INFINITY
  /** Of the catching up under way: a model of another shape that comes in meanwhile begins a new one. */
  #turn = 0
  #stopped = false

  constructor(asset: AssetConfig, deps: RowCuttingDeps) {
    this.#asset = asset
    this.#deps = deps
  }

  get state(): 'idle' | 'expecting' | 'catching-up' | 'scoring' {
    return this.#state
  }

  /** A model is being loaded, which may take minutes. */
  expect(): void {
    this.#state = 'expecting'
  }

  /** The model that was expected does not come: the rows that waited for it. */
  *giveUp(): Generator<GatedBlock> {
    this.#state = 'idle'
    const { held } = this.#deps
    for (let rows = held.take(this.#asset.index); rows; rows = held.take(this.#asset.index)) yield rows
  }

  stop(): void {
    this.#stopped = true
  }

  push(block: GatedBlock): void {
    if (this.#state === 'scoring') this.#cut(block)
    else if (this.#state !== 'idle') this.#deps.held.push(block)
  }

  /**
   * A cutter of the same shape goes on as it is; otherwise the rows after `afterUs` (the baseline's end), or after the last
   * window that the model before scored, are cut again from the history.
   */
  bind({ channels, samples, hop }: ModelFile['manifest'], afterUs: number): void {
    const before = this.#shape
    this.#shape = { channels, samples, hop }
    const sameShape = before?.samples === samples && before.hop === hop && same(before.channels, channels)
    if (this.#cutter && sameShape) return
    const columns = channels.map(wanted => this.#asset.channels.findIndex(channel => channel.id === wanted.id))
    const fromUs = Number.isFinite(this.#lastWindowUs) ? this.#lastWindowUs : afterUs
    const newCutter = (): WindowCutter => this.#deps.cutter(this.#asset.index, { columns, samples, hop }, fromUs)
    this.#cutter = newCutter()
    this.#state = 'catching-up'
    const turn = ++this.#turn
    this.#catchUp(turn, fromUs, samples).catch((error: unknown) => {
      if (this.#stopped) return
      const what = `catching up with the rows of ${this.#asset.id}: ${messageOf(error)}; scoring goes on with new rows`
      this.#deps.logger.error(what)
      if (turn !== this.#turn) return
      // An empty one: no window may reach over the rows that are missing.
      this.#cutter = newCutter()
      this.#deps.held.clear(this.#asset.index)
      this.#state = 'scoring'
    })
  }

  async #catchUp(turn: number, afterUs: number, samples: number): Promise<void> {
    const { gapMs, everyMs, running } = this.#asset
    const { held } = this.#deps
    // Far enough back for the gate to settle and the first window to fill.
    const reachUs = ((running?.settleMs ?? 0) + 2 * gapMs + 20 * samples * everyMs) * 1000
    const room = async (): Promise<void> => {
      const queue = this.#deps.queue(this.#asset.id)
      if (queue) await this.#deps.room(queue)
    }
    if (Number.isFinite(afterUs)) {
      const range = { fromUs: afterUs - reachUs, toUs: Number.MAX_SAFE_INTEGER }
      const cut = (block: GatedBlock): void => {
        if (turn === this.#turn) this.#cut(block)
      }
      // What was held until now is in the history, which gives what it has at this moment; what comes from here on is not, so
      // the two never overlap, whatever the clock does.
      held.clear(this.#asset.index)
      await replayHistory(this.#deps.history, this.#asset, this.#deps.gate, range, cut, room)
    }
    while (turn === this.#turn) {
      const rows = held.take(this.#asset.index)
      if (!rows) {
        this.#state = 'scoring'
        return
      }
      this.#cut(rows)
      await room()
    }
  }

  #cut(block: GatedBlock): void {
    const queue = this.#deps.queue(this.#asset.id)
    if (queue) this.#cutter?.push(block, queue, this.#onWindow)
  }

  readonly #onWindow = (timeUs: number): void => {
    this.#lastWindowUs = timeUs
  }
}

function same(a: readonly { id: string }[], b: readonly { id: string }[]): boolean {
  return a.length === b.length && a.every((channel, i) => channel.id === b[i]?.id)
}
