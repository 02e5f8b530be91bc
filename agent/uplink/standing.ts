// Which alarms the broker should hold retained: the fold over the journal as it is read back.
import { type AlarmTransition, type CheckpointPayload, stands } from '../alarms/contract.ts'
import type { JournalRecord } from '../journal/contract.ts'

export type Decoded =
  | { kind: 'transition'; transition: AlarmTransition }
  | { kind: 'checkpoint'; checkpoint: CheckpointPayload }
  | { kind: 'other' }
  | { kind: 'damaged' }

/** Never throws: what cannot be read is `damaged`. */
export function decode(record: JournalRecord): Decoded {
  if (record.kind !== 'alarm' && record.kind !== 'checkpoint') return { kind: 'other' }
  try {
    const value: unknown = JSON.parse(Buffer.from(record.payload).toString('utf8'))
    if (record.kind === 'alarm') {
      const transition = value as AlarmTransition
      const whole = Number.isSafeInteger(transition.alertSeq) && typeof transition.id === 'string'
      return whole ? { kind: 'transition', transition } : { kind: 'damaged' }
    }
    const checkpoint = value as CheckpointPayload
    return Number.isSafeInteger(checkpoint.alarms?.alertSeq) ? { kind: 'checkpoint', checkpoint } : { kind: 'other' }
  } catch {
    return { kind: 'damaged' }
  }
}

export class Standing {
  /** Of the last transition taken in; undefined while nothing tells. */
  alertSeq: number | undefined
  readonly #byId = new Map<string, AlarmTransition>()

  get all(): Iterable<AlarmTransition> {
    return this.#byId.values()
  }

  has(id: string): boolean {
    return this.#byId.has(id)
  }

  get(id: string): AlarmTransition | undefined {
    return this.#byId.get(id)
  }

  apply(t: AlarmTransition): void {
    if (this.alertSeq !== undefined && t.alertSeq <= this.alertSeq) return
    this.alertSeq = t.alertSeq
    if (stands(t)) this.#byId.set(t.id, t)
    else this.#byId.delete(t.id)
  }

  /** Jumps ahead to a checkpoint; returns the alarms that stood before it and do not any more. */
  restore({ alarms }: CheckpointPayload): AlarmTransition[] {
    if (this.alertSeq !== undefined && alarms.alertSeq <= this.alertSeq) return []
    const before = [...this.#byId.values()]
    this.#byId.clear()
    for (const t of alarms.standing) this.#byId.set(t.id, t)
    this.alertSeq = alarms.alertSeq
    return before.filter(t => !this.#byId.has(t.id))
  }
}
