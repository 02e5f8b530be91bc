// Who is scored next, on which child, and what becomes of a batch. Knows rings and lanes, starts no process.
import type { Counters } from '../core/counters.ts'
import type { Logger } from '../core/logger.ts'
import type { ScoredBatch } from './contract.ts'
import type { Batch, Entry, Lane, LaneEvents } from './lane.ts'
import type { Quarantine } from './quarantine.ts'
import { ResultDecoder } from './results.ts'
import type { Death } from './scorer-process.ts'
import type { WindowRing } from './window-ring.ts'

export interface DispatcherParts {
  logger: Logger
  counters: Counters
  quarantine: Quarantine
  /** The lane died and no other has taken its place. */
  onLaneLost(death: Death): void
}

type Waiter = { condition: () => boolean; resolve: () => void }

/**
 * Natural batching: whatever gathered while two batches were with the child becomes the next batch, from one model after
 * the other, so that a loud sensor cannot starve a quiet one. Nothing waits for a batch to fill.
 */
export class Dispatcher implements LaneEvents {
  readonly #parts: DispatcherParts
  readonly #decoder = new ResultDecoder()
  readonly #listeners: ((batch: ScoredBatch) => void)[] = []
  /** Sent before anything else, in order: they are older than what waits. At most the two that were with a dead child. */
  #retries: Batch[] = []
  #entries: Entry[] = []
  #cursor = 0
  #lane: Lane | undefined
  /** During a swap: the queues that only the old child can score, and how many more windows it may. */
  #retiring: { rings: ReadonlySet<WindowRing>; windowsLeft: number } | undefined
  #pumpScheduled = false
  #waiters: Waiter[] = []
  windowsScored = 0
  windowsDropped = 0
  windowsLost = 0

  constructor(parts: DispatcherParts) {
    this.#parts = parts
  }

  get entries(): readonly Entry[] {
    return this.#entries
  }

  get lane(): Lane | undefined {
    return this.#lane
  }

  onScores(listener: (batch: ScoredBatch) => void): void {
    this.#listeners.push(listener)
  }

