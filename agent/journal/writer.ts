// Puts groups of records on the disk: into the segment at the tail, or into a new one when that is full or failed.
import { type DiskFile, writeFully } from '../core/disk.ts'
import { messageOf } from '../core/errors.ts'
import { takeCheckpoint } from './checkpoint.ts'
import { type JournalLoss, type NewRecord, parseGap } from './contract.ts'
import { gapRecord } from './losses.ts'
import { proveSpace } from './probe.ts'
import type { Recovered } from './recovery.ts'
import { makeRoom, type RoomOptions, removeLeftOver } from './room.ts'
import {
  encodeHeader,
  encodeRecord,
  HEADER_BYTES,
  PAYLOAD_BYTES_MAX,
  RECORD_HEADER_BYTES,
  recordBytes,
} from './segment.ts'
import { countGap, countRecord, indexRecord, newSegment, type Segment } from './segment-state.ts'

/** Eight segments in the space allowed: dropping one frees an eighth. 8 MiB are read back in some 10 ms at recovery. */
const SEGMENTS_IN_SPACE = 8
const SEGMENT_BYTES_MAX = 8 << 20
const GROUP_BYTES_MAX = 1 << 20

export interface WriterOptions extends RoomOptions {
  bytesMax: number
  checkpoint: (() => NewRecord) | undefined
  /** All cursors are past this number; 0 when there are none. */
  deliveredSeq: () => number
}

export class SegmentWriter {
  /** Oldest first. */
  readonly segments: Segment[] = []
  readonly groupBytesMax: number
  readonly recordBytesMax: number
  readonly #options: WriterOptions
  readonly #segmentBytes: number
  #nextSeq = 1
  #nextOrdinal = 1
  #tail: { segment: Segment; file: DiskFile } | undefined
  /** Losses for which the next segment will carry gap records. */
  #unstated: JournalLoss[] = []
  /** Durable length of a file that may hold refused records, until a later segment supersedes them. */
  #refused: { path: string; bytes: number } | undefined
  /** Files to be removed: of dropped segments, and of those that could not be begun. */
  readonly #leftOver = new Set<string>()
  #buffer = Buffer.alloc(0)

