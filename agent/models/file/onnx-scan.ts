// Counts what decoding a file would allocate, before anything is allocated. 16 MiB of empty nodes, two bytes each, became
// 8 million objects: 13 s and 1.5 GB, in the process that must go on taking in samples.
import { MESSAGES, type MessageName } from './onnx-proto.ts'

/** Fields, and numbers in packed integer lists. A network of 10,000 nodes has some 200,000. */
const ELEMENTS_MAX = 1_000_000
const DEPTH_MAX = 64

type FieldKind = { message: MessageName } | 'integers'
const FIELDS = new Map<string, ReadonlyMap<number, FieldKind>>(
  Object.entries(MESSAGES).map(([name, fields]) => [name, kindsOf(fields)]),
)

/** Throws Error when the bytes are no protobuf, or hold more than the agent is willing to decode. */
export function checkElements(bytes: Uint8Array): void {
  new Scan(bytes).message('ModelProto', bytes.length, 0)
}

function kindsOf(fields: Record<string, string>): ReadonlyMap<number, FieldKind> {
  const kinds = new Map<number, FieldKind>()
  for (const spec of Object.values(fields)) {
    const [number = '', ...rest] = spec.split(' ')
    const type = rest.at(-1) ?? ''
    if (type in MESSAGES) kinds.set(Number(number), { message: type as MessageName })
    else if (type === 'int64' || type === 'int32') kinds.set(Number(number), 'integers')
  }
  return kinds
}

class Scan {
  readonly #bytes: Uint8Array
  #at = 0
  #elements = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  message(name: MessageName, end: number, depth: number): void {
    if (depth > DEPTH_MAX) throw new Error(`graphs nested deeper than ${DEPTH_MAX}`)
    const kinds = FIELDS.get(name)
    while (this.#at < end) {
      this.#count(1)
      const tag = this.#varint(end)
      const wireType = tag % 8
      if (wireType === 0) this.#varint(end)
      else if (wireType === 1) this.#skip(8, end)
      else if (wireType === 5) this.#skip(4, end)
      else if (wireType === 2) this.#lengthDelimited(kinds?.get(Math.floor(tag / 8)), end, depth)
      else throw new Error(`wire type ${wireType} is not part of ONNX`)
    }
  }

  #lengthDelimited(kind: FieldKind | undefined, end: number, depth: number): void {
    const length = this.#varint(end)
    if (length > end - this.#at) throw new Error('the file ends too early')
    if (kind === 'integers') this.#count(length)
    if (kind === undefined || kind === 'integers') this.#at += length
    else this.message(kind.message, this.#at + length, depth + 1)
  }

  #varint(end: number): number {
    let value = 0
    for (let factor = 1, read = 0; read < 10; factor *= 128, read++) {
      if (this.#at >= end) throw new Error('the file ends too early')
      const byte = this.#bytes[this.#at++]!
      value += (byte & 127) * factor
      if (byte < 128) return value
    }
    throw new Error('a number has more than ten bytes')
  }

  #skip(length: number, end: number): void {
    if (length > end - this.#at) throw new Error('the file ends too early')
    this.#at += length
  }

  #count(elements: number): void {
    this.#elements += elements
    if (this.#elements > ELEMENTS_MAX) throw new Error(`more than ${ELEMENTS_MAX} elements`)
  }
}
