// A cursor's file: `cursor-<name>.wwc`, two slots of which the one with the higher generation and a valid CRC counts.
//
//   slot at 0 and at 4096:  0 magic "WWJC"  4 generation u48  10 seq u48  16 CRC32 of 0..15        little endian
//
// The slots are written in turn, in place and a page apart, so that a torn write harms only the older position and a full
// disk cannot stop a cursor. A damaged slot falls back to the other: records are delivered again, none is skipped.
import { join } from 'node:path'
import { crc32 } from '../core/crc.ts'
import { type Disk, type DiskFile, errnoOf, readFully, writeFully } from '../core/disk.ts'
import { AgentError, assert, messageOf } from '../core/errors.ts'
import type { Cursor } from './contract.ts'

const MAGIC = 0x434a5757 // "WWJC"
const SLOT_BYTES = 20
const SLOT_OFFSETS = [0, 4096] as const
const FILE_BYTES = SLOT_OFFSETS[1] + SLOT_BYTES

interface Slot {
  generation: number
  seq: number
}

export class FileCursor implements Cursor {
  readonly name: string
  readonly #disk: Disk
  readonly #path: string
  readonly #dir: string
  /** The highest acknowledged number: no cursor goes beyond it. */
  readonly #lastSeq: () => number
  #file: DiskFile | undefined
  #newest: Slot = { generation: 0, seq: 0 }
  #slot: 0 | 1 = 0
  #wantedSeq = 0
  #closed = false
  #entryDurable = false
  #writing: Promise<void> | undefined
  /** True when a slot was unreadable at open: what it said is unknown. */
  damaged = false
  /** True when there was no file at open. */
  absent = false

  constructor(disk: Disk, dir: string, name: string, lastSeq: () => number) {
    assert(/^[a-z0-9-]{1,40}$/.test(name), `cursor names are 1-40 of a-z 0-9 -, not "${name}"`)
    this.#disk = disk
    this.#dir = dir
    this.name = name
    this.#path = join(dir, `cursor-${name}.wwc`)
    this.#lastSeq = lastSeq
  }

  get seq(): number {
    return this.#newest.seq
  }

  /** Reads the file. One that does not exist is a cursor at 0 and is made by the first advance, when the disk may write. */
  async open(): Promise<this> {
    try {
      this.#file = await this.#disk.open(this.#path, 'r+').catch(absent)
      this.absent = !this.#file
      if (!this.#file) return this
      const page = Buffer.alloc(FILE_BYTES)
      await readFully(this.#file, page, 0)
      const slots = SLOT_OFFSETS.map(offset => decodeSlot(page.subarray(offset, offset + SLOT_BYTES)))
      this.damaged = slots.some(slot => slot === undefined)
      this.#slot = (slots[1]?.generation ?? -1) > (slots[0]?.generation ?? -1) ? 1 : 0
      this.#newest = slots[this.#slot] ?? { generation: 0, seq: 0 }
      this.#wantedSeq = this.#newest.seq
      return this
    } catch (error) {
      throw this.#ioError('open', error)
    }
  }

  /** Under another name until both slots are on the disk, so that only damage, and no kill, leaves one unreadable. */
  async #create(): Promise<DiskFile> {
    const path = `${this.#path}.tmp`
    await this.#disk.unlink(path).catch(absent)
    const file = await this.#disk.open(path, 'wx')
    try {
      const page = Buffer.alloc(FILE_BYTES)
      for (const [generation, at] of SLOT_OFFSETS.entries()) encodeSlot({ generation, seq: 0 }, page.subarray(at))
      await writeFully(file, page, 0)
      await file.datasync()
      await this.#disk.rename(path, this.#path)
    } catch (error) {
      await file.close().catch(() => {})
      throw error
    }
    return file
  }

  async advance(seq: number): Promise<void> {
    assert(seq <= this.#lastSeq(), `cursor ${this.name} cannot pass the last record: ${seq} > ${this.#lastSeq()}`)
    if (seq > this.#wantedSeq) this.#wantedSeq = seq
    // A write under way may have begun before this call: go on until the disk has what was asked for.
    while (this.#newest.seq < seq) {
      if (this.#closed)
        throw new AgentError('JOURNAL_CLOSED', `cursor ${this.#path} is closed: it stays at ${this.seq}`)
      this.#writing ??= this.#write(this.#wantedSeq).finally(() => {
        this.#writing = undefined
      })
      await this.#writing
    }
  }

  /** Makes the file of a cursor that has none, at `seq`: the position counts from now on, even 0. False: it has one. */
  async begin(seq: number): Promise<boolean> {
    if (!this.absent || this.#newest.generation > 0) return false
    this.#wantedSeq = Math.max(seq, this.#wantedSeq)
    await this.#write(this.#wantedSeq)
    return true
  }

  /** Takes its file away; it cannot be used any more. */
  async remove(): Promise<void> {
    await this.close()
    try {
      await this.#disk.unlink(this.#path).catch(absent)
      await this.#disk.syncDir(this.#dir)
    } catch (error) {
      throw this.#ioError('remove', error)
    }
  }

  async #write(seq: number): Promise<void> {
    const next: Slot = { generation: this.#newest.generation + 1, seq }
    const slot = this.#slot === 0 ? 1 : 0
    const bytes = Buffer.alloc(SLOT_BYTES)
    encodeSlot(next, bytes)
    try {
      this.#file ??= (await this.#disk.open(this.#path, 'r+').catch(absent)) ?? (await this.#create())
      await writeFully(this.#file, bytes, SLOT_OFFSETS[slot])
      await this.#file.datasync()
      if (!this.#entryDurable) await this.#disk.syncDir(this.#dir)
      this.#entryDurable = true
    } catch (error) {
      // The slot may be torn; the other still holds the position, and this one is written again next time.
      await this.#file?.close().catch(() => {})
      this.#file = undefined
      throw this.#ioError('advance', error)
    }
    this.#newest = next
    this.#slot = slot
  }

  #ioError(what: string, error: unknown): AgentError {
    const advice = 'it is tried again with the next advance; check the disk'
    const text = `cannot ${what} the cursor ${this.#path} (${errnoOf(error) || messageOf(error)}): ${advice}`
    return new AgentError('JOURNAL_IO', text, { cause: error })
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#writing?.catch(() => {})
    await this.#file?.close().catch(() => {})
    this.#file = undefined
  }
}

function absent(error: unknown): undefined {
  if (errnoOf(error) !== 'ENOENT') throw error
}

function encodeSlot(slot: Slot, into: Buffer): void {
  into.writeUInt32LE(MAGIC, 0)
  into.writeUIntLE(slot.generation, 4, 6)
  into.writeUIntLE(slot.seq, 10, 6)
  into.writeUInt32LE(crc32(into.subarray(0, 16)), 16)
}

function decodeSlot(bytes: Buffer): Slot | undefined {
  if (bytes.readUInt32LE(0) !== MAGIC || crc32(bytes.subarray(0, 16)) !== bytes.readUInt32LE(16)) return undefined
  return { generation: bytes.readUIntLE(4, 6), seq: bytes.readUIntLE(10, 6) }
}
