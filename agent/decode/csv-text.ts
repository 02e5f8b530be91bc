// Bytes of a recorded text file -> text. Excel writes UTF-16 and windows code pages, loggers write what they like.
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { AgentError, messageOf } from '../core/errors.ts'

export type Encoding = 'utf8' | 'latin1' | 'utf16le' | 'utf16be'

const SNIFFED_BYTES = 64 * 1024
const CHUNK_BYTES = 256 * 1024
/** Of the bytes at even, or at odd, places: Latin text in UTF-16 has a 0 in nearly all of one of them. */
const UTF16_ZEROS_MIN = 0.5

/** How files begin that hold a table and are no text, and what makes one of them. */
const PACKED: readonly [bytes: string, what: string][] = [
  ['\x1f\x8b', 'packed with gzip; unpack it first: gunzip -k FILE'],
  ['PK\x03\x04', 'a ZIP archive or an Excel workbook; unpack it, or save the sheet as CSV'],
  ['\xd0\xcf\x11\xe0', 'an old Excel workbook; save the sheet as CSV'],
  ['BZh', 'packed with bzip2; unpack it first: bunzip2 -k FILE'],
  ['\xfd7zXZ', 'packed with xz; unpack it first: unxz -k FILE'],
  ['\x28\xb5\x2f\xfd', 'packed with zstd; unpack it first: unzstd FILE'],
  ['7z\xbc\xaf', 'a 7-Zip archive; unpack it first'],
  ['PAR1', 'a Parquet file; write it as CSV'],
  ['\x89HDF', 'an HDF5 file; write its table as CSV'],
  ['\x93NUMPY', 'a NumPy array; give captures of vibration with --npy, and rows of values as CSV'],
]

/** Pieces of the file as text, without BOM. Throws CSV_INVALID where it is no text, and what the file system throws. */
export async function* textOf(path: string): AsyncGenerator<string> {
  const encoding = await encodingOf(path)
  // Node decodes the other three by itself, twice as fast.
  const decoder = encoding === 'utf16be' ? new TextDecoder('utf-16be') : undefined
  const stream = createReadStream(path, {
    highWaterMark: CHUNK_BYTES,
    ...(encoding === 'utf16be' ? {} : { encoding }),
  })
  let first = true
  for await (const chunk of stream) {
    const text: string = decoder ? decoder.decode(chunk as Buffer, { stream: true }) : chunk
    yield first && text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
    first = false
  }
}

/** By the byte order mark, else by what the first 64 KiB can be. Throws CSV_INVALID. */
async function encodingOf(path: string): Promise<Encoding> {
  const invalid = (what: string, cause?: unknown): AgentError =>
    new AgentError('CSV_INVALID', `${path}: ${what}`, { cause })
  const file = await open(path).catch((error: unknown) => {
    throw invalid(`cannot be read: ${messageOf(error)}`, error)
  })
  try {
    const stats = await file.stat()
    if (stats.isDirectory()) throw invalid('is a folder; name a file')
    if (!stats.isFile())
      throw invalid('is no file but a pipe or a device; it is read twice, so write it to a file first')
    const head = Buffer.alloc(Math.min(SNIFFED_BYTES, stats.size))
    const { bytesRead } = await file.read(head, 0, head.length, 0)
    return encodingIn(head.subarray(0, bytesRead), what => invalid(what))
  } finally {
    await file.close()
  }
}

/** `refuse` makes the error of a file that is no text. */
export function encodingIn(head: Buffer, refuse: (what: string) => Error): Encoding {
  const start = head.toString('latin1', 0, 8)
  const packed = PACKED.find(([bytes]) => start.startsWith(bytes))
  if (packed) throw refuse(`is ${packed[1]}`)
  if (start.startsWith('\xff\xfe')) return 'utf16le'
  if (start.startsWith('\xfe\xff')) return 'utf16be'
  const zeros: [number, number] = [0, 0]
  for (let at = 0; at < head.length; at++) if (head[at] === 0) zeros[(at & 1) as 0 | 1]++
  const most = (UTF16_ZEROS_MIN * head.length) / 2
  if (zeros[1] > most && zeros[0] < most / 10) return 'utf16le'
  if (zeros[0] > most && zeros[1] < most / 10) return 'utf16be'
  if (zeros[0] + zeros[1] > 0) throw refuse('holds zero bytes and is no text; write it as CSV in UTF-8')
  return isUtf8(head) ? 'utf8' : 'latin1'
}

/** The head may end within a character. */
function isUtf8(head: Buffer): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true })
    return true
  } catch {
    return false
  }
}
