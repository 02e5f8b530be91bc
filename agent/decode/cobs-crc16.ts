// Binary frames of docs/serial.md -> rows and waveform blocks. Measured: 113–151 MB of line per CPU second (x86-64).
//
// Values are laid at byte 16 of the scratch buffer, so the header before them ends there, the time stands at byte 8, and
// int16, float32 and float64 views made once read the values in place (gateways are little-endian, as the frame is).
import type { Counter } from '../core/counters.ts'
import { crc16 } from '../core/crc.ts'
import type { SampleSink, WaveformBlock } from '../core/types.ts'
import { CobsFramer } from './cobs.ts'
import type { DecoderContext, StreamDecoder } from './contract.ts'
import { COUNTER_BYTES, type CounterWidth, CRC_BYTES, FRAME_TYPES, headerBytes } from './frame-format.ts'
import type { RowBuffer } from './row-buffer.ts'
import { planStreams, type StreamPlan, type WaveformPlan } from './stream-plan.ts'

const VALUES_AT = 16
const TIME_AT = 8

export interface CobsCrc16Options {
  counter: CounterWidth
  frameBytesMax: number
}

export function createCobsCrc16Decoder(context: DecoderContext, options: CobsCrc16Options): CobsCrc16Decoder {
  return new CobsCrc16Decoder(context, options)
}

export class CobsCrc16Decoder implements StreamDecoder {
  readonly #streams: readonly (StreamPlan | undefined)[]
  readonly #buffers: readonly RowBuffer[]
  readonly #sink: SampleSink
  readonly #framer: CobsFramer
  readonly #counterBytes: number
  readonly #headerBytes: number
  readonly #view: DataView
  readonly #time: Float64Array
  readonly #i16: Int16Array
  readonly #f32: Float32Array
  readonly #f64: Float64Array
  readonly #counters: Record<
    'crcErrors' | 'badFrames' | 'oversize' | 'unbound' | 'gaps' | 'duplicates' | 'badValues' | 'badTimes' | 'resyncs',
    Counter
  >
  #receivedUs = 0

