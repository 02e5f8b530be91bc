// A column of doubles, bit for bit, as integers: sensors send decimals ("79.3366") or float32 from a register, and what is
// stored is the decimal's integer; only noise of full precision is stored as the bits of its numbers.
//
// One column: form u8, then
//   0 one value        its 8 bytes
//   1 decimal          exponent u8 (+ 0x80: rounded to float32 after the division), marks, integers
//   2 float32 bits     marks, integers: the bits, made sortable
//   3 float64 bits     integers of the high words made sortable, integers of the low words
// marks: 0, or 1 and a column of integers that is 1 where the value is missing (NaN); the integer before stands there.
import type { ByteReader, ByteWriter } from './byte-writer.ts'
import { Integers } from './integers.ts'

const ONE_VALUE = 0
const DECIMAL = 1
const FLOAT32 = 2
const FLOAT64 = 3
const ROUNDED_TO_FLOAT32 = 0x80
/** 10 decimals: beyond, a number has more digits than any instrument, and is stored as bits. */
const EXPONENT_MAX = 10
/** A float32 holds up to 9 digits: with more than 7 decimals everything would be one. */
const FLOAT32_EXPONENT_MAX = 7
const POWERS = Float64Array.from({ length: EXPONENT_MAX + 1 }, (_, exponent) => 10 ** exponent)
/** Integers beyond would not be told apart. */
const INTEGER_MAX = 2 ** 52
/** Values looked at before the whole column is tried. */
const PROBES = 16

export class Column {
  readonly #integers: Integers
  readonly #whole: Float64Array
  readonly #missing: Float64Array
  readonly #double = new Float64Array(1)
  readonly #words = new Uint32Array(this.#double.buffer)
  readonly #single = new Float32Array(1)
  readonly #singleBits = new Uint32Array(this.#single.buffer)

  constructor(rowsMax: number) {
    this.#integers = new Integers(rowsMax)
    this.#whole = new Float64Array(rowsMax)
    this.#missing = new Float64Array(rowsMax)
  }

  /** `values` [rows], at least one. */
  write(values: Float64Array, rows: number, into: ByteWriter): void {
    if (isOneValue(values, rows)) {
      into.u8(ONE_VALUE)
      into.f64(values[0]!)
      return
    }
    const marked = this.#markMissing(values, rows)
    if (marked >= 0) {
      if (this.#writeDecimals(values, rows, false, marked > 0, into)) return
      if (this.#writeDecimals(values, rows, true, marked > 0, into)) return
      if (this.#writeFloat32(values, rows, marked > 0, into)) return
    }
    this.#writeFloat64(values, rows, into)
  }

  /** Marks NaN in #missing and returns how many; -1 when a value would not survive a number's arithmetic (-0, NaN with a payload, infinity). */
  #markMissing(values: Float64Array, rows: number): number {
    let count = 0
    for (let row = 0; row < rows; row++) {
      const value = values[row]!
      this.#missing[row] = 0
      if (value - value === 0) {
        if (value === 0 && 1 / value < 0) return -1
        continue
      }
      if (!this.#isPlainNaN(value)) return -1
      this.#missing[row] = 1
      count++
    }
    return count
  }

  #isPlainNaN(value: number): boolean {
    this.#double[0] = value
    return this.#words[0] === 0 && this.#words[1] === 0x7ff80000
  }

  #writeDecimals(values: Float64Array, rows: number, single: boolean, marked: boolean, into: ByteWriter): boolean {
    const exponent = this.#exponentOf(values, rows, single)
    if (exponent === undefined) return false
    const start = into.length
    into.u8(DECIMAL)
    into.u8(single ? exponent | ROUNDED_TO_FLOAT32 : exponent)
    return this.#writeIntegers(rows, marked, start, into)
  }

  /** The lowest exponent with which all values are whole, in #whole. */
  #exponentOf(values: Float64Array, rows: number, single: boolean): number | undefined {
    const most = single ? FLOAT32_EXPONENT_MAX : EXPONENT_MAX
    let exponent = 0
    const stride = Math.max(1, Math.floor(rows / PROBES))
    for (let row = 0; row < rows; row += stride) {
      if (this.#missing[row] === 1) continue
      while (!isWhole(values[row]!, POWERS[exponent]!, single)) if (++exponent > most) return undefined
    }
    for (;;) {
      const failed = single ? this.#scaleSingle(values, rows, exponent) : this.#scale(values, rows, exponent)
      if (failed === undefined) return exponent
      while (!isWhole(values[failed]!, POWERS[exponent]!, single)) if (++exponent > most) return undefined
    }
  }

  /** Row of the first value that is not whole. */
  #scale(values: Float64Array, rows: number, exponent: number): number | undefined {
    const [whole, missing, power] = [this.#whole, this.#missing, POWERS[exponent]!]
    let before = 0
    for (let row = 0; row < rows; row++) {
      const value = values[row]!
      if (missing[row] === 0) {
        before = Math.round(value * power)
        if (before / power !== value || before > INTEGER_MAX || before < -INTEGER_MAX) return row
      }
      whole[row] = before
    }
    return undefined
  }

  #scaleSingle(values: Float64Array, rows: number, exponent: number): number | undefined {
    const [whole, missing, power] = [this.#whole, this.#missing, POWERS[exponent]!]
    let before = 0
    for (let row = 0; row < rows; row++) {
      const value = values[row]!
      if (missing[row] === 0) {
        before = Math.round(value * power)
        if (Math.fround(before / power) !== value || before > INTEGER_MAX || before < -INTEGER_MAX) return row
      }
      whole[row] = before
    }
    return undefined
  }

  #writeFloat32(values: Float64Array, rows: number, marked: boolean, into: ByteWriter): boolean {
    let before = 0
    for (let row = 0; row < rows; row++) {
      const value = values[row]!
      if (this.#missing[row] === 0) {
        if (Math.fround(value) !== value) return false
        this.#single[0] = value
        before = sortable(this.#singleBits[0]!)
      }
      this.#whole[row] = before
    }
    const start = into.length
    into.u8(FLOAT32)
    return this.#writeIntegers(rows, marked, start, into)
  }

  #writeIntegers(rows: number, marked: boolean, start: number, into: ByteWriter): boolean {
    into.u8(marked ? 1 : 0)
    if (marked) this.#integers.write(this.#missing, rows, into)
    if (this.#integers.write(this.#whole, rows, into)) return true
    into.length = start
    return false
  }

  #writeFloat64(values: Float64Array, rows: number, into: ByteWriter): void {
    into.u8(FLOAT64)
    for (let row = 0; row < rows; row++) {
      this.#double[0] = values[row]!
      this.#whole[row] = sortable(this.#words[1]!)
      this.#missing[row] = this.#words[0]!
    }
    this.#integers.write(this.#whole, rows, into)
    this.#integers.write(this.#missing, rows, into)
  }

