// When the sensor of a channel is told to have a fault: the channel's keys over the asset's over the defaults, as far as each can be
// told of such a channel at all.
import type { LoadContext } from './context.ts'
import type { ChannelConfig, SensorConfig, SourceConfig } from './contract.ts'
import { DEFAULTS } from './defaults.ts'
import type { Path } from './issues.ts'
import { durationText } from './quantities.ts'
import type { ChannelIn } from './schema-assets.ts'
import type { SensorIn } from './schema-watching.ts'

interface Parts {
  channel: ChannelConfig
  source: SourceConfig | undefined
  written: ChannelIn
  /** What the asset says for all channels. */
  shared: SensorIn | undefined
}

/** Captures that may be missed: one may be spoilt, or late. */
const CAPTURES_MISSED = 3
type Fault = 'silent' | 'stuck' | 'out-of-range' | 'clipping' | 'noise' | 'clock'

export function sensorOf(ctx: LoadContext, place: (...rest: string[]) => Path, parts: Parts): SensorConfig | undefined {
  const { channel, written, shared } = parts
  const keys: SensorIn = { ...shared, ...written.sensor }
  if (keys.watch === 'off') return undefined
  const defaults = DEFAULTS.sensor
  const cannot = cannots(parts)
  for (const [fault, [message, hint]] of Object.entries(cannot))
    if ((written.sensor?.[fault as Fault] ?? 'off') !== 'off') ctx.issues.error(place(fault), message, hint)
  const own = <K extends Fault>(fault: K, fallback: number | undefined): number | undefined => {
    if (cannot[fault]) return undefined
    const value = keys[fault] ?? fallback
    return value === 'off' ? undefined : value
  }
  const found = {
    silentMs: own('silent', silentDefault(parts)),
    stuckMs: own('stuck', undefined),
    outOfRangeMs: own('out-of-range', defaults.outOfRangeMs),
    clippingMs: own('clipping', undefined),
    noise: own('noise', undefined),
    clockMs: own('clock', recorded(parts) ? undefined : defaults.clockMs),
  }
  const { heartbeat } = written
  if (heartbeat !== undefined && found.silentMs !== undefined && found.silentMs < heartbeat) {
    const said = written.sensor?.silent !== undefined
    if (said)
      ctx.issues.error(
        place('silent'),
        `is shorter than the heartbeat: it would alarm while all is well`,
        `write silent: ${durationText(1.5 * heartbeat)}, or leave it out`,
      )
    found.silentMs = Math.max(found.silentMs, channel.maxAgeMs)
  }
  return {
    priority: keys.priority ?? defaults.priority,
    offDelayMs: keys['off-delay'] ?? defaults.offDelayMs,
    ...(Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined)) as Partial<SensorConfig>),
  }
}

/** A recording ends, and its times are not of now. */
function recorded({ source }: Parts): boolean {
  return source?.kind === 'replay' || source?.kind === 'simulator'
}

/** Longer than any silence while all is well; undefined where there is no such length. */
function silentDefault(parts: Parts): number | undefined {
  const { channel, written } = parts
  if (recorded(parts) || (channel.reports === 'on-change' && written.heartbeat === undefined)) return undefined
  const capture = channel.waveform?.capture
  return Math.max(DEFAULTS.sensor.silentMs, capture ? CAPTURES_MISSED * capture.everyMs : channel.maxAgeMs)
}

/** What cannot be told of such a channel, with why and what would do. */
function cannots({ channel }: Parts): Partial<Record<Fault, [message: string, hint: string]>> {
  const { waveform, range, reports } = channel
  if (waveform) {
    const message = waveform.capture
      ? 'every capture is judged for that already'
      : 'is for channels with one value at a time'
    const found: [string, string] = [message, 'remove it; see docs/vibration.md']
    return { stuck: found, 'out-of-range': found, clipping: found, noise: found }
  }
  const noRange: [string, string] = ['needs to know which values are plausible', 'add range: [0, 200] to the channel']
  return {
    ...(range ? {} : { 'out-of-range': noRange, clipping: noRange }),
    ...(reports === 'on-change'
      ? {
          stuck: [
            'of a channel that reports on change a constant value says nothing',
            'remove it; silent tells by the heartbeat',
          ],
        }
      : {}),
  }
}
