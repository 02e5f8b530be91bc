// Assets and sinks for tests of sources and decoders.
import type { AssetConfig, ChannelBinding, ChannelConfig } from '../../agent/config/contract.ts'
import { Counters } from '../../agent/core/counters.ts'
import type { SampleBlock, SampleSink, WaveformBlock } from '../../agent/core/types.ts'
import type { DecoderContext } from '../../agent/decode/contract.ts'

export type ChannelSketch = Omit<Partial<ChannelConfig>, 'binding'> & { id: string; binding?: Partial<ChannelBinding> }

/** An asset whose channels are bound to source `line` unless they say otherwise. */
export function testAsset(index: number, channels: readonly ChannelSketch[], source = 'line'): AssetConfig {
  return {
    id: `a-${index}`,
    index,
    channels: channels.map((sketch, at) => testChannel(sketch, at, source)),
    layout: 'rows',
    everyMs: 1000,
    gapMs: 5000,
    running: undefined,
    learn: { runningMs: 60_000, starts: 0, provisionalAfterMs: 60_000 },
    alarm: { onDelayMs: 0, offDelayMs: 0, deadband: 0.1, priority: 3, trendHorizonMs: 0, shelveMaxMs: 7 * 86_400_000 },
    suppress: [],
    model: { family: 'auto', order: 5, mean: 10, hop: 1 },
    digest: `digest-${index}`,
  }
}

function testChannel({ binding, ...rest }: ChannelSketch, at: number, source: string): ChannelConfig {
  return {
    unit: '1',
    scale: 1,
    offset: 0,
    limit: { onDelayMs: 0, offDelayMs: 0, deadband: 0, priority: 3 },
    reports: 'periodic',
    maxAgeMs: 10_000,
    ...rest,
    binding: { source, stream: 0, index: at, ...binding },
  }
}

export interface Row {
  asset: number
  timeUs: number
  values: number[]
}

export interface Wave extends Omit<WaveformBlock, 'samples'> {
  samples: number[]
}

/** Keeps copies of everything. */
export class KeepingSink implements SampleSink {
  readonly rows: Row[] = []
  readonly waves: Wave[] = []
  blocks = 0

  samples({ asset, rows, columns, timesUs, values }: SampleBlock): void {
    this.blocks++
    for (let row = 0; row < rows; row++) {
      const from = row * columns
      this.rows.push({ asset, timeUs: timesUs[row]!, values: [...values.subarray(from, from + columns)] })
    }
  }

  waveform(block: WaveformBlock): void {
    this.waves.push({ ...block, samples: [...block.samples] })
  }
}

export function testContext(assets: readonly AssetConfig[], sink: SampleSink = new KeepingSink()): DecoderContext {
  return { sourceId: 'line', assets, sink, counters: new Counters() }
}
