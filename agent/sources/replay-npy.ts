// Recorded arrays [captures, channels, samples] as a source: waveform channels get blocks, others get a row per sample.
import { AgentError } from '../core/errors.ts'
import type { SampleBlock, WaveformBlock } from '../core/types.ts'
import type { NpyArray, NpyFile } from '../decode/contract.ts'
import type { PlayOptions } from './replay-csv.ts'

const BLOCK_SAMPLES = 4096

interface BoundWave {
  kind: 'wave'
  index: number
  type: 'int16' | 'float32'
  block: WaveformBlock
}

interface BoundRows {
  kind: 'rows'
  block: SampleBlock
  fields: { index: number; channel: number; scale: number; offset: number }[]
}

/**
 * Plays one array. It holds no times: the first capture starts now, each next one `intervalS` later (absent: where the
 * one before ends). Throws NPY_INVALID, and REPLAY_UNREADABLE when nothing is bound or the rate is unknown.
 */
export async function playNpy(options: PlayOptions): Promise<void> {
  const { file, config, deps } = options
  const npy = await deps.decoders.openNpy(file)
  try {
    const bound = bind(options, npy)
    const rateHz = config.rateHz ?? bound.flatMap(entry => (entry.kind === 'wave' ? [entry.block.rateHz] : []))[0]
    if (bound.length === 0 || rateHz === undefined) {
      const what =
        bound.length === 0 ? `no channel of source ${config.id} has an index below ${npy.channels}` : 'no rate'
      throw new AgentError('REPLAY_UNREADABLE', `${file}: ${what}; set index of the channels and rate of the source`)
    }
    const startUs = deps.clock.nowUs()
    const captureUs = (npy.samples / rateHz) * 1e6
    const intervalUs = config.intervalS === undefined ? captureUs : config.intervalS * 1e6
    for (let capture = 0; capture < npy.captures && !options.pace.aborted; capture++) {
      const joins = capture > 0 && Math.abs(intervalUs - captureUs) < 1e6 / rateHz
      await playCapture(options, npy, bound, { capture, rateHz, startUs: startUs + capture * intervalUs, gap: !joins })
    }
  } finally {
    await npy.close()
  }
}

interface Capture {
  capture: number
  rateHz: number
  startUs: number
  gap: boolean
}

async function playCapture(
  options: PlayOptions,
  npy: NpyFile,
  bound: readonly (BoundWave | BoundRows)[],
  { capture, rateHz, startUs, gap }: Capture,
): Promise<void> {
  const { pace, deps } = options
  const indices = new Set(
    bound.flatMap(entry => (entry.kind === 'wave' ? entry.index : entry.fields.map(f => f.index))),
  )
  for (let from = 0; from < npy.samples; from += BLOCK_SAMPLES) {
    const count = Math.min(BLOCK_SAMPLES, npy.samples - from)
    const blockUs = startUs + (from / rateHz) * 1e6
    const pieces: NpyArray[] = []
    for (const index of indices) pieces[index] = await npy.read(capture, index, from, count)
    await pace.reach(blockUs)
    if (pace.aborted) return
    for (const entry of bound) {
      if (entry.kind === 'rows') emitRows(entry, pieces, count, blockUs, rateHz, options)
      else {
        entry.block.startUs = blockUs
        entry.block.rateHz = rateHz
        entry.block.gap = gap && from === 0
        entry.block.samples = asWave(pieces[entry.index]!, entry.type)
        deps.sink.waveform(entry.block)
      }
    }
    options.onData(deps.clock.nowUs())
  }
}

function emitRows(
  { block, fields }: BoundRows,
  pieces: readonly NpyArray[],
  count: number,
  startUs: number,
  rateHz: number,
  { deps }: PlayOptions,
): void {
  for (let i = 0; i < count; i++) {
    block.timesUs[i] = Math.round(startUs + (i / rateHz) * 1e6)
    for (const { index, channel, scale, offset } of fields) {
      block.values[i * block.columns + channel] = pieces[index]![i]! * scale + offset
    }
  }
  block.rows = count
  deps.sink.samples(block)
}

function asWave(piece: NpyArray, type: 'int16' | 'float32'): Int16Array | Float32Array {
  if (type === 'int16' && piece instanceof Int16Array) return piece
  return piece instanceof Float32Array ? piece : Float32Array.from(piece)
}

function bind({ file, config, deps }: PlayOptions, npy: NpyFile): (BoundWave | BoundRows)[] {
  return deps.assets.flatMap(asset => {
    const bound = asset.channels.flatMap((channel, at) => {
      const { source, index } = channel.binding
      return source === config.id && index < npy.channels ? [{ config: channel, at, index }] : []
    })
    const waves = bound.flatMap(({ config: { waveform, scale, offset, id }, at, index }): BoundWave[] => {
      if (!waveform) return []
      const { type, rateHz } = waveform
      if (type === 'int16' && npy.dtype !== 'i2') {
        throw new AgentError(
          'REPLAY_UNREADABLE',
          `${file}: channel ${id} is int16, the file holds ${npy.dtype}; set waveform: float32`,
        )
      }
      const samples = new Float32Array(0)
      return [
        {
          kind: 'wave',
          index,
          type,
          block: { asset: asset.index, channel: at, startUs: 0, rateHz, samples, scale, offset, gap: false },
        },
      ]
    })
    const scalars = bound.filter(entry => !entry.config.waveform)
    if (scalars.length === 0) return waves
    const columns = asset.channels.length
    const rows: BoundRows = {
      kind: 'rows',
      block: {
        asset: asset.index,
        rows: 0,
        columns,
        timesUs: new Float64Array(BLOCK_SAMPLES),
        values: new Float64Array(BLOCK_SAMPLES * columns).fill(Number.NaN),
      },
      fields: scalars.map(({ config: { scale, offset }, at, index }) => ({ index, channel: at, scale, offset })),
    }
    return [...waves, rows]
  })
}
