// Appends that wait for the disk, bounded in bytes, given out in groups that share one sync.
import { AgentError } from '../core/errors.ts'
import type { NewRecord } from './contract.ts'
import { PAYLOAD_BYTES_MAX, RECORD_HEADER_BYTES, recordBytes } from './segment.ts'

/** Alarms come by the dozen; whoever has this much waiting learns that the disk is the limit. */
const WAITING_BYTES_MAX = 16 << 20

export interface WaitingAppend {
  record: NewRecord
  resolve(seq: number): void
  reject(error: AgentError): void
}

export class AppendQueue {
  readonly #dir: string
  readonly #groupBytesMax: number
  readonly #recordBytesMax: number
  #waiting: WaitingAppend[] = []
  #bytes = 0

  constructor(dir: string, groupBytesMax: number, recordBytesMax: number) {
    this.#dir = dir
    this.#groupBytesMax = groupBytesMax
    this.#recordBytesMax = recordBytesMax
  }

  get empty(): boolean {
    return this.#waiting.length === 0
  }

  /** Copies the payload. Rejects with JOURNAL_TOO_LARGE, JOURNAL_FULL (too much waiting), or as the disk does. */
  push(record: NewRecord): Promise<number> {
    const bytes = recordBytes(record)
    const refusal = this.#refusal(record, bytes)
    if (refusal) return Promise.reject(refusal)
    this.#bytes += bytes
    return new Promise((resolve, reject) => {
      this.#waiting.push({ record: { ...record, payload: new Uint8Array(record.payload) }, resolve, reject })
    })
  }

  /** The next group: at least one append, as many as fit. */
  take(): WaitingAppend[] {
    let bytes = 0
    let count = 0
    for (const { record } of this.#waiting) {
      const size = recordBytes(record)
      if (count > 0 && bytes + size > this.#groupBytesMax) break
      bytes += size
      count++
    }
    this.#bytes -= bytes
    return this.#waiting.splice(0, count)
  }

  takeAll(): WaitingAppend[] {
    const all = this.#waiting
    this.#waiting = []
    this.#bytes = 0
    return all
  }

  #refusal(record: NewRecord, bytes: number): AgentError | undefined {
    if (bytes > this.#recordBytesMax) {
      const limit = Math.min(PAYLOAD_BYTES_MAX, this.#recordBytesMax - RECORD_HEADER_BYTES)
      const text = `a record of ${record.payload.length} bytes is over the limit of ${limit} of journal ${this.#dir}: shorten it`
      return new AgentError('JOURNAL_TOO_LARGE', text)
    }
    if (this.#bytes + bytes <= WAITING_BYTES_MAX) return undefined
    const text = `${this.#bytes} bytes wait to be written to journal ${this.#dir}, the most allowed: the disk is too slow`
    return new AgentError('JOURNAL_FULL', text)
  }
}
