// A child that scores, and the batches that are with it: one being scored, one waiting in the pipe.
import type { Clock } from '../core/clock.ts'
import { AgentError, assert, messageOf } from '../core/errors.ts'
import type { ModelFile } from '../models/contract.ts'
import type { Placement } from './contract.ts'
import { Deadline } from './deadline.ts'
import { decodeJson, encodeScore, type Failed, FRAME, protocolError, SLOTS } from './protocol.ts'
import type { Death, ScorerProcess } from './scorer-process.ts'
import type { WindowRing } from './window-ring.ts'

/** A model at work for one key. Replaced as a whole when another model takes over; the ring may stay. */
export interface Entry {
  key: string
  model: ModelFile
  placement: Placement
  ring: WindowRing
  batchMax: number
}

export interface Batch {
  entry: Entry
  /** [count] slots of entry.ring. */
  slots: Int32Array
  count: number
  /** Times a child died or failed over it. */
  failures: number
}

export interface LaneEvents {
  scored(lane: Lane, batch: Batch, payload: Uint8Array): void
  /** The run threw; the child lives. */
  failed(lane: Lane, batch: Batch, message: string): void
  /** The child is gone; `batches` were with it, the one it was at first. */
  died(lane: Lane, death: Death, batches: Batch[]): void
}

export class Lane {
  readonly process: ScorerProcess
  readonly #models: ReadonlyMap<string, number>
  readonly #events: LaneEvents
  readonly #deadlineMs: number
  readonly #deadline: Deadline
  readonly #inFlight: Batch[] = []
  readonly #views: Uint8Array[] = []
  #slot = 0
  #oldestId = 0
  #nextId = 0

  /** `models`: index in the child by digest. */
  constructor(
    process: ScorerProcess,
    models: ReadonlyMap<string, number>,
    clock: Clock,
    deadlineMs: number,
    events: LaneEvents,
  ) {
    this.process = process
    this.#models = models
    this.#events = events
    this.#deadlineMs = deadlineMs
    this.#deadline = new Deadline(clock, () => this.#expired())
  }

  /** Takes over what the child says. */
  open(): void {
    this.process.listen((type, id, payload) => this.#receive(type, id, payload))
    void this.process.closed.then(death => {
      this.#deadline.disarm()
      this.#events.died(this, death, this.#inFlight.splice(0))
    })
  }

  get free(): number {
    return SLOTS - this.#inFlight.length
  }

  get busy(): boolean {
    return this.#inFlight.length > 0
  }

  /** Sends a batch; there must be room (`free`). */
  send(batch: Batch): void {
    const { entry, slots, count } = batch
    const index = this.#models.get(entry.model.sha256)
    assert(index !== undefined && count > 0 && this.free > 0, 'a batch has a model, windows and a free slot')
    this.#views.length = count
    for (let i = 0; i < count; i++) this.#views[i] = entry.ring.view(slots[i]!)
    if (this.#inFlight.push(batch) === 1) this.#deadline.arm(this.#deadlineMs)
    try {
      this.process.writeSlot(this.#slot, this.#views)
    } catch (error) {
      this.process.kill('own', messageOf(error))
      return
    }
    this.process.send(encodeScore(this.#nextId++, index, count, this.#slot))
    this.#slot = (this.#slot + 1) % SLOTS
  }

  /** Stops listening; returns the batches that were with the child. */
  abandon(): Batch[] {
    this.#deadline.disarm()
    this.process.listen(() => {})
    return this.#inFlight.splice(0)
  }

  #receive(type: number, id: number, payload: Uint8Array): void {
    const batch = this.#inFlight[0]
    if (!batch || id !== this.#oldestId) throw protocolError(`answer ${id} to no question`)
    this.#inFlight.shift()
    this.#oldestId++
    // The deadline of the next batch begins when the child begins with it.
    if (this.#inFlight.length > 0) this.#deadline.arm(this.#deadlineMs)
    else this.#deadline.disarm()
    try {
      if (type === FRAME.scores) this.#events.scored(this, batch, payload)
      else if (type === FRAME.failed) this.#events.failed(this, batch, decodeJson<Failed>(payload).message)
      else throw protocolError(`frame type ${type} for a batch`)
    } catch (error) {
      // An answer that is none: the child is about to be killed, and its batches are sent once more.
      if (error instanceof AgentError) this.#inFlight.unshift(batch)
      throw error
    }
  }

  #expired(): void {
    const name = this.#inFlight[0]?.entry.model.manifest.name
    this.process.kill('deadline', `scorer: ${name} has not answered a batch within ${this.#deadlineMs} ms`)
  }
}
