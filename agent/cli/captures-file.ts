// A .npy file of captures of vibration, read as they are needed: a baseline is held in memory, a year of captures is not.
import { AgentError } from '../core/errors.ts'
import type { NpyFile } from '../decode/contract.ts'
import { openNpy } from '../decode/npy.ts'
import type { CaptureData } from '../models/contract.ts'

/** Largest number of a digitiser of 16 bits. */
const INT16_MAX = 32_767
/** 256 MB: 60 captures of 5 s of 8 channels at 25.6 kHz are 61 million values. */
const BASELINE_FLOATS_MAX = 64_000_000
/** The recording says when it began no more than a file name does; the reports count from 1970. */
const FIRST_US = 0

export interface CaptureOptions {
  rateHz: number
  /** From one capture to the next. */
  intervalS: number
  unit: 'g' | 'm/s2'
  /** Multiplies what the file holds; 1 where it is in `unit` already. */
  scale?: number
}

/** A file of captures, open. */
export interface Captures {
  path: string
  count: number
  samples: number
  channels: { id: string; unit: string }[]
  rateHz: number
  /** [count] */
  timesUs: Float64Array
  /** Largest value that the file can hold, of whole numbers; undefined of others. */
  fullScale: number | undefined
  /** The same file with these channels alone, in this order. Closed with it. */
  select(channels: readonly number[]): Captures
  /** Captures [from, to) as fit data. Throws USAGE where they are beyond what memory is meant for. */
  read(from: number, to: number): Promise<CaptureData>
  /** The whole of one capture, [channels][samples], in the unit. */
  capture(capture: number): Promise<Float32Array[]>
  close(): Promise<void>
}

/** Opens an array [captures, channels, samples], or [captures, samples] of one channel. Throws NPY_INVALID, or USAGE for a rate or interval that cannot be. */
export async function readCaptures(path: string, options: CaptureOptions): Promise<Captures> {
  const { rateHz, intervalS, unit } = options
  if (!(rateHz > 0) || !(intervalS > 0)) {
    throw new AgentError('USAGE', `--rate ${rateHz} and --interval ${intervalS} must be above 0`)
  }
  const file = await openNpy(path, { ofTwo: 'captures' })
  const channels = Array.from({ length: file.channels }, (_, c) => ({ id: `ch${c + 1}`, unit, index: c }))
  return new OpenCaptures(path, file, options, channels)
}

class OpenCaptures implements Captures {
  readonly path: string
  readonly count: number
  readonly samples: number
  readonly channels: { id: string; unit: string; index: number }[]
  readonly rateHz: number
  readonly timesUs: Float64Array
  readonly fullScale: number | undefined
  readonly #file: NpyFile
  readonly #options: CaptureOptions
  readonly #scale: number

  constructor(path: string, file: NpyFile, options: CaptureOptions, channels: OpenCaptures['channels']) {
    const { rateHz, intervalS, scale = 1 } = options
    this.path = path
    this.#file = file
    this.#options = options
    this.#scale = scale
    this.count = file.captures
    this.samples = file.samples
    this.rateHz = rateHz
    this.channels = channels
    this.fullScale = file.dtype === 'i2' ? INT16_MAX * Math.abs(scale) : undefined
    this.timesUs = Float64Array.from({ length: file.captures }, (_, k) => FIRST_US + Math.round(k * intervalS * 1e6))
  }

  select(channels: readonly number[]): Captures {
    return new OpenCaptures(
      this.path,
      this.#file,
      this.#options,
      channels.map(c => this.channels[c]!),
    )
  }

  async read(from: number, to: number): Promise<CaptureData> {
    const size = this.channels.length * this.samples
    const count = to - from
    if (count * size > BASELINE_FLOATS_MAX) {
      const most = Math.floor(BASELINE_FLOATS_MAX / size)
      throw new AgentError('USAGE', `${count} captures of ${size} values are beyond memory; fit ${most} at most`)
    }
    const captures = new Float32Array(count * size)
    for (let k = 0; k < count; k++) {
      const axes = await this.capture(from + k)
      for (const [c, axis] of axes.entries()) captures.set(axis, k * size + c * this.samples)
    }
    const { path, samples, rateHz, timesUs } = this
    const channels = this.channels.map(({ id, unit }) => ({ id, unit }))
    return { captures, count, samples, channels, rateHz, timesUs: timesUs.slice(from, to), source: path }
  }

  async capture(capture: number): Promise<Float32Array[]> {
    const axes: Float32Array[] = []
    for (const { index } of this.channels) {
      const values = await this.#file.read(capture, index, 0, this.samples)
      const out = new Float32Array(this.samples)
      for (let i = 0; i < out.length; i++) out[i] = values[i]! * this.#scale
      axes.push(out)
    }
    return axes
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}
