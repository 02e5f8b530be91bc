import type { AssetConfig, ChannelConfig } from '../../agent/config/contract.ts'

/** A telemetry channel with nothing special about it. */
export function channel(id: string, extra: Partial<ChannelConfig> = {}): ChannelConfig {
  return {
    id,
    unit: 'bar',
    scale: 1,
    offset: 0,
    limit: { onDelayMs: 0, offDelayMs: 0, deadband: 0, priority: 2 },
    reports: 'periodic',
    maxAgeMs: 10_000,
    binding: { source: 'plant', stream: 0, index: 0 },
    ...extra,
  }
}

/** No delays; priority 3. */
export const ALARM: AssetConfig['alarm'] = {
  onDelayMs: 0,
  offDelayMs: 0,
  deadband: 0.1,
  priority: 3,
  trendHorizonMs: 0,
  shelveMaxMs: 7 * 86_400_000,
}

/** An asset with one row a second, always running. */
export function asset(channels: readonly ChannelConfig[], extra: Partial<AssetConfig> = {}): AssetConfig {
  return {
    id: 'p-101',
    index: 0,
    channels,
    layout: 'rows',
    everyMs: 1000,
    gapMs: 10_000,
    running: undefined,
    learn: { runningMs: 60_000, starts: 0, provisionalAfterMs: 7 * 86_400_000 },
    alarm: ALARM,
    suppress: [],
    model: { family: 'auto', order: 3, mean: 2, hop: 1 },
    digest: 'digest',
    ...extra,
  }
}