  constructor(options: WriterOptions) {
    this.#options = options
    this.#segmentBytes = Math.min(SEGMENT_BYTES_MAX, Math.floor(options.bytesMax / SEGMENTS_IN_SPACE))
    this.groupBytesMax = Math.min(GROUP_BYTES_MAX, this.#segmentBytes)
    // Checkpoint, group and header of one segment together stay under the space allowed.
    this.recordBytesMax = Math.min(RECORD_HEADER_BYTES + PAYLOAD_BYTES_MAX, Math.floor(options.bytesMax / 4))
  }

  get nextSeq(): number {
    return this.#nextSeq
  }

  get checkpointSeq(): number | undefined {
    return this.segments.findLast(segment => segment.checkpointSeq !== undefined)?.checkpointSeq
  }

  async open(recovered: Recovered): Promise<void> {
    this.segments.push(...recovered.segments)
    this.#nextSeq = recovered.nextSeq
    this.#nextOrdinal = recovered.nextOrdinal
    this.#unstated = recovered.newLosses
    const segment = this.segments.at(-1)
    if (!segment) return
    try {
      const file = await this.#options.disk.open(segment.path, 'r+')
      // After a kill its last records may be in the page cache only; they are about to be read and delivered.
      await file.datasync()
      if (recovered.tailClean) this.#tail = { segment, file }
      else await file.close()
    } catch (error) {
      this.#options.logger.warn('the last journal segment cannot be appended to; the next append begins a new one', {
        path: segment.path,
        cause: messageOf(error),
      })
    }
  }

  /**
   * Makes the records durable and returns the number of the first.
   * A failed write is tried once more in a new segment; then it rejects with the disk's error, and the records are not there.
   */
  async write(records: readonly NewRecord[]): Promise<number> {
    const bytes = records.reduce((sum, record) => sum + recordBytes(record), 0)
    if (this.#tail && this.#tail.segment.bytes + bytes <= this.#segmentBytes) {
      try {
        return await this.#appendGroup(this.#tail, records)
      } catch (error) {
        this.#options.logger.warn('journal segment abandoned after a failed write', { cause: messageOf(error) })
        await this.#abandonTail()
      }
    }
    return this.#roll(records)
  }

  /** Begins a new segment if the disk has room for more than that. */
  async probe(): Promise<void> {
    await proveSpace(this.#options.disk, this.#options.dir)
    await this.#roll([])
  }

  async #appendGroup(tail: { segment: Segment; file: DiskFile }, records: readonly NewRecord[]): Promise<number> {
    const { segment, file } = tail
    const { data, offsets } = this.#encode(segment, this.#nextSeq, records, 0)
    await writeFully(file, data, segment.bytes)
    await file.datasync()
    return this.#settle(segment, records, offsets, data.length)
  }

  /** A new segment: header, checkpoint, gap records, then the group, with one sync. */
  async #roll(records: readonly NewRecord[]): Promise<number> {
    const checkpoint = takeCheckpoint(this.#options, this.recordBytesMax)
    const group = records.reduce((sum, record) => sum + recordBytes(record), checkpoint ? recordBytes(checkpoint) : 0)
    const limits = {
      needBytes: Math.max(this.#segmentBytes, HEADER_BYTES + group),
      bytesMax: this.#options.bytesMax,
      deliveredSeq: this.#options.deliveredSeq(),
      keepCheckpoint: this.#options.checkpoint !== undefined && checkpoint === undefined,
    }
    const { victims, loss, gaps } = await makeRoom(this.segments, limits, this.checkpointSeq, this.#options)
    const all = [...(checkpoint ? [checkpoint] : []), ...[...this.#unstated, ...gaps].map(gapRecord), ...records]
    const firstSeq = await this.#createSegment(all)
    this.#unstated = []
    this.#refused = undefined
    if (loss) this.#options.dropped(loss)
    for (const victim of victims) this.segments.splice(this.segments.indexOf(victim), 1)
    for (const { path } of victims) this.#leftOver.add(path)
    await removeLeftOver(this.#leftOver, this.#options)
    return firstSeq + all.length - records.length
  }

  async #createSegment(records: readonly NewRecord[]): Promise<number> {
    const { disk, dir } = this.#options
    const segment = newSegment(dir, { ordinal: this.#nextOrdinal++, base: this.#nextSeq })
    const { data, offsets } = this.#encode(segment, segment.base, records, HEADER_BYTES)
    encodeHeader(segment, data)
    let file: DiskFile | undefined
    try {
      file = await disk.open(segment.path, 'wx')
      await writeFully(file, data, 0)
      await file.datasync()
      await disk.syncDir(dir)
    } catch (error) {
      await this.#removeFailed(segment.path, file)
      throw error
    }
    await this.#tail?.file.close().catch(() => {})
    this.segments.push(segment)
    this.#tail = { segment, file }
    segment.bytes = 0
    return this.#settle(segment, records, offsets, data.length)
  }

  /** What was written is durable: only now does it exist. */
  #settle(segment: Segment, records: readonly NewRecord[], offsets: readonly number[], bytes: number): number {
    const firstSeq = this.#nextSeq
    for (const [i, record] of records.entries()) {
      indexRecord(segment, firstSeq + i, segment.bytes + offsets[i]!)
      countRecord(segment, firstSeq + i, record.kind, record.priority, recordBytes(record))
      const gap = record.kind === 'gap' ? parseGap(record) : undefined
      if (gap) countGap(segment, firstSeq + i, gap)
    }
    segment.bytes += bytes
    this.#nextSeq += records.length
    segment.lastSeq = this.#nextSeq - 1
    return firstSeq
  }

  #encode(
    segment: Segment,
    firstSeq: number,
    records: readonly NewRecord[],
    from: number,
  ): { data: Buffer; offsets: number[] } {
    const bytes = records.reduce((sum, record) => sum + recordBytes(record), from)
    if (this.#buffer.length < bytes) this.#buffer = Buffer.allocUnsafe(Math.max(bytes, 65_536))
    const offsets: number[] = []
    let at = from
    for (const [i, record] of records.entries()) {
      offsets.push(at)
      at = encodeRecord(record, firstSeq + i, segment.salt, this.#buffer, at)
    }
    return { data: this.#buffer.subarray(0, bytes), offsets }
  }

  /** Nothing in it was acknowledged. If it cannot go, the next segment's base makes its records void. */
  async #removeFailed(path: string, file: DiskFile | undefined): Promise<void> {
    await file?.truncate(0).catch(() => {})
    await file?.close().catch(() => {})
    if (!file) return
    await this.#options.disk.unlink(path).catch(() => this.#leftOver.add(path))
  }

  async #abandonTail(): Promise<void> {
    if (!this.#tail) return
    const { segment, file } = this.#tail
    this.#tail = undefined
    this.#refused = { path: segment.path, bytes: segment.bytes }
    await cutOff(file, segment.bytes).then(
      () => (this.#refused = undefined),
      () => {},
    )
    await file.close().catch(() => {})
  }

  /** Last chance to remove what was refused. */
  async close(): Promise<void> {
    await this.#tail?.file.close().catch(() => {})
    this.#tail = undefined
    if (!this.#refused) return
    const { path, bytes } = this.#refused
    const file = await this.#options.disk.open(path, 'r+').catch(() => undefined)
    if (!file) return
    await cutOff(file, bytes).catch(() => {})
    await file.close().catch(() => {})
  }
}

async function cutOff(file: DiskFile, bytes: number): Promise<void> {
  await file.truncate(bytes)
  await file.datasync()
}
