// The telemetry that the benchmarks publish: a pump's row of eight channels as JSON, as MQTT packets of QoS 0. Made from
// rows prepared once, so that a publisher costs a tenth of a receiver and is not what is measured.
import { seededPrng } from '../core/prng.ts'

export const CHANNELS = [
  ['flow', 'm3/h', 60, 2],
  ['suction', 'bar', 1.2, 0.05],
  ['discharge', 'bar', 6.1, 0.1],
  ['current', 'A', 42, 0.8],
  ['speed', '1/min', 1480, 3],
  ['motor-temp', 'Cel', 71, 0.4],
  ['bearing-temp', 'Cel', 58, 0.3],
  ['vibration', 'mm/s', 2.1, 0.2],
] as const

/** The design load's, each with eight channels. */
export const ASSETS = 50

/** Rows repeat after these; a prime, so that no asset sees a period. */
const ROWS = 509
const TIME_DIGITS = 13
/** Data time from one row of an asset to the next. Times are stated, so they need not pass as fast as they are sent. */
const ROW_MS = 1

/** [rows x channels] healthy values, the same for everyone who asks. */
export function telemetryRows(rows: number): Float64Array {
  const prng = seededPrng(11)
  const values = new Float64Array(rows * CHANNELS.length)
  for (let i = 0; i < values.length; i++) {
    const [, , mean, spread] = CHANNELS[i % CHANNELS.length]!
    values[i] = Number((mean + spread * prng.normal()).toFixed(3))
  }
  return values
}

export function benchAsset(index: number): string {
  return `p-${index}`
}

/** Writes packets of one topic prefix, `<prefix>/p-<n>`, the assets in turn, times rising by ROW_MS. */
export class PacketMill {
  readonly #heads: Buffer[]
  readonly #tails: Buffer[]
  readonly #startMs: number
  #sent = 0

  constructor(prefix: string, assets: number, startMs: number) {
    this.#startMs = startMs
    const values = telemetryRows(ROWS)
    this.#tails = Array.from({ length: ROWS }, (_, row) => {
      const cells = CHANNELS.map(([id], c) => `"${id}":${values[row * CHANNELS.length + c]}`)
      return Buffer.from(`,${cells.join(',')}}`)
    })
    this.#heads = Array.from({ length: assets }, (_, asset) => {
      const topic = Buffer.from(`${prefix}/${benchAsset(asset)}`)
      return Buffer.concat([Buffer.from([topic.length >> 8, topic.length & 0xff]), topic, Buffer.from('{"ts":')])
    })
  }

  /** Later than every time stated so far. */
  get nextMs(): number {
    return this.#startMs + Math.ceil(this.#sent / this.#heads.length) * ROW_MS
  }

  /** The next `count` packets. */
  next(count: number): Buffer {
    const longest =
      Math.max(...this.#heads.map(head => head.length)) + Math.max(...this.#tails.map(tail => tail.length))
    const bytes = Buffer.allocUnsafe(count * (3 + longest + TIME_DIGITS))
    let at = 0
    for (let i = 0; i < count; i++) at = this.#write(bytes, at, this.#sent++)
    return bytes.subarray(0, at)
  }

  #write(bytes: Buffer, start: number, n: number): number {
    const head = this.#heads[n % this.#heads.length]!
    const tail = this.#tails[n % ROWS]!
    let length = head.length + TIME_DIGITS + tail.length
    let at = start
    bytes[at++] = 0x30 // PUBLISH, QoS 0
    for (; length >= 128; length >>= 7) bytes[at++] = (length & 127) | 128
    bytes[at++] = length
    at += head.copy(bytes, at)
    at += bytes.write(String(this.#startMs + Math.floor(n / this.#heads.length) * ROW_MS), at, 'latin1')
    return at + tail.copy(bytes, at)
  }
}
