// LevelDB's write-ahead logs and its MANIFEST, both records in the same frame, looked at before LevelDB reads them: it takes a
// record that reaches beyond the end of the file for the end, without a word, and then removes the log.
//
//   blocks of 32 KiB, of fragments that do not cross them: masked CRC32C of kind and data u32, length u16, kind u8, data
//   kind 1 whole record, 2 its first, 3 a middle, 4 its last fragment; fewer than 7 bytes left in a block are zeros
import { readFile } from 'node:fs/promises'
import { crc32c, unmasked } from './crc32c.ts'

const BLOCK_BYTES = 32_768
const HEADER_BYTES = 7
const WHOLE = 1
const FIRST = 2
const LAST = 4

interface Fragment {
  kind: number
  data: Buffer
}

/** Sound fragments in order; `unsound` hears of bytes that are in none, in front of others or at the end. */
function* fragments(file: Buffer, unsound: (bytes: number) => void): Generator<Fragment> {
  for (let block = 0; block < file.length; block += BLOCK_BYTES) {
    const end = Math.min(block + BLOCK_BYTES, file.length)
    let at = block
    while (at + HEADER_BYTES <= end) {
      const next = at + HEADER_BYTES + file.readUInt16LE(at + 4)
      const sound = next <= end && crc32c(file.subarray(at + 6, next)) === unmasked(file.readUInt32LE(at))
      if (!sound) break
      yield { kind: file[at + 6]!, data: file.subarray(at + HEADER_BYTES, next) }
      at = next
    }
    const padding = end === block + BLOCK_BYTES && at + HEADER_BYTES > end
    if (!padding && at < end) unsound(end - at)
  }
}

/** Bytes of the file that are in no sound fragment. Rejects as the disk does. */
export async function unreadableBytes(path: string): Promise<number> {
  let unreadable = 0
  for (const _ of fragments(await readFile(path), bytes => (unreadable += bytes)));
  return unreadable
}

/** Whole records in order. Rejects as the disk does. */
export async function* recordsOf(path: string): AsyncGenerator<Buffer> {
  let parts: Buffer[] = []
  for (const { kind, data } of fragments(await readFile(path), () => {})) {
    parts = kind === WHOLE || kind === FIRST ? [data] : [...parts, data]
    if (kind === WHOLE || kind === LAST) yield Buffer.concat(parts)
  }
}
