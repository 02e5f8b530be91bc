// What each stream number of a `cobs-crc16` line carries, worked out once from the bindings.
import type { WaveformBlock } from '../core/types.ts'
import type { DecoderContext } from './contract.ts'
import { RowBuffer } from './row-buffer.ts'
import { WaveformTimeline } from './waveform-timeline.ts'

export interface StreamPlan {
  /** Of the last frame, -1 before the first. */
  counter: number
  /** Frames were lost since the last one. */
  gap: boolean
  telemetry: TelemetryPlan[]
  waveforms: WaveformPlan[]
}

export interface TelemetryPlan {
  buffer: RowBuffer
  fields: { channel: number; index: number; scale: number; offset: number }[]
}

export interface WaveformPlan {
  type: 'int16' | 'float32'
  block: WaveformBlock
  timeline: WaveformTimeline
}

/** [256] by stream number, undefined where nothing is bound. */
export function planStreams(context: DecoderContext): (StreamPlan | undefined)[] {
  const streams = new Array<StreamPlan | undefined>(256).fill(undefined)
  const planOf = (stream: number): StreamPlan =>
    (streams[stream] ??= { counter: -1, gap: false, telemetry: [], waveforms: [] })
  for (const asset of context.assets) {
    const rows = new Map<number, TelemetryPlan>()
    asset.channels.forEach((config, channel) => {
      const { source, stream, index } = config.binding
      if (source !== context.sourceId) return
      const { scale, offset } = config
      if (config.waveform) {
        const { type, rateHz } = config.waveform
        const samples = type === 'int16' ? new Int16Array(0) : new Float32Array(0)
        const block = { asset: asset.index, channel, startUs: 0, rateHz, samples, scale, offset, gap: false }
        planOf(stream).waveforms.push({ type, block, timeline: new WaveformTimeline(rateHz) })
        return
      }
      let plan = rows.get(stream)
      if (!plan) {
        plan = { buffer: new RowBuffer(asset.index, asset.channels.length, context.sink), fields: [] }
        rows.set(stream, plan)
        planOf(stream).telemetry.push(plan)
      }
      plan.fields.push({ channel, index, scale, offset })
    })
  }
  return streams
}
