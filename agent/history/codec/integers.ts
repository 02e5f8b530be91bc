// A column of integers, exact in doubles: what they are stored as is chosen by what would take the fewest bytes.
//
// One column: kind u8, then
//   0 constant     the value f64
//   1 offset       lowest f64, greatest difference varint, planes of value - lowest
//   2 delta        first f64, greatest varint, planes of the zigzag differences to the value before
//   3 dictionary   lowest f64, entries varint, [greatest step varint, planes of the steps between entries], greatest index varint, planes of the indices
//   4 dictionary, delta    the same, zigzag differences of the indices
import type { ByteReader, ByteWriter } from './byte-writer.ts'
import { Planes } from './planes.ts'

const CONSTANT = 0
const OFFSET = 1
const DELTA = 2
const DICTIONARY = 3
const DICTIONARY_DELTA = 4
/** Beyond, the entries cost what the indices save. */
const ENTRIES_MAX = 1024
const SLOTS = 4096
/** A dictionary is looked for where values come back; one of few rows never pays. */
const ROWS_PER_ENTRY = 3

export class Integers {
  readonly #planes: Planes
  readonly #rowsMax: number
  readonly #offset: Uint32Array
  readonly #delta: Uint32Array
  readonly #index: Uint32Array
  readonly #indexDelta: Uint32Array
  readonly #slots = new Int16Array(SLOTS)
  readonly #entries = new Float64Array(ENTRIES_MAX)
  readonly #steps = new Uint32Array(ENTRIES_MAX)

  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax
    this.#planes = new Planes(Math.max(rowsMax, ENTRIES_MAX))
    this.#offset = new Uint32Array(rowsMax)
    this.#delta = new Uint32Array(rowsMax)
    this.#index = new Uint32Array(rowsMax)
    this.#indexDelta = new Uint32Array(rowsMax)
  }

  /** False when the integers spread too wide for 32 bits either way; then nothing is written. */
  write(values: Float64Array, rows: number, into: ByteWriter): boolean {
    if (rows > this.#rowsMax) throw new RangeError(`${rows} rows in a codec of ${this.#rowsMax}`)
    const first = values[0]!
    let lowest = first
    let highest = first
    let deltaMax = 0
    let before = first
    for (let row = 0; row < rows; row++) {
      const value = values[row]!
      if (value < lowest) lowest = value
      else if (value > highest) highest = value
      const size = zigzag(value - before)
      before = value
      this.#delta[row] = size
      if (size > deltaMax) deltaMax = size
    }
    if (lowest === highest) {
      into.u8(CONSTANT)
      into.f64(first)
      return true
    }
    return this.#writeBest(values, rows, lowest, highest - lowest, deltaMax, into)
  }

  #writeBest(
    values: Float64Array,
    rows: number,
    lowest: number,
    span: number,
    deltaMax: number,
    into: ByteWriter,
  ): boolean {
    const offsetFits = span < 2 ** 32
    const deltaFits = deltaMax < 2 ** 32
    if (!offsetFits && !deltaFits) return false
    const [offset, delta] = [this.#offset, this.#delta]
    if (offsetFits) for (let row = 0; row < rows; row++) offset[row] = values[row]! - lowest
    const offsetBytes = offsetFits ? this.#planes.estimate(offset, rows, span) : Number.POSITIVE_INFINITY
    const deltaBytes = deltaFits ? this.#planes.estimate(delta, rows, deltaMax) : Number.POSITIVE_INFINITY
    const entries = offsetFits ? this.#dictionary(rows, Math.floor(rows / ROWS_PER_ENTRY)) : 0
    if (entries > 0 && this.#writeDictionary(rows, entries, lowest, Math.min(offsetBytes, deltaBytes), into))
      return true
    if (offsetBytes <= deltaBytes) {
      into.u8(OFFSET)
      into.f64(lowest)
      into.varint(span)
      this.#planes.write(offset, rows, span, into)
    } else {
      into.u8(DELTA)
      into.f64(values[0]!)
      into.varint(deltaMax)
      this.#planes.write(delta, rows, deltaMax, into)
    }
    return true
  }

  /** Distinct offsets, sorted, into #entries, and the index of each row; 0 when there are more than `most`. */
  #dictionary(rows: number, most: number): number {
    const slots = this.#slots.fill(-1)
    const [offset, entries] = [this.#offset, this.#entries]
    const limit = Math.min(most, ENTRIES_MAX)
    let count = 0
    for (let row = 0; row < rows; row++) {
      const value = offset[row]!
      const slot = this.#slotOf(value)
      if (slots[slot] === -1) {
        if (count === limit) return 0
        entries[count] = value
        slots[slot] = count++
      }
    }
    entries.subarray(0, count).sort()
    slots.fill(-1)
    for (let entry = 0; entry < count; entry++) slots[this.#slotOf(entries[entry]!)] = entry
    for (let row = 0; row < rows; row++) this.#index[row] = slots[this.#slotOf(offset[row]!)]!
    return count
  }

  /** The slot that holds the value, or the free one where it would go. At most a quarter of the slots are taken. */
  #slotOf(value: number): number {
    let slot = Math.imul(value, 0x9e3779b1) >>> 20
    for (let held = this.#slots[slot]!; held >= 0 && this.#entries[held] !== value; held = this.#slots[slot]!) {
      slot = (slot + 1) & (SLOTS - 1)
    }
    return slot
  }

  /** False when the dictionary and its indices would take `otherBytes` or more. */
  #writeDictionary(rows: number, entries: number, lowest: number, otherBytes: number, into: ByteWriter): boolean {
    const steps = this.#steps
    let stepMax = 0
    for (let entry = 0; entry < entries; entry++) {
      steps[entry] = entry === 0 ? 0 : this.#entries[entry]! - this.#entries[entry - 1]!
      if (steps[entry]! > stepMax) stepMax = steps[entry]!
    }
    let deltaMax = 0
    let before = 0
    for (let row = 0; row < rows; row++) {
      const index = this.#index[row]!
      const size = zigzag(index - before)
      before = index
      this.#indexDelta[row] = size
      if (size > deltaMax) deltaMax = size
    }
    const entryBytes = this.#planes.estimate(steps, entries, stepMax)
    const plain = this.#planes.estimate(this.#index, rows, entries - 1)
    const delta = this.#planes.estimate(this.#indexDelta, rows, deltaMax)
    if (entryBytes + Math.min(plain, delta) >= otherBytes) return false
    into.u8(plain <= delta ? DICTIONARY : DICTIONARY_DELTA)
    into.f64(lowest)
    into.varint(entries)
    into.varint(stepMax)
    this.#planes.write(steps, entries, stepMax, into)
    if (plain <= delta) {
      into.varint(entries - 1)
      this.#planes.write(this.#index, rows, entries - 1, into)
    } else {
      into.varint(deltaMax)
      this.#planes.write(this.#indexDelta, rows, deltaMax, into)
    }
    return true
  }

  /** Into `values` [rows]. */
  read(from: ByteReader, rows: number, values: Float64Array): void {
    const kind = from.u8()
    const base = from.f64()
    if (kind === CONSTANT) {
      values.fill(base, 0, rows)
      return
    }
    const scratch = this.#offset
    if (kind === OFFSET) {
      this.#planes.read(from, rows, from.varint(), scratch)
      for (let row = 0; row < rows; row++) values[row] = base + scratch[row]!
    } else if (kind === DELTA) {
      this.#planes.read(from, rows, from.varint(), scratch)
      unzigzag(scratch, rows, base, values)
    } else if (kind === DICTIONARY || kind === DICTIONARY_DELTA) {
      this.#readDictionary(from, rows, base, kind, values)
    } else throw new RangeError(`no way ${kind} to store integers`)
  }

  #readDictionary(from: ByteReader, rows: number, lowest: number, kind: number, values: Float64Array): void {
    const entries = from.varint()
    if (entries > ENTRIES_MAX) throw new RangeError(`a dictionary of ${entries}`)
    this.#planes.read(from, entries, from.varint(), this.#steps)
    for (let entry = 0, value = lowest; entry < entries; entry++) {
      value += this.#steps[entry]!
      this.#entries[entry] = value
    }
    this.#planes.read(from, rows, from.varint(), this.#index)
    if (kind === DICTIONARY_DELTA) {
      unzigzag(this.#index, rows, 0, values)
      for (let row = 0; row < rows; row++) values[row] = this.#entries[values[row]!]!
    } else for (let row = 0; row < rows; row++) values[row] = this.#entries[this.#index[row]!]!
  }
}

/** 0, -1, 1, -2 … as 0, 1, 2, 3 … */
function zigzag(step: number): number {
  return step < 0 ? -2 * step - 1 : 2 * step
}

function unzigzag(steps: Uint32Array, rows: number, first: number, into: Float64Array): void {
  let value = first
  for (let row = 0; row < rows; row++) {
    const size = steps[row]!
    value += size & 1 ? -((size >>> 1) + 1) : size >>> 1
    into[row] = value
  }
}
