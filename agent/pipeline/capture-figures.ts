// What a capture tells of the machine for setpoints and zones: the figures of the axes whose sensors are well, or clip.
import type { CaptureFigures } from '../alarms/watched.ts'
import type { ChannelConfig } from '../config/contract.ts'
import type { AxisFigures, AxisOut } from '../models/vibration/analyse.ts'
import type { WindowDoubt } from '../scoring/contract.ts'

/** `columns`, `channels`: of the axes, in their order. An axis with a fault that says nothing of the machine is left out. */
export function captureFigures(
  axes: readonly AxisOut[],
  columns: readonly number[],
  channels: readonly Pick<ChannelConfig, 'id'>[],
  doubt: WindowDoubt | undefined,
): CaptureFigures[] {
  return axes.flatMap(({ findings, figures }, i) => {
    const atLeast = findings.length > 0
    if (!figures || (atLeast && !doubt?.clipped.includes(channels[i]!.id))) return []
    return [{ channel: columns[i]!, values: valuesOf(figures), atLeast }]
  })
}

function valuesOf({
  rms,
  peak,
  crest,
  kurtosis,
  lowRms,
  highRms,
  envelopeRms,
  velocity,
}: AxisFigures): CaptureFigures['values'] {
  return {
    rms,
    peak,
    crest,
    kurtosis,
    'low-rms': lowRms,
    ...(highRms === undefined ? {} : { 'high-rms': highRms }),
    ...(envelopeRms === undefined ? {} : { envelope: envelopeRms }),
    ...('mmPerS' in velocity ? { velocity: velocity.mmPerS } : {}),
  }
}
