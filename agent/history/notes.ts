// Texts kept by name beside the black box: what became of an alarm stays as long as the rows around it. Which are there, and how
// new they are, is known without reading them.
import { crc32 } from '../core/crc.ts'
import { AgentError, messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { HistoryNote, HistoryNotes } from './contract.ts'
import { ALL_NOTES, nameOfNote, noteKey } from './keys.ts'
import type { Database } from './place.ts'
import type { Unit } from './unit.ts'

/** 50 assets with one alarm a day are 18,250 in a year. */
const NOTES_MAX = 20_000
export const NOTE_BYTES_MAX = 128 << 10
/** time[8], version[8]; the checksum comes last. */
const HEAD_BYTES = 16
const CRC_BYTES = 4

interface Entry {
  timeUs: number
  version: number
  bytes: number
}

/** What a value says; undefined when it is damaged. */
export function openNote(key: Uint8Array, value: Uint8Array): HistoryNote | undefined {
  const data = Buffer.from(value)
  const body = data.subarray(0, -CRC_BYTES)
  if (data.length < HEAD_BYTES + CRC_BYTES) return undefined
  if (crc32(body, crc32(key)) !== data.readUInt32LE(body.length)) return undefined
  const text = body.toString('utf8', HEAD_BYTES)
  return { name: nameOfNote(key), timeUs: data.readDoubleLE(0), version: data.readDoubleLE(8), text }
}

export interface NotesOptions {
  logger: Logger
  push: (unit: Unit) => void
  /** Resolves when what was pushed is in the store. Rejects with HISTORY_IO. */
  settled: () => Promise<void>
  /** Undefined while the store fails. */
  db: () => Database | undefined
}

export class Notes implements HistoryNotes {
  readonly #options: NotesOptions
  readonly #entries = new Map<string, Entry>()
  #bytes = 0

  constructor(options: NotesOptions) {
    this.#options = options
  }

  /** What is in a store that has just been opened; what is on its way there is newer. */
  async load(db: Database): Promise<void> {
    for await (const [key, value] of db.iterator(ALL_NOTES)) this.stored(Buffer.from(key), value)
  }

  /** It is in the store, whoever put it there. */
  stored(key: Buffer, value: Uint8Array): void {
    const note = openNote(key, value)
    if (!note) {
      this.#options.logger.error('a note of the history is unreadable and left out', { key: key.toString('hex') })
      return
    }
    const { name, timeUs, version } = note
    if ((this.version(name) ?? Number.NEGATIVE_INFINITY) < version)
      this.#set(name, { timeUs, version, bytes: key.length + value.length })
  }

  keep({ name, timeUs, version, text }: HistoryNote): void {
    const key = noteKey(name)
    const body = Buffer.alloc(HEAD_BYTES + Buffer.byteLength(text))
    if (body.length > NOTE_BYTES_MAX) {
      this.#options.logger.error('a note is too long for the history and not kept', { name, bytes: body.length })
      return
    }
    body.writeDoubleLE(timeUs, 0)
    body.writeDoubleLE(version, 8)
    body.write(text, HEAD_BYTES)
    const sum = Buffer.alloc(CRC_BYTES)
    sum.writeUInt32LE(crc32(body, crc32(key)))
    const value = Buffer.concat([body, sum])
    this.#set(name, { timeUs, version, bytes: key.length + value.length })
    const dels = this.#entries.size > NOTES_MAX ? this.#take(this.#oldestFirst().slice(0, 1)) : []
    this.#options.push({ chunks: [], pieces: [], puts: [{ key, value }], dels, bytes: value.length })
  }

  version(name: string): number | undefined {
    return this.#entries.get(name)?.version
  }

  async get(name: string): Promise<HistoryNote | undefined> {
    if (!this.#entries.has(name)) return undefined
    const key = noteKey(name)
    const value = await this.#read(db => db.get(key))
    return value && this.#open(key, value)
  }

  async *newestFirst(): AsyncGenerator<HistoryNote> {
    const iterator = await this.#read(async db => db.iterator({ ...ALL_NOTES, reverse: true }))
    try {
      for (;;) {
        const entry = await this.#read(() => iterator.next())
        if (!entry) return
        const note = this.#open(Buffer.from(entry[0]), entry[1])
        if (note) yield note
      }
    } finally {
      await iterator.close().catch(() => {})
    }
  }

  settled(): Promise<void> {
    return this.#options.settled()
  }

  /** Keys of those that are too old or, the oldest first, too many; forgotten here. `agedUs`: undefined while the clock is in doubt. */
  takeBeyond(bytesMax: number, agedUs: number | undefined): Buffer[] {
    const aged = [...this.#entries].filter(([, { timeUs }]) => agedUs !== undefined && timeUs < agedUs)
    const gone = this.#take(aged.map(([name]) => name))
    if (this.#bytes <= bytesMax) return gone
    const over: string[] = []
    let left = this.#bytes
    for (const name of this.#oldestFirst()) {
      if (left <= bytesMax) break
      left -= this.#entries.get(name)?.bytes ?? 0
      over.push(name)
    }
    return [...gone, ...this.#take(over)]
  }

  #oldestFirst(): string[] {
    return [...this.#entries.keys()].sort()
  }

  #set(name: string, entry: Entry): void {
    this.#bytes += entry.bytes - (this.#entries.get(name)?.bytes ?? 0)
    this.#entries.set(name, entry)
  }

  #take(names: readonly string[]): Buffer[] {
    for (const name of names) {
      this.#bytes -= this.#entries.get(name)?.bytes ?? 0
      this.#entries.delete(name)
    }
    return names.map(noteKey)
  }

  #open(key: Buffer, value: Uint8Array): HistoryNote | undefined {
    const note = openNote(key, value)
    if (!note) this.#options.logger.error('a note of the history is damaged and left out', { key: key.toString('hex') })
    return note
  }

  async #read<T>(work: (db: Database) => Promise<T>): Promise<T> {
    await this.#options.settled()
    const db = this.#options.db()
    if (!db) throw new AgentError('HISTORY_IO', 'notes of the history cannot be read while its store fails')
    try {
      return await work(db)
    } catch (error) {
      const text = `reading notes of the history failed (${messageOf(error)}): check the disk, then ask again`
      throw new AgentError('HISTORY_IO', text, { cause: error })
    }
  }
}
