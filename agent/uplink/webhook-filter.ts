// Which transitions a webhook is sent. Whoever was told of an alarm is told how it goes on, suppressed or not: a ticket that
// was opened must be able to close. So the filter remembers whom it told of, and that is a fold over the journal.
import { type AlarmTransition, type CheckpointPayload, stands } from '../alarms/contract.ts'
import type { WebhookConfig } from '../config/contract.ts'
import type { Decoded } from './standing.ts'

/** Alarms that stand and were told of; beyond it the oldest is forgotten, and then its suppressed transitions are left out. */
const TOLD_MAX = 10_000

export class WebhookFilter {
  readonly #config: Pick<WebhookConfig, 'minPriority' | 'floods' | 'hidden'>
  readonly #told = new Set<string>()
  /** Of the last transition seen; undefined while nothing tells. */
  alertSeq: number | undefined

  constructor(config: Pick<WebhookConfig, 'minPriority' | 'floods' | 'hidden'>) {
    this.#config = config
  }

  /** What lies before the cursor, in order. */
  fold(decoded: Decoded): void {
    if (decoded.kind === 'transition') this.takes(decoded.transition)
    if (decoded.kind === 'checkpoint') this.#restore(decoded.checkpoint)
  }

  /** True: it is to be sent. Every transition in order, once. */
  takes(t: AlarmTransition): boolean {
    this.alertSeq = Math.max(t.alertSeq, this.alertSeq ?? 0)
    const takes = this.#wants(t)
    if (!stands(t)) this.#told.delete(t.id)
    else if (takes) this.#tell(t.id)
    return takes
  }

  #wants(t: AlarmTransition): boolean {
    const { minPriority, floods, hidden } = this.#config
    if (t.priority > minPriority) return false
    if (!floods && t.flood !== undefined) return false
    return hidden || this.#told.has(t.id) || (t.suppression === 'none' && !t.neverRaised)
  }

  #tell(id: string): void {
    this.#told.add(id)
    if (this.#told.size > TOLD_MAX) for (const oldest of this.#told) return void this.#told.delete(oldest)
  }

  /** Only where the records before it are gone. What stands suppressed may have been told of: one message too many closes a ticket. */
  #restore({ alarms }: CheckpointPayload): void {
    if (this.alertSeq !== undefined && alarms.alertSeq <= this.alertSeq) return
    this.alertSeq = alarms.alertSeq
    this.#told.clear()
    for (const t of alarms.standing) if (!t.neverRaised) this.#tell(t.id)
  }
}
