// Setpoints on anything that is measured of an asset: channels, figures of captures, features of its model, the score.
import { check } from './check.ts'
import type { LoadContext } from './context.ts'
import type { AlarmConfig, ChannelConfig, SetpointConfig, VibrationFigure, Watched } from './contract.ts'
import { VIBRATION_FIGURES } from './contract.ts'
import { DEFAULTS } from './defaults.ts'
import type { Path } from './issues.ts'
import { parseMeasure } from './measures.ts'
import { type SetpointIn, setpointSchema } from './schema-watching.ts'
import { describeValue, didYouMean, names, shown } from './wording.ts'

const SETPOINTS_MAX = 64
/** Last parts of rule ids that are the agent's own. */
const RESERVED = [
  ...['max', 'min', 'high', 'low', 'warning', 'danger'],
  ...['sensor', 'silent', 'stuck', 'out-of-range', 'noisy', 'clipping', 'clock'],
]
const FIGURES = Object.keys(VIBRATION_FIGURES) as VibrationFigure[]

interface Parts {
  ctx: LoadContext
  /** Where they are written. */
  path: Path
  channels: readonly ChannelConfig[]
  alarm: AlarmConfig
}

export function buildSetpoints(parts: Parts, written: unknown): SetpointConfig[] {
  const { ctx, path } = parts
  if (written === undefined) return []
  if (!Array.isArray(written)) {
    const hint = 'write setpoints: [{on: flow, above: 180, priority: 2}]'
    ctx.issues.error(path, `expected a list of setpoints, got ${describeValue(written)}`, hint)
    return []
  }
  if (written.length > SETPOINTS_MAX)
    ctx.issues.error(path, `holds ${written.length} setpoints; the most is ${SETPOINTS_MAX}`)
  const built: SetpointConfig[] = []
  written.slice(0, SETPOINTS_MAX).forEach((entry: unknown, i) => {
    const place = [...path, i]
    const keys = check(setpointSchema, entry, place, ctx.issues)
    if (keys) addSetpoint({ ...parts, path: place }, keys, built)
  })
  return built
}

function addSetpoint(parts: Parts, keys: SetpointIn, built: SetpointConfig[]): void {
  const { ctx, path } = parts
  const what = whatOf(parts, keys)
  const { above, below, id } = keys
  if (above === undefined && below === undefined)
    ctx.issues.error(path, 'has no setpoint; expected above or below', 'write above: 180')
  if (id !== undefined && above !== undefined && below !== undefined)
    ctx.issues.error([...path, 'id'], 'names one alarm, and above and below are two', 'write two setpoints')
  if (id !== undefined && RESERVED.includes(id))
    ctx.issues.error(
      [...path, 'id'],
      `"${id}" is the name of a rule of the agent's own`,
      'write another word, such as trip',
    )
  if (!what) return
  const values = { above: setpointOf(parts, what, keys, 'above'), below: setpointOf(parts, what, keys, 'below') }
  if (values.above !== undefined && values.below !== undefined && values.below >= values.above)
    ctx.issues.error(
      [...path, 'below'],
      `below ${values.below} is not less than above ${values.above}: one of them would always alarm`,
      'swap them',
    )
  for (const side of ['above', 'below'] as const) {
    const setpoint = values[side]
    if (setpoint === undefined) continue
    const ruleId = ruleIdOf(what, side, id, built)
    if (built.some(other => other.id === ruleId))
      ctx.issues.error([...path, 'id'], `"${id}" names two setpoints on ${what.text}`, 'make them differ')
    warnOutside(parts, what, side, setpoint)
    built.push({
      id: ruleId,
      on: what.on,
      text: what.text,
      side,
      setpoint,
      unit: what.unit,
      ...settingsOf(parts, what, keys, setpoint),
    })
  }
}

interface What {
  on: Watched
  text: string
  unit: string
  /** Begins the ids of its rules. */
  base: string
}

function whatOf({ ctx, path, channels }: Parts, { on, feature }: SetpointIn): What | undefined {
  if ((on === undefined) === (feature === undefined)) {
    const message =
      on === undefined ? 'is on nothing; expected on or feature' : 'is on two things; expected on or feature'
    ctx.issues.error(path, message, `can be watched: ${names(watchable(channels))}`)
    return undefined
  }
  if (feature !== undefined) {
    const base = feature
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-|-$/g, '')
    return { on: { kind: 'feature', name: feature }, text: feature, unit: '', base: base || 'feature' }
  }
  const found = find(on!.trim().replace(/\s+/g, ' '), channels)
  if (found) return found
  const waveform = channels.find(({ id, waveform }) => waveform && (id === on || on!.startsWith(`${id} `)))
  const message = `nothing "${shown(on!)}" is measured of this asset`
  const known = watchable(channels)
  if (waveform && !waveform.waveform!.capture)
    ctx.issues.error(
      [...path, 'on'],
      message,
      `${waveform.id} is measured by captures: add capture: {length: 5s, every: 10min} to it`,
    )
  else if (waveform?.id === on)
    ctx.issues.error(
      [...path, 'on'],
      message,
      `of the waveform ${on}: ${FIGURES.map(figure => `${on} ${figure}`).join(', ')}`,
    )
  else
    ctx.issues.error(
      [...path, 'on'],
      message,
      [didYouMean(on!, known), `can be watched: ${known.join(', ')}; features of a model by feature:`]
        .filter(text => text && !text.startsWith('known'))
        .join('; '),
    )
  return undefined
}

