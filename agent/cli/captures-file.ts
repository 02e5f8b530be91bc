// A .npy file of captures of vibration, read as they are needed: a baseline is held in memory, a year of captures is not.
import { AgentError } from '../core/errors.ts'
import type { NpyFile } from '../decode/contract.ts'
import { openNpy } from '../decode/npy.ts'
import type { CaptureData } from '../models/contract.ts'

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
  /** Captures [from, to) as fit data. Throws USAGE where they are beyond what memory is meant for. */
  read(from: number, to: number): Promise<CaptureData>
  /** Samples [at, at + count) of every channel of a capture into `out` [channels, count], in the unit. */
  window(capture: number, at: number, count: number, out: Float32Array): Promise<void>
  close(): Promise<void>
}

/** Opens an array [captures, channels, samples]. Throws NPY_INVALID, or USAGE for a rate or interval that cannot be. */
export async function readCaptures(path: string, options: CaptureOptions): Promise<Captures> {
  const { rateHz, intervalS, unit } = options
  if (!(rateHz > 0) || !(intervalS > 0)) {
    throw new AgentError('USAGE', `--rate ${rateHz} and --interval ${intervalS} must be above 0`)
  }
  return new OpenCaptures(path, await openNpy(path), options, unit)
}

class OpenCaptures implements Captures {
  readonly path: string
  readonly count: number
  readonly samples: number
  readonly channels: { id: string; unit: string }[]
  readonly rateHz: number
  readonly timesUs: Float64Array
  readonly #file: NpyFile
  readonly #scale: number

  constructor(path: string, file: NpyFile, { rateHz, intervalS, scale = 1 }: CaptureOptions, unit: string) {
    this.path = path
    this.#file = file
    this.#scale = scale
    this.count = file.captures
    this.samples = file.samples
    this.rateHz = rateHz
    this.channels = Array.from({ length: file.channels }, (_, c) => ({ id: `ch${c + 1}`, unit }))
    this.timesUs = Float64Array.from({ length: file.captures }, (_, k) => FIRST_US + Math.round(k * intervalS * 1e6))
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
      await this.window(from + k, 0, this.samples, captures.subarray(k * size, (k + 1) * size))
    }
    const { path, samples, channels, rateHz, timesUs } = this
    return { captures, count, samples, channels, rateHz, timesUs: timesUs.slice(from, to), source: path }
  }

  async window(capture: number, at: number, count: number, out: Float32Array): Promise<void> {
    for (let c = 0; c < this.channels.length; c++) {
      const values = await this.#file.read(capture, c, at, count)
      for (let i = 0; i < count; i++) out[c * count + i] = values[i]! * this.#scale
    }
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}
