// NumPy .npy files (format 1–3) of recorded waveforms: [captures, channels, samples], missing leading dimensions are 1.
import { type FileHandle, open } from 'node:fs/promises'
import { AgentError, messageOf } from '../core/errors.ts'
import type { NpyArray, NpyFile } from './contract.ts'

const MAGIC = Buffer.from('\x93NUMPY', 'latin1')
const VERSION_MAX = 3
const HEADER_BYTES_MAX = 65_536
/** More than any recorder has: such an array was saved with samples and channels the other way round. */
const CHANNELS_MAX = 1_024
const TYPES = { i2: Int16Array, f4: Float32Array, f8: Float64Array } as const

export interface NpyOptions {
  /** What the first of two dimensions counts; left out: channels of one capture. */
  ofTwo?: 'captures' | 'channels'
}

/** Throws NPY_INVALID when the file is not such an array or shorter than its header says. */
export async function openNpy(path: string, options: NpyOptions = {}): Promise<NpyFile> {
  let file: FileHandle
  try {
    file = await open(path)
  } catch (error) {
    throw new AgentError('NPY_INVALID', `${path}: cannot be read: ${messageOf(error)}`, { cause: error })
  }
  try {
    const head = Buffer.alloc(HEADER_BYTES_MAX + 12)
    const { bytesRead } = await file.read(head, 0, head.length, 0)
    const header = parseNpyHeader(path, head.subarray(0, bytesRead), options)
    const { size } = await file.stat()
    const count = header.captures * header.channels * header.samples
    const wanted = header.dataAt + count * TYPES[header.dtype].BYTES_PER_ELEMENT
    if (size < wanted) throw invalid(path, `${size} bytes where the header promises ${wanted}; the file was cut`)
    return new OpenNpy(path, file, header)
  } catch (error) {
    await file.close()
    throw error
  }
}

export interface NpyHeader {
  dtype: 'i2' | 'f4' | 'f8'
  /** Of values as big machines wrote them. */
  bigEndian: boolean
  captures: number
  channels: number
  samples: number
  /** Byte offset of the first value. */
  dataAt: number
}

/** `head`: the first bytes of the file, header included. Throws NPY_INVALID. */
export function parseNpyHeader(path: string, head: Buffer, { ofTwo }: NpyOptions = {}): NpyHeader {
  if (head.toString('latin1', 0, 4) === 'PK\x03\x04') {
    throw invalid(path, 'is an archive of arrays (.npz); write one of them with numpy.save()')
  }
  if (head.length < 12 || !head.subarray(0, 6).equals(MAGIC)) {
    throw invalid(path, 'does not begin like a .npy file; write it with numpy.save()')
  }
  if (head[6]! < 1 || head[6]! > VERSION_MAX) {
    throw invalid(path, `is of format ${head[6]}; 1 to ${VERSION_MAX} are read: write it with numpy.save()`)
  }
  // Version 1 has a 2-byte header length, 2 and 3 have 4 bytes.
  const lengthBytes = head[6] === 1 ? 2 : 4
  const length = lengthBytes === 2 ? head.readUInt16LE(8) : head.readUInt32LE(8)
  const dataAt = 8 + lengthBytes + length
  if (length > HEADER_BYTES_MAX || dataAt > head.length)
    throw invalid(path, `header of ${length} bytes is cut or absurd`)
  const text = head.toString('latin1', 8 + lengthBytes, dataAt)
  const descr = /'descr'\s*:\s*'([^']*)'/.exec(text)?.[1]
  if (!/^[<>](i2|f4|f8)$/.test(descr ?? '')) {
    throw invalid(path, `values are ${descr ?? 'structured'}; i2, f4 or f8 are read: convert with array.astype('<f4')`)
  }
  const shape = /'shape'\s*:\s*\(([^)]*)\)/.exec(text)?.[1]
  const dims = (shape ?? '').split(',').flatMap(dim => (dim.trim() === '' ? [] : [Number(dim)]))
  if (dims.length < 1 || dims.length > 3 || dims.some(dim => !Number.isSafeInteger(dim) || dim < 1)) {
    throw invalid(path, `shape (${shape ?? ''}); 1 to 3 dimensions [captures, channels, samples] without 0 are read`)
  }
  if (/'fortran_order'\s*:\s*True/.test(text) && dims.length > 1) {
    throw invalid(path, 'column-major order; save numpy.ascontiguousarray(array)')
  }
  const whole = dims.length === 2 && ofTwo === 'captures' ? [dims[0]!, 1, dims[1]!] : dims
  const [samples = 1, channels = 1, captures = 1] = whole.toReversed()
  if (channels > CHANNELS_MAX) {
    const read = `shape (${shape}) means ${channels} channels of ${samples} samples`
    throw invalid(path, `${read}, at most ${CHANNELS_MAX} are read; save array.T when it is [samples, channels]`)
  }
  return {
    dtype: descr!.slice(1) as NpyHeader['dtype'],
    bigEndian: descr![0] === '>',
    captures,
    channels,
    samples,
    dataAt,
  }
}

class OpenNpy implements NpyFile {
  readonly dtype: NpyHeader['dtype']
  readonly captures: number
  readonly channels: number
  readonly samples: number
  readonly #path: string
  readonly #file: FileHandle
  readonly #dataAt: number
  readonly #bigEndian: boolean

  constructor(path: string, file: FileHandle, header: NpyHeader) {
    this.dtype = header.dtype
    this.captures = header.captures
    this.channels = header.channels
    this.samples = header.samples
    this.#path = path
    this.#file = file
    this.#dataAt = header.dataAt
    this.#bigEndian = header.bigEndian
  }

  async read(capture: number, channel: number, from: number, count: number): Promise<NpyArray> {
    const array = new TYPES[this.dtype](count)
    const first = (capture * this.channels + channel) * this.samples + from
    const bytes = new Uint8Array(array.buffer)
    const { bytesRead } = await this.#file.read(bytes, 0, bytes.length, this.#dataAt + first * array.BYTES_PER_ELEMENT)
    if (bytesRead < bytes.length) throw invalid(this.#path, 'became shorter while it was read')
    if (this.#bigEndian) swap(Buffer.from(array.buffer), array.BYTES_PER_ELEMENT)
    return array
  }

  async close(): Promise<void> {
    await this.#file.close()
  }
}

/** Turns the bytes of each value round, in place. */
function swap(bytes: Buffer, size: number): void {
  if (size === 2) bytes.swap16()
  else if (size === 4) bytes.swap32()
  else bytes.swap64()
}

function invalid(path: string, what: string): AgentError {
  return new AgentError('NPY_INVALID', `${path}: ${what}`)
}