  constructor(context: DecoderContext, options: CobsCrc16Options) {
    const counter = (what: string): Counter => context.counters.get(`decode.${context.sourceId}.${what}`)
    this.#counters = {
      crcErrors: counter('crc_errors'),
      badFrames: counter('bad_frames'),
      oversize: counter('oversize'),
      unbound: counter('unbound'),
      gaps: counter('counter_gaps'),
      duplicates: counter('duplicates'),
      badValues: counter('bad_values'),
      badTimes: counter('bad_times'),
      resyncs: counter('time_resyncs'),
    }
    this.#streams = planStreams(context)
    this.#buffers = this.#streams.flatMap(stream => stream?.telemetry.map(plan => plan.buffer) ?? [])
    this.#sink = context.sink
    this.#counterBytes = COUNTER_BYTES[options.counter]
    this.#headerBytes = headerBytes(options.counter)
    this.#framer = new CobsFramer({
      frameBytesMax: options.frameBytesMax,
      at: VALUES_AT - this.#headerBytes,
      sink: (bytes, start, end) => this.#frame(bytes, start, end),
      onSkip: why => {
        ;(why === 'oversize' ? this.#counters.oversize : this.#counters.badFrames).n++
        this.#voidAll()
      },
    })
    const { buffer } = this.#framer.frame
    this.#view = new DataView(buffer)
    this.#time = new Float64Array(buffer, TIME_AT, 1)
    this.#i16 = new Int16Array(buffer, VALUES_AT, (buffer.byteLength - VALUES_AT) >> 1)
    this.#f32 = new Float32Array(buffer, VALUES_AT, (buffer.byteLength - VALUES_AT) >> 2)
    this.#f64 = new Float64Array(buffer, VALUES_AT, (buffer.byteLength - VALUES_AT) >> 3)
  }

  /** Bytes looked at, carried and unstuffed since construction. */
  get bytesHandled(): number {
    return this.#framer.bytesHandled
  }

  push(chunk: Uint8Array, receivedUs: number): void {
    this.#receivedUs = receivedUs
    this.#framer.push(chunk)
    for (let i = 0; i < this.#buffers.length; i++) this.#buffers[i]!.flush()
  }

  reset(): void {
    this.#framer.reset()
    this.#voidAll()
    for (const stream of this.#streams) if (stream) stream.counter = -1
  }

  /** What was damaged may have belonged to any stream: no capture may reach across it. */
  #voidAll(): void {
    for (const stream of this.#streams) if (stream) stream.gap = true
  }

  #frame(bytes: Uint8Array, start: number, end: number): void {
    const crcAt = end - CRC_BYTES
    if (crcAt < start + this.#headerBytes) {
      this.#counters.badFrames.n++
      this.#voidAll()
      return
    }
    if (crc16(bytes, start, crcAt) !== this.#view.getUint16(crcAt, true)) {
      this.#counters.crcErrors.n++
      this.#voidAll()
      return
    }
    const stream = this.#streams[bytes[start + 1]!]
    if (!stream) {
      this.#counters.unbound.n++
      return
    }
    if (this.#count(stream, start + 2)) this.#values(bytes[start]!, stream, crcAt - VALUES_AT)
  }

  /** Checks the frame counter. False for a repeated frame. */
  #count(stream: StreamPlan, at: number): boolean {
    const width = this.#counterBytes
    const view = this.#view
    const counter = width === 1 ? view.getUint8(at) : width === 2 ? view.getUint16(at, true) : view.getUint32(at, true)
    const expected = stream.counter === -1 ? counter : (stream.counter + 1) % 2 ** (8 * width)
    if (counter === stream.counter) {
      this.#counters.duplicates.n++
      stream.gap = true
      return false
    }
    if (counter !== expected) {
      this.#counters.gaps.n++
      stream.gap = true
    }
    stream.counter = counter
    return true
  }

  #values(type: number, stream: StreamPlan, valueBytes: number): void {
    if (type === FRAME_TYPES.telemetryF32 && valueBytes % 4 === 0) this.#telemetry(stream, this.#f32, valueBytes / 4)
    else if (type === FRAME_TYPES.telemetryF64 && valueBytes % 8 === 0)
      this.#telemetry(stream, this.#f64, valueBytes / 8)
    else if (type === FRAME_TYPES.waveformI16 && valueBytes % 2 === 0) this.#waveform(stream, 'int16', valueBytes / 2)
    else if (type === FRAME_TYPES.waveformF32 && valueBytes % 4 === 0) this.#waveform(stream, 'float32', valueBytes / 4)
    else {
      // The CRC holds, so the sender itself writes what this format does not know.
      this.#counters.badFrames.n++
      stream.gap = true
    }
  }

  #telemetry(stream: StreamPlan, raw: Float32Array | Float64Array, count: number): void {
    if (stream.telemetry.length === 0) this.#counters.unbound.n++
    const timeUs = this.#statedTimeUs()
    for (const plan of stream.telemetry) {
      const offset = plan.buffer.begin()
      const { values } = plan.buffer
      for (const field of plan.fields) {
        const value = field.index < count ? raw[field.index]! : Number.NaN
        if (Number.isFinite(value)) values[offset + field.channel] = value * field.scale + field.offset
        else this.#counters.badValues.n++
      }
      plan.buffer.commit(timeUs === 0 ? this.#receivedUs : timeUs)
    }
    // For rows the loss is counted and no more: each stands for itself.
    stream.gap = stream.waveforms.length > 0 && stream.gap
  }

  #waveform(stream: StreamPlan, type: 'int16' | 'float32', count: number): void {
    const timeUs = this.#statedTimeUs()
    let bound = 0
    for (const plan of stream.waveforms) {
      if (plan.type !== type || count === 0) continue
      bound++
      const { block } = plan
      block.gap = stream.gap
      block.samples = this.#samples(plan, count)
      if (timeUs === 0) this.#placeByArrival(plan, count)
      else block.startUs = timeUs
      this.#sink.waveform(block)
    }
    if (bound === 0) this.#counters.unbound.n++
    else stream.gap = false
  }

  /** A view of exactly `count` samples; senders keep one length, so it is made once. */
  #samples(plan: WaveformPlan, count: number): WaveformBlock['samples'] {
    if (plan.block.samples.length === count) return plan.block.samples
    return plan.type === 'int16' ? this.#i16.subarray(0, count) : this.#f32.subarray(0, count)
  }

  #placeByArrival(plan: WaveformPlan, count: number): void {
    if (plan.block.gap) plan.timeline.restart()
    const before = plan.timeline.resyncs
    plan.block.startUs = plan.timeline.place(count, this.#receivedUs)
    this.#counters.resyncs.n += plan.timeline.resyncs - before
  }

  /** 0 = the frame states none. */
  #statedTimeUs(): number {
    const timeUs = this.#time[0]!
    if (timeUs === 0) return 0
    if (timeUs > 0 && Number.isFinite(timeUs)) return timeUs
    this.#counters.badTimes.n++
    return 0
  }
}