/** All that `on` can name, in the order of the channels. */
function watchable(channels: readonly ChannelConfig[]): string[] {
  const measured = channels.flatMap(({ id, waveform }) => {
    if (!waveform) return [id]
    return waveform.capture ? FIGURES.map(figure => `${id} ${figure}`) : []
  })
  return [...measured, 'score']
}

function find(on: string, channels: readonly ChannelConfig[]): What | undefined {
  if (on === 'score') return { on: { kind: 'score' }, text: on, unit: '1', base: on }
  for (const [channel, { id, unit, waveform }] of channels.entries()) {
    if (!waveform && on === id) return { on: { kind: 'channel', channel }, text: id, unit, base: id }
    if (!waveform?.capture || !on.startsWith(`${id} `)) continue
    const name = on.slice(id.length + 1)
    const figure = FIGURES.find(known => known === name || VIBRATION_FIGURES[known].column === name)
    if (!figure) continue
    const known: { column: string; unit?: string } = VIBRATION_FIGURES[figure]
    return {
      on: { kind: 'figure', channel, figure },
      text: `${id} ${figure}`,
      unit: known.unit ?? unit,
      base: `${id}.${figure}`,
    }
  }
  return undefined
}

function setpointOf(
  { ctx, path }: Parts,
  { unit, on }: What,
  keys: SetpointIn,
  key: 'above' | 'below',
): number | undefined {
  const written = keys[key]
  if (written === undefined) return undefined
  if (on.kind === 'feature' && typeof written === 'string') {
    const hint = 'write the number alone; `wearwatch history ASSET --class features` shows the values'
    ctx.issues.error([...path, key], 'expected a number in the unit of the feature, which only its model knows', hint)
    return undefined
  }
  const parsed = parseMeasure(written, unit)
  if ('value' in parsed) return parsed.value
  ctx.issues.error([...path, key], parsed.message, parsed.hint)
  return undefined
}

/** `flow.high`, `flow.high-2` for the next in the file, `flow.trip` with an id of its own. */
function ruleIdOf(
  { base }: What,
  side: 'above' | 'below',
  id: string | undefined,
  built: readonly SetpointConfig[],
): string {
  if (id !== undefined) return `${base}.${id}`
  const plain = `${base}.${side === 'above' ? 'high' : 'low'}`
  const before = built.filter(other => other.id === plain || other.id.replace(/-\d+$/, '') === plain).length
  return before === 0 ? plain : `${plain}-${before + 1}`
}

function warnOutside(
  { ctx, path, channels }: Parts,
  { on, text }: What,
  side: 'above' | 'below',
  setpoint: number,
): void {
  const range = on.kind === 'channel' ? channels[on.channel]?.range : undefined
  if (!range || (setpoint >= range.low && setpoint <= range.high)) return
  const message = `${setpoint} lies outside of the range [${range.low}, ${range.high}] of ${text}: a value there is bad and never reaches it`
  ctx.issues.warn([...path, side], message, 'widen the range')
}

function settingsOf(
  parts: Parts,
  { on, unit }: What,
  keys: SetpointIn,
  setpoint: number,
): Pick<SetpointConfig, 'deadband' | 'onDelayMs' | 'offDelayMs' | 'priority' | 'action'> {
  const { ctx, path, channels, alarm } = parts
  const ofChannel = on.kind === 'channel' ? channels[on.channel] : undefined
  const delays = ofChannel ? DEFAULTS.limit : alarm
  const span = ofChannel?.range ? ofChannel.range.high - ofChannel.range.low : Math.abs(setpoint)
  // 12 digits: 95 * 0.01 is 0.9500000000000001, and people read it.
  let deadband = Number(
    (ofChannel ? span * DEFAULTS.limit.deadbandShare : Math.abs(setpoint) * alarm.deadband).toPrecision(12),
  )
  if (keys.deadband !== undefined) {
    const parsed = parseMeasure(keys.deadband, unit, true)
    if ('value' in parsed && parsed.value >= 0) deadband = parsed.value
    else if ('value' in parsed) ctx.issues.error([...path, 'deadband'], `expected 0 or more, got ${parsed.value}`)
    else ctx.issues.error([...path, 'deadband'], parsed.message, parsed.hint)
  }
  return {
    deadband,
    onDelayMs: keys['on-delay'] ?? delays.onDelayMs,
    offDelayMs: keys['off-delay'] ?? delays.offDelayMs,
    priority: keys.priority ?? DEFAULTS.limit.priority,
    ...(keys.action === undefined ? {} : { action: keys.action }),
  }
}
