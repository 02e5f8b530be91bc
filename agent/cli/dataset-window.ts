// One window of a data set, as it streams out of the daemon: rows, their times, captures. Nothing of it lies in memory as a whole.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { isoFromUs } from '../core/types.ts'
import { streamDaemon } from '../http/client.ts'
import type { Span } from './dataset-plan.ts'
import { unwritable } from './files.ts'
import { NpyRows } from './npy-rows.ts'

const ADVICE = 'choose another --out'
/** Beyond so many times the usual distance of two samples a new capture begins. */
const GAP_FACTOR = 1.5

export interface DatasetFile {
  path: string
  sha256: string
  dtype: string
  shape: number[]
}

export interface DatasetChannel {
  id: string
  unit: string | null
}

export interface DatasetCapture {
  start: string
  rateHz: number
  /** Index of its first sample in the file. */
  first: number
  samples: number
}

export interface DatasetWaveform extends DatasetChannel {
  file: DatasetFile
  captures: DatasetCapture[]
}

export interface DatasetRows {
  rows: number
  channels: DatasetChannel[]
  /** float64 [rows, channels], NaN where a channel had no value. */
  samples?: DatasetFile
  /** int64 [rows], µs since 1970. */
  times?: DatasetFile
  /** float32 [samples] of each channel of captures. */
  waveforms: DatasetWaveform[]
}

export interface WindowSource {
  socket: string
  asset: string
  units: ReadonlyMap<string, string>
  /** Channels of captures. */
  waveforms: readonly string[]
}

/** Writes `<name>.*.npy` into `dir`; undefined where nothing is stored of that time. Throws FILE_UNWRITABLE and what the daemon says. */
export async function writeWindow(
  source: WindowSource,
  { fromUs, toUs }: Span,
  dir: string,
  name: string,
): Promise<DatasetRows | undefined> {
  const range = { asset: source.asset, from: String(Math.floor(fromUs)), to: String(Math.ceil(toUs)) }
  const rows = await writeSamples(source, range, dir, name)
  const waveforms: DatasetWaveform[] = []
  for (const channel of source.waveforms) {
    const written = await writeWaveform(source, range, dir, { name, channel })
    if (written) waveforms.push(written)
  }
  if (!rows && waveforms.length === 0) return undefined
  return { rows: 0, channels: [], ...rows, waveforms }
}

type Range = Record<'asset' | 'from' | 'to', string>
type Line = { columns: string[] } | (number | null)[]

async function writeSamples(
  { socket, units }: WindowSource,
  range: Range,
  dir: string,
  name: string,
): Promise<Omit<DatasetRows, 'waveforms'> | undefined> {
  const paths = { samples: `${name}.samples.npy`, times: `${name}.times.npy` }
  let columns: string[] | undefined
  let order: number[] = []
  let files: { samples: NpyRows; times: NpyRows } | undefined
  try {
    for await (const line of streamDaemon(socket, `/v1/history?${new URLSearchParams(range)}`) as AsyncIterable<Line>) {
      if (!Array.isArray(line)) {
        // The channels of the asset may have changed in that time: the first ones are those of the array.
        columns ??= line.columns
        order = columns.map(column => line.columns.indexOf(column))
        continue
      }
      files ??= {
        samples: await NpyRows.create(join(dir, paths.samples), {
          descr: "'<f8'",
          width: order.length,
          advice: ADVICE,
        }),
        times: await NpyRows.create(join(dir, paths.times), { descr: "'<i8'", advice: ADVICE }),
      }
      await files.times.push(8, (block, at) => block.writeBigInt64LE(BigInt(Math.round(line[0] ?? 0)), at))
      await files.samples.push(8 * order.length, (block, from) => {
        let at = from
        for (const column of order) at = block.writeDoubleLE((column < 0 ? null : line[1 + column]) ?? Number.NaN, at)
        return at
      })
    }
    if (!files || !columns) return undefined
    const rows = await files.samples.finish()
    await files.times.finish()
    return {
      rows,
      channels: columns.map(id => ({ id, unit: units.get(id) ?? null })),
      samples: await fileOf(dir, paths.samples, 'float64', [rows, columns.length]),
      times: await fileOf(dir, paths.times, 'int64', [rows]),
    }
  } catch (error) {
    await files?.samples.abandon()
    await files?.times.abandon()
    throw error
  }
}

async function writeWaveform(
  { socket, units }: WindowSource,
  range: Range,
  dir: string,
  { name, channel }: { name: string; channel: string },
): Promise<DatasetWaveform | undefined> {
  const path = `${name}.${channel}.npy`
  const query = new URLSearchParams({ ...range, class: 'waveforms', columns: channel })
  const cut = new CaptureCut()
  let file: NpyRows | undefined
  try {
    for await (const line of streamDaemon(socket, `/v1/history?${query}`) as AsyncIterable<Line>) {
      if (!Array.isArray(line)) continue
      file ??= await NpyRows.create(join(dir, path), { descr: "'<f4'", advice: ADVICE })
      cut.push(line[0] ?? 0)
      await file.push(4, (block, at) => block.writeFloatLE(line[1] ?? Number.NaN, at))
    }
    if (!file) return undefined
    const samples = await file.finish()
    const described = await fileOf(dir, path, 'float32', [samples])
    return { id: channel, unit: units.get(channel) ?? null, file: described, captures: cut.end() }
  } catch (error) {
    await file?.abandon()
    throw error
  }
}

/** Where captures begin and end, by the distance of their samples. */
export class CaptureCut {
  readonly #captures: DatasetCapture[] = []
  #first = 0
  #count = 0
  #startUs = 0
  #lastUs = 0
  #stepUs = 0

  push(timeUs: number): void {
    const inThis = this.#count - this.#first
    const stepUs = timeUs - this.#lastUs
    if (inThis === 1) this.#stepUs = stepUs
    else if (inThis > 1 && !(stepUs > 0 && stepUs < GAP_FACTOR * this.#stepUs + 1)) this.#close()
    if (this.#count === this.#first) this.#startUs = timeUs
    this.#lastUs = timeUs
    this.#count++
  }

  end(): DatasetCapture[] {
    if (this.#count > this.#first) this.#close()
    return this.#captures
  }

  #close(): void {
    const samples = this.#count - this.#first
    const rateHz = samples > 1 ? rateOf(samples - 1, this.#lastUs - this.#startUs) : 0
    this.#captures.push({
      start: isoFromUs(this.#startUs),
      rateHz,
      first: this.#first,
      samples,
    })
    this.#first = this.#count
  }
}

/** Times are exact to a quarter of a microsecond: where a whole number of Hz is within that, it is meant. */
function rateOf(steps: number, spanUs: number): number {
  const hz = (steps * 1e6) / spanUs
  const whole = Math.round(hz)
  return Math.abs(hz - whole) <= hz / spanUs ? whole : Number(hz.toPrecision(6))
}

async function fileOf(dir: string, path: string, dtype: string, shape: number[]): Promise<DatasetFile> {
  const hash = createHash('sha256')
  try {
    for await (const chunk of createReadStream(join(dir, path))) hash.update(chunk as Buffer)
  } catch (error) {
    throw unwritable(path, error, ADVICE)
  }
  return { path, sha256: hash.digest('hex'), dtype, shape }
}
