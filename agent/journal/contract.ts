// The append-only, fsynced record of everything that must not be lost. See segment.ts for format and invariants.

/** What a record is about. Numbers are on disk: never reuse one. */
export const RECORD_KINDS = { checkpoint: 0, alarm: 1, gap: 2, model: 3, learn: 4, operator: 5, history: 6 } as const
export type RecordKind = keyof typeof RECORD_KINDS

export interface JournalRecord {
  /** 1, 2, 3 … without gaps except where a `gap` record or a recovery report says so. */
  seq: number
  kind: RecordKind
  /** 1 (highest) – 4; what goes first when space runs out. */
  priority: 1 | 2 | 3 | 4
  /** JSON, UTF-8. */
  payload: Uint8Array
}

export interface NewRecord {
  kind: RecordKind
  priority: 1 | 2 | 3 | 4
  payload: Uint8Array
}

/** Records that were acknowledged once and cannot be read any more. */
export interface JournalLoss {
  fromSeq: number
  toSeq: number
  /** How many of these numbers, where it is not all of them. */
  records?: number
  /** `space`: dropped to stay within the limit; `damage`: unreadable. */
  reason: 'space' | 'damage'
  detail: string
}

/** What a `gap` record says. `done`: what went was not needed any more, which is no loss. */
export interface Gap extends Omit<JournalLoss, 'reason'> {
  reason: JournalLoss['reason'] | 'done'
}

/** Undefined when the payload is not a gap (another version's, or damage that kept its CRC). */
export function parseGap(record: Pick<JournalRecord, 'payload'>): Gap | undefined {
  try {
    const loss = JSON.parse(Buffer.from(record.payload).toString()) as Partial<Gap> | null
    const { fromSeq, toSeq, records, reason, detail } = loss ?? {}
    if (!Number.isSafeInteger(fromSeq) || !Number.isSafeInteger(toSeq) || fromSeq! > toSeq!) return undefined
    if (reason !== 'space' && reason !== 'damage' && reason !== 'done') return undefined
    const some = Number.isSafeInteger(records) ? { records: records! } : {}
    return { fromSeq: fromSeq!, toSeq: toSeq!, ...some, reason, detail: String(detail ?? '') }
  } catch {
    return undefined
  }
}

/** What the record stands in place of, where a thinned segment lost records (thinning.ts); undefined for all others. */
export function holeOf(record: Pick<JournalRecord, 'seq' | 'kind' | 'payload'>): Gap | undefined {
  const gap = record.kind === 'gap' ? parseGap(record) : undefined
  return gap?.fromSeq === record.seq ? gap : undefined
}

export interface JournalStatus {
  firstSeq: number
  nextSeq: number
  bytes: number
  segments: number
  losses: readonly JournalLoss[]
  /** Set while the disk refuses writes. */
  failing: string | undefined
  /** Number of the newest checkpoint: a fold may begin there. */
  checkpointSeq?: number | undefined
}

export interface Journal {
  /**
   * Resolves with the sequence number once the record is on the disk (fdatasync). Concurrent appends share one sync.
   * Rejects with JOURNAL_IO / JOURNAL_FULL: then the record is not in the journal and never will be.
   */
  append(record: NewRecord): Promise<number>
  /** Up to `limit` records with seq >= `fromSeq`, in order. Only what is on the disk. Payloads are copies. */
  read(fromSeq: number, limit: number): Promise<JournalRecord[]>
  /** Called after each group of appends became durable, with the highest seq. Returns the unsubscribe. */
  onAppend(listener: (seq: number) => void): () => void
  /**
   * A durable position, "everything up to and including this seq is done", 0 at first. Records past a cursor are kept as long as
   * there is room; a name that ends in `-mark` is a note of its owner and keeps nothing.
   */
  cursor(name: string): Promise<Cursor>
  /** As cursor(); one that has no file yet begins at `seq`, durably, and `began` says so. */
  cursorFrom(name: string, seq: number): Promise<{ cursor: Cursor; began: boolean }>
  /** Of all cursors: each holds back what it is not past. */
  cursorNames(): readonly string[]
  /** Forgets a position for good: what it held back may go. Of one that nobody uses any more. */
  dropCursor(name: string): Promise<void>
  status(): JournalStatus
  /** Waits for pending appends. */
  close(): Promise<void>
}

export interface Cursor {
  readonly seq: number
  /** Never goes back; resolves when durable. */
  advance(seq: number): Promise<void>
}
