import type { AlarmTransition } from '../../agent/alarms/contract.ts'
import type {
  Cursor,
  Journal,
  JournalLoss,
  JournalRecord,
  JournalStatus,
  NewRecord,
} from '../../agent/journal/contract.ts'

/** A journal in memory, as the contract has it; lives on when an uplink over it is restarted. */
export class MemoryJournal implements Journal {
  readonly losses: JournalLoss[] = []
  /** Rejects reads and cursor writes while set. */
  failing: Error | undefined
  reads = 0
  readonly #records: JournalRecord[] = []
  readonly #listeners = new Set<(seq: number) => void>()
  readonly #cursors = new Map<string, number>()
  #nextSeq = 1

  async append(record: NewRecord): Promise<number> {
    const seq = this.#nextSeq++
    this.#records.push({ seq, ...record })
    for (const listener of this.#listeners) listener(seq)
    return seq
  }

  alarm(t: AlarmTransition): Promise<number> {
    return this.append({ kind: 'alarm', priority: t.priority, payload: Buffer.from(JSON.stringify(t)) })
  }

  async read(fromSeq: number, limit: number): Promise<JournalRecord[]> {
    this.reads++
    if (this.failing) throw this.failing
    return this.#records.filter(record => record.seq >= fromSeq).slice(0, limit)
  }

  onAppend(listener: (seq: number) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async cursor(name: string): Promise<Cursor> {
    const cursors = this.#cursors
    const journal = this
    return {
      get seq() {
        return cursors.get(name) ?? 0
      },
      async advance(seq) {
        if (journal.failing) throw journal.failing
        cursors.set(name, Math.max(seq, cursors.get(name) ?? 0))
      },
    }
  }

  async cursorFrom(name: string, seq: number): Promise<{ cursor: Cursor; began: boolean }> {
    const cursor = await this.cursor(name)
    const began = !this.#cursors.has(name)
    if (began) {
      if (this.failing) throw this.failing
      this.#cursors.set(name, seq)
    }
    return { cursor, began }
  }

  cursorNames(): readonly string[] {
    return [...this.#cursors.keys()]
  }

  async dropCursor(name: string): Promise<void> {
    this.#cursors.delete(name)
  }

  /** Records [from, to] are gone, stated as the journal states it. */
  lose(fromSeq: number, toSeq: number, reason: JournalLoss['reason'] = 'space'): void {
    const kept = this.#records.filter(({ seq }) => seq < fromSeq || seq > toSeq)
    this.#records.splice(0, this.#records.length, ...kept)
    this.losses.push({ fromSeq, toSeq, reason, detail: `records ${fromSeq} to ${toSeq} were dropped for space` })
  }

  cursorSeq(name = 'uplink'): number {
    return this.#cursors.get(name) ?? 0
  }

  status(): JournalStatus {
    return {
      firstSeq: this.#records[0]?.seq ?? this.#nextSeq,
      nextSeq: this.#nextSeq,
      bytes: 0,
      segments: 1,
      losses: this.losses,
      failing: undefined,
    }
  }

  async close(): Promise<void> {}
}