  /** For rings: the window is filled after claim() has returned, so the pump runs once the caller is done. */
  claimed(): void {
    if (this.#pumpScheduled) return
    this.#pumpScheduled = true
    queueMicrotask(() => {
      this.#pumpScheduled = false
      this.#pump()
    })
  }

  dropped(windows: number): void {
    this.windowsDropped += windows
    this.#parts.counters.get('scoring.windows_dropped').n += windows
  }

  /** Nothing waits, nothing is with a child. */
  idle(): Promise<void> {
    return this.#when(() => this.#isIdle())
  }

  /**
   * Replaces child and models between two batches. Queues without a successor of their shape are first scored to the end
   * by the old child, at most what waits plus once their capacity; then `next` takes all others over with what waits in them.
   */
  async handOver(next: Lane | undefined, entries: readonly Entry[]): Promise<void> {
    const staying = new Set(entries.map(entry => entry.ring))
    const leaving = this.#entries.map(entry => entry.ring).filter(ring => !staying.has(ring))
    const windowsLeft = leaving.reduce((sum, ring) => sum + ring.waiting + ring.capacity, 0)
    this.#retiring = { rings: new Set(leaving), windowsLeft }
    this.#pump()
    const old = this.#lane
    await this.#when(() => this.#lane !== old || !old || (!old.busy && !this.#hasNext()))
    for (const ring of leaving) this.dropped(ring.close())
    this.#retiring = undefined
    this.#entries = [...entries]
    this.#adoptRetries()
    this.#lane = next
    next?.open()
    this.#pump()
    this.#wake()
    // Not awaited: whoever awaits this fetches the new queues now, and claims on the closed ones are dropped.
    if (old) void old.process.end()
  }

  /** Takes a model out of service; what waits for it is lost. */
  evict(sha256: string): void {
    const out = this.#entries.filter(entry => entry.model.sha256 === sha256)
    this.#entries = this.#entries.filter(entry => entry.model.sha256 !== sha256)
    for (const entry of out) this.#lose(entry.ring.close())
    this.#adoptRetries()
  }

  /** Gives up everything that waits or is with the child; counted as dropped. */
  close(): void {
    for (const entry of this.#entries) this.dropped(entry.ring.close())
    for (const batch of [...this.#retries, ...(this.#lane?.abandon() ?? [])]) this.dropped(batch.count)
    this.#retries = []
    this.#entries = []
    this.#lane = undefined
    this.#wake()
  }

  scored(_lane: Lane, batch: Batch, payload: Uint8Array): void {
    const result = this.#decoder.decode(batch, payload)
    this.#parts.quarantine.scored(batch.entry.model.sha256)
    this.windowsScored += batch.count
    this.#parts.counters.get('scoring.scores_not_finite').n += batch.count - result.count
    // The child gets its next batch before the listeners take their time.
    batch.entry.ring.release(batch.slots, batch.count)
    this.#pump()
    if (result.count > 0) for (const listener of this.#listeners) listener(result)
    this.#wake()
  }

  failed(_lane: Lane, batch: Batch, message: string): void {
    this.#blame(batch, `${batch.entry.model.manifest.name}: a batch of ${batch.count} failed: ${message}`, true)
    this.#pump()
    this.#wake()
  }

  died(lane: Lane, death: Death, batches: Batch[]): void {
    if (death.cause === 'ended' && batches.length === 0) return
    const [culprit, ...innocent] = batches
    this.#retries.unshift(...innocent)
    if (culprit) this.#blame(culprit, death.message, death.cause !== 'killed')
    this.#adoptRetries()
    if (this.#lane === lane) this.#lane = undefined
    this.#wake()
    if (this.#lane === undefined) this.#parts.onLaneLost(death)
  }

  #pump(): void {
    const lane = this.#lane
    while (lane && lane === this.#lane && lane.free > 0) {
      const batch = this.#next()
      if (!batch) return
      lane.send(batch)
    }
  }

  #next(): Batch | undefined {
    if (this.#retries.length > 0 && this.#eligible(this.#retries[0]!.entry.ring)) return this.#retries.shift()
    const entries = this.#entries
    for (let i = 0; i < entries.length; i++) {
      const at = (this.#cursor + i) % entries.length
      const entry = entries[at]!
      if (entry.ring.waiting === 0 || !this.#eligible(entry.ring)) continue
      this.#cursor = at + 1
      return this.#take(entry)
    }
    return undefined
  }

  #take(entry: Entry): Batch {
    const slots = new Int32Array(Math.min(entry.batchMax, entry.ring.waiting))
    const count = entry.ring.take(slots, slots.length)
    if (this.#retiring) this.#retiring.windowsLeft -= count
    return { entry, slots, count, failures: 0 }
  }

  #eligible(ring: WindowRing): boolean {
    return !this.#retiring || (this.#retiring.windowsLeft > 0 && this.#retiring.rings.has(ring))
  }

  #hasNext(): boolean {
    const retry = this.#retries[0]
    if (retry && this.#eligible(retry.entry.ring)) return true
    return this.#entries.some(entry => entry.ring.waiting > 0 && this.#eligible(entry.ring))
  }

  /** A batch is sent once more; the model that fails twice is quarantined. */
  #blame(batch: Batch, reason: string, own: boolean): void {
    const { model } = batch.entry
    const { name } = model.manifest
    batch.failures++
    this.#parts.counters.get('scoring.batches_failed').n++
    if (!this.#parts.quarantine.blame(model.sha256, name, reason, own)) {
      this.#retries.unshift(batch)
      this.#parts.logger.warn('a batch failed and is sent once more', { model: name, windows: batch.count, reason })
      return
    }
    this.#parts.logger.error('model quarantined: it failed twice, the others go on', {
      model: name,
      sha256: model.sha256,
      reason,
    })
    batch.entry.ring.release(batch.slots, batch.count)
    this.#lose(batch.count)
    this.evict(model.sha256)
  }

  /** After the models changed: a retry goes to the entry that has its queue now, or is lost with its queue. */
  #adoptRetries(): void {
    this.#retries = this.#retries.filter(batch => {
      const heir = this.#entries.find(entry => entry.ring === batch.entry.ring)
      if (heir) batch.entry = heir
      else this.#lose(batch.count)
      return heir !== undefined
    })
  }

  #lose(windows: number): void {
    this.windowsLost += windows
    this.#parts.counters.get('scoring.windows_lost').n += windows
  }

  #isIdle(): boolean {
    return this.#retries.length === 0 && !this.#lane?.busy && this.#entries.every(entry => entry.ring.waiting === 0)
  }

  #when(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve()
    return new Promise(resolve => {
      this.#waiters.push({ condition, resolve })
    })
  }

  #wake(): void {
    if (this.#waiters.length === 0) return
    const ready = this.#waiters.filter(waiter => waiter.condition())
    if (ready.length > 0) this.#waiters = this.#waiters.filter(waiter => !ready.includes(waiter))
    for (const waiter of ready) waiter.resolve()
  }
}
