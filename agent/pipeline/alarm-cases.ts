// The alarms there were, each with what became of it. The journal is the truth: a case is written behind it, and what a crash kept
// from being written is folded again from the journal at the next start.
import { type AlarmCase, foldCase, parseCase } from '../alarms/case.ts'
import { type AlarmTransition, stands, type Verdict } from '../alarms/contract.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { HistoryNotes } from '../history/contract.ts'

/** Of a start after long without notes: written before more is folded, or the history would drop some. */
const UNSETTLED_MAX = 512

export interface CaseQuery {
  asset?: string
  rule?: string
  /** Raised at or after it. */
  sinceUs?: number
  /** Raised before it. */
  untilUs?: number
  /** Labelled so; `none`: not labelled. */
  verdicts?: readonly (Verdict | 'none')[]
}

export class AlarmCases {
  readonly #notes: HistoryNotes
  readonly #logger: Logger
  /** Of alarms that stand, and of what is being worked on. */
  readonly #open = new Map<string, AlarmCase>()
  #unsettled = 0
  #turn: Promise<unknown> = Promise.resolve()

  constructor(notes: HistoryNotes, logger: Logger) {
    this.#notes = notes
    this.#logger = logger
  }

  /** At start, for every transition of the journal in order. Never rejects. */
  async recover(t: AlarmTransition): Promise<void> {
    const known = this.#notes.version(t.id)
    if (t.neverRaised || (known !== undefined && known >= t.alertSeq)) return
    if (known !== undefined) await this.#load(t.id)
    this.add(t)
    if (++this.#unsettled < UNSETTLED_MAX) return
    this.#unsettled = 0
    await this.#notes.settled().catch(() => {})
  }

  /** At start, when the journal has been folded: cases of those that stand. Never rejects. */
  async resume(standing: Iterable<AlarmTransition>): Promise<void> {
    for (const t of standing) {
      await this.#load(t.id)
      // Older than all that the journal still tells.
      if (!this.#open.has(t.id)) this.add(t)
    }
    for (const [id, { last }] of this.#open) if (!stands(last)) this.#open.delete(id)
  }

  /** One that has just become durable. */
  add(t: AlarmTransition): void {
    const found = foldCase(this.#open.get(t.id), t)
    if (!found) return
    const { id, raisedUs: timeUs } = found.raised
    this.#notes.keep({ name: id, timeUs, version: found.last.alertSeq, text: JSON.stringify(found) })
    if (stands(found.last)) this.#open.set(id, found)
    else this.#open.delete(id)
  }

  /** Rejects with HISTORY_IO. */
  async get(id: string): Promise<AlarmCase | undefined> {
    const name = id.toUpperCase()
    const note = this.#open.has(name) ? undefined : await this.#notes.get(name)
    return this.#open.get(name) ?? (note && parseCase(note.text))
  }

  /**
   * Hands the case of an alarm, standing or not, to `work`, whose transition of it is folded in when it becomes durable: `work` resolves after
   * that. One at a time.
   */
  with<T>(id: string, work: (found: AlarmCase | undefined) => Promise<T>): Promise<T> {
    const done = this.#turn.then(async () => {
      const found = await this.get(id)
      if (found) this.#open.set(found.last.id, found)
      try {
        return await work(found)
      } finally {
        const left = this.#open.get(id.toUpperCase())
        if (left && !stands(left.last)) this.#open.delete(left.last.id)
      }
    })
    this.#turn = done.catch(() => {})
    return done
  }

  /** Those that stand among them, newest first; one at a time in memory. Rejects with HISTORY_IO. */
  async *newestFirst(query: CaseQuery = {}): AsyncGenerator<AlarmCase> {
    for await (const { text } of this.#notes.newestFirst()) {
      const found = parseCase(text)
      if (found && matches(found, query)) yield found
    }
  }

  async #load(id: string): Promise<void> {
    if (this.#open.has(id)) return
    try {
      const note = await this.#notes.get(id)
      const found = note && parseCase(note.text)
      if (found) this.#open.set(id, found)
    } catch (error) {
      this.#logger.warn(`what happened to alarm ${id} before is not known now: ${messageOf(error)}`)
    }
  }
}

function matches({ raised, labelled }: AlarmCase, query: CaseQuery): boolean {
  const { asset, rule, sinceUs = Number.NEGATIVE_INFINITY, untilUs = Number.POSITIVE_INFINITY, verdicts } = query
  return (
    (asset === undefined || raised.asset === asset) &&
    (rule === undefined || raised.rule === rule) &&
    raised.raisedUs >= sinceUs &&
    raised.raisedUs < untilUs &&
    (verdicts === undefined || verdicts.includes(labelled?.label ?? 'none'))
  )
}