  /** Into `values` [rows]. Throws a RangeError when these are not the bytes of a column. */
  read(from: ByteReader, rows: number, values: Float64Array): void {
    const form = from.u8()
    if (form === ONE_VALUE) values.fill(from.f64(), 0, rows)
    else if (form === DECIMAL) this.#readDecimals(from, rows, values)
    else if (form === FLOAT32) this.#readFloat32(from, rows, values)
    else if (form === FLOAT64) this.#readFloat64(from, rows, values)
    else throw new RangeError(`no form ${form} of a column`)
  }

  #readDecimals(from: ByteReader, rows: number, values: Float64Array): void {
    const code = from.u8()
    const power = POWERS[code & ~ROUNDED_TO_FLOAT32]
    if (power === undefined) throw new RangeError(`no exponent ${code} of a column`)
    const marked = this.#readMarks(from, rows)
    this.#integers.read(from, rows, values)
    if (code & ROUNDED_TO_FLOAT32) for (let row = 0; row < rows; row++) values[row] = Math.fround(values[row]! / power)
    else if (power !== 1) for (let row = 0; row < rows; row++) values[row] = values[row]! / power
    if (marked) this.#putMissing(rows, values)
  }

  #readMarks(from: ByteReader, rows: number): boolean {
    if (from.u8() === 0) return false
    this.#integers.read(from, rows, this.#missing)
    return true
  }

  #putMissing(rows: number, values: Float64Array): void {
    for (let row = 0; row < rows; row++) if (this.#missing[row] === 1) values[row] = Number.NaN
  }

  #readFloat32(from: ByteReader, rows: number, values: Float64Array): void {
    const marked = this.#readMarks(from, rows)
    this.#integers.read(from, rows, values)
    for (let row = 0; row < rows; row++) {
      this.#singleBits[0] = unsortable(values[row]!)
      values[row] = this.#single[0]!
    }
    if (marked) this.#putMissing(rows, values)
  }

  #readFloat64(from: ByteReader, rows: number, values: Float64Array): void {
    this.#integers.read(from, rows, this.#whole)
    this.#integers.read(from, rows, this.#missing)
    const words = new Uint32Array(values.buffer, values.byteOffset, rows * 2)
    for (let row = 0; row < rows; row++) {
      words[row * 2] = this.#missing[row]!
      words[row * 2 + 1] = unsortable(this.#whole[row]!)
    }
  }
}

function isWhole(value: number, power: number, single: boolean): boolean {
  const whole = Math.round(value * power)
  return (single ? Math.fround(whole / power) : whole / power) === value && Math.abs(whole) <= INTEGER_MAX
}

/** All of the same bits: NaN too. */
function isOneValue(values: Float64Array, rows: number): boolean {
  const words = new Uint32Array(values.buffer, values.byteOffset, rows * 2)
  for (let word = 2; word < words.length; word += 2) {
    if (words[word] !== words[0] || words[word + 1] !== words[1]) return false
  }
  return true
}

/** Bits of a float, or of the upper half of a double, in the order of the numbers (as keys.ts does for times). */
function sortable(bits: number): number {
  return (bits & 0x80000000 ? ~bits : bits | 0x80000000) >>> 0
}

function unsortable(order: number): number {
  return (order & 0x80000000 ? order & 0x7fffffff : ~order) >>> 0
}
