// LevelDB's table files, looked at before and beside LevelDB, which does not verify its checksums. A damaged length in a footer
// or an index makes it ask for that much memory and abort the process; a damaged key or kind of an entry makes rows vanish without
// a word; a block that cannot be decoded stops every later write once a compaction meets it.
//
//   data blocks … | filter block | metaindex block | index block | footer 48 bytes
//   footer   handle of the metaindex, handle of the index, zeros, at 40 the magic
//   handle   offset varint, size varint            block   size bytes, kind u8, masked CRC32C of both u32
//   index    entries: shared varint, unshared varint, value varint, key, value (a handle); then u32 offsets and their count
//
// An index that is compressed (kind 1: stores of versions that let LevelDB compress) is sound or not, but not looked into.
import { type FileHandle, open, readdir } from 'node:fs/promises'
import { crc32c, unmasked } from './crc32c.ts'

const FOOTER_BYTES = 48
const MAGIC = 0xdb4775248b80fb57n
const TRAILER_BYTES = 5

export interface Handle {
  offset: number
  /** Without its trailer. */
  size: number
}

/**
 * Handles of all blocks of rows, and of the filter's; undefined when what leads to them is damaged. Rejects as the disk does.
 * Reads the end of the file only.
 */
export async function blocksOf(path: string): Promise<Handle[] | undefined> {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    if (size < FOOTER_BYTES) return undefined
    const footer = await bytesAt(file, size - FOOTER_BYTES, FOOTER_BYTES)
    if (footer.readBigUInt64LE(40) !== MAGIC) return undefined
    const at = { n: 0 }
    const metaindex = handleAt(footer, at)
    const index = handleAt(footer, at)
    if (!metaindex || !index) return undefined
    const blocks: Handle[] = []
    for (const handle of [index, metaindex]) {
      const block = handle.offset + handle.size <= size ? await soundBlock(file, handle) : undefined
      if (!block) return undefined
      const handles = block[handle.size] === 0 ? handlesIn(block.subarray(0, handle.size)) : []
      if (!handles) return undefined
      blocks.push(...handles)
    }
    return blocks
  } finally {
    await file.close()
  }
}

/** Bytes of the blocks whose checksum does not hold. `pause` is waited for after each. */
export async function damagedBytes(
  path: string,
  blocks: readonly Handle[],
  pause: () => Promise<void>,
): Promise<number> {
  const file = await open(path)
  let damaged = 0
  try {
    for (const handle of blocks) {
      if (!(await soundBlock(file, handle))) damaged += handle.size
      await pause()
    }
    return damaged
  } finally {
    await file.close()
  }
}

/** The block with its trailer; undefined when its checksum does not hold or the file ends before it does. */
async function soundBlock(file: FileHandle, { offset, size }: Handle): Promise<Buffer | undefined> {
  const bytes = await bytesAt(file, offset, size + TRAILER_BYTES)
  if (bytes.length < size + TRAILER_BYTES) return undefined
  return crc32c(bytes.subarray(0, size + 1)) === unmasked(bytes.readUInt32LE(size + 1)) ? bytes : undefined
}

async function bytesAt(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  const { bytesRead } = await file.read(bytes, 0, length, offset)
  return bytes.subarray(0, bytesRead)
}

/** The values of the entries of a block of handles. */
function handlesIn(block: Buffer): Handle[] | undefined {
  if (block.length < 4) return undefined
  const end = block.length - 4 - 4 * block.readUInt32LE(block.length - 4)
  const handles: Handle[] = []
  const at = { n: 0 }
  while (at.n < end) {
    varintAt(block, at)
    const unshared = varintAt(block, at)
    const valueBytes = varintAt(block, at)
    at.n += unshared
    const next = at.n + valueBytes
    const handle = handleAt(block, at)
    if (!handle || next > end) return undefined
    handles.push(handle)
    at.n = next
  }
  return handles
}

function handleAt(bytes: Buffer, at: { n: number }): Handle | undefined {
  const offset = varintAt(bytes, at)
  const size = varintAt(bytes, at)
  return Number.isSafeInteger(offset + size) ? { offset, size } : undefined
}

/** NaN when the bytes end before it does. */
export function varintAt(bytes: Buffer, at: { n: number }): number {
  let value = 0
  for (let factor = 1; factor < 2 ** 63; factor *= 128) {
    const byte = bytes[at.n++]
    if (byte === undefined) return Number.NaN
    value += (byte & 127) * factor
    if (byte < 128) return value
  }
  return Number.NaN
}

/** Names of LevelDB's tables in a store. */
export async function tablesIn(dir: string): Promise<string[]> {
  return (await readdir(dir)).filter(name => /^\d+\.(ldb|sst)$/.test(name)).sort()
}
