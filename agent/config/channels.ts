// One channel: the asset's keys over the type's, units converted, limits and times made plain.

import { type AssetScope, Binder, isNpy, sourceText } from './bindings.ts'
import { checkEntries } from './check.ts'
import type { LoadContext } from './context.ts'
import type { CaptureConfig, ChannelConfig, SourceConfig } from './contract.ts'
import { DEFAULTS } from './defaults.ts'
import type { Path } from './issues.ts'
import { checkRange, limitOf } from './limits.ts'
import { timesMs } from './quantities.ts'
import { type ChannelIn, channelSchema } from './schema-assets.ts'
import type { SensorIn } from './schema-watching.ts'
import { sensorOf } from './sensors.ts'
import { conversion, dimensionOf } from './units.ts'

const CHANNELS_MAX = 256
/** The input of a model is at most 1 Mi floats (models/file/manifest.ts): 40 s at 25.6 kHz. */
const CAPTURE_SAMPLES_MAX = 2 ** 20
const CAPTURE_SAMPLES_MIN = 64
const MODBUS_KEYS = ['slave', 'input', 'holding', 'type'] as const

/** Channels as written under `path` (a type's or an asset's), each checked on its own. */
export function readChannels(ctx: LoadContext, path: Path, value: unknown): Map<string, ChannelIn> {
  const channels = checkEntries('a channel', channelSchema, value, [...path, 'channels'], ctx.issues, CHANNELS_MAX)
  for (const [id, channel] of channels) {
    const modbus = MODBUS_KEYS.filter(key => channel[key] !== undefined)
    if (modbus.length === 0) continue
    const verb = modbus.length === 1 ? 'addresses' : 'address'
    ctx.issues.error(
      [...path, 'channels', id],
      `${modbus.join(', ')} ${verb} Modbus registers; reading Modbus is not supported yet by this version`,
      'this version reads mqtt, serial, replay, simulator',
    )
  }
  return channels
}

/** Key by key; `limit` and `sensor` one level deeper. Channels of the type come first, in its order. */
export function mergeChannels(
  shared: ReadonlyMap<string, ChannelIn>,
  own: ReadonlyMap<string, ChannelIn>,
): Map<string, ChannelIn> {
  const merged = new Map(shared)
  for (const [id, channel] of own) {
    const base = merged.get(id)
    const limit = base?.limit && channel.limit ? { ...base.limit, ...channel.limit } : (channel.limit ?? base?.limit)
    const sensor =
      base?.sensor && channel.sensor ? { ...base.sensor, ...channel.sensor } : (channel.sensor ?? base?.sensor)
    merged.set(id, { ...base, ...channel, ...(limit ? { limit } : {}), ...(sensor ? { sensor } : {}) })
  }
  return merged
}

export interface BuiltChannel {
  channel: ChannelConfig
  source: SourceConfig | undefined
}

export class ChannelBuilder {
  readonly #ctx: LoadContext
  readonly #scope: AssetScope
  readonly #binder: Binder
  readonly #everyMs: number
  readonly #maxAgeMs: number | undefined
  readonly #sensor: SensorIn | undefined

  /** `everyMs`: of the asset; `maxAgeMs`, `sensor`: what the asset says for all channels, if anything. */
  constructor(
    ctx: LoadContext,
    scope: AssetScope,
    shared: { everyMs: number; maxAgeMs: number | undefined; sensor: SensorIn | undefined },
  ) {
    this.#ctx = ctx
    this.#scope = scope
    this.#binder = new Binder(ctx, scope)
    this.#everyMs = shared.everyMs
    this.#maxAgeMs = shared.maxAgeMs
    this.#sensor = shared.sensor
  }

  build(id: string, written: ChannelIn): BuiltChannel {
    const unit = this.#unit(id, written)
    checkRange(this.#ctx, key => this.#place(id, key), written)
    const { binding, source } = this.#binder.bind(id, written)
    const waveform = this.#waveform(id, written, source)
    const channel: ChannelConfig = {
      id,
      unit: unit.code,
      scale: (written.scale ?? 1) * unit.factor,
      offset: (written.offset ?? 0) * unit.factor + unit.offset,
      limit: limitOf(written),
      reports: written.reports ?? 'periodic',
      maxAgeMs: this.#maxAge(id, written),
      binding,
    }
    if (written.range) channel.range = { low: written.range[0], high: written.range[1] }
    if (waveform) channel.waveform = waveform
    for (const key of ['min', 'max'] as const) if (written[key] !== undefined) channel[key] = written[key]
    for (const key of ['point', 'axis', 'mount', 'detector'] as const)
      if (written[key] !== undefined) channel[key] = written[key]
    const place = (...rest: string[]): Path => this.#place(id, 'sensor', ...rest)
    const sensor = sensorOf(this.#ctx, place, { channel, source, written, shared: this.#sensor })
    if (sensor) channel.sensor = sensor
    return { channel, source }
  }

  #place(id: string, ...rest: string[]): Path {
    return this.#ctx.place(this.#scope.id, this.#scope.type, 'channels', id, ...rest)
  }

  #unit(id: string, written: ChannelIn): { code: string; factor: number; offset: number } {
    const code = written.unit
    const path = this.#place(id, 'unit')
    if (code === undefined) {
      if (!this.#ctx.has(path))
        this.#ctx.issues.error(
          path,
          'is missing; expected a UCUM unit',
          'write unit: bar, unit: Cel, unit: "1/min", or unit: "1" for a bare number',
        )
      return { code: '1', factor: 1, offset: 0 }
    }
    const wire = written['wire-unit']
    if (wire === undefined) return { code, factor: 1, offset: 0 }
    const converted = conversion(wire, code)
    if (!converted) {
      this.#ctx.issues.error(
        this.#place(id, 'wire-unit'),
        `${wire} is ${dimensionOf(wire)} and cannot become ${code}, ${dimensionOf(code)}`,
        'name the unit that is on the wire, or scale and offset',
      )
    }
    return { code, ...(converted ?? { factor: 1, offset: 0 }) }
  }

  #waveform(id: string, written: ChannelIn, source: SourceConfig | undefined): ChannelConfig['waveform'] {
    if (written.waveform === undefined) {
      if (written.rate !== undefined) {
        this.#ctx.issues.error(
          this.#place(id, 'rate'),
          'is for waveforms; this channel has one value at a time',
          'write every: 100ms, or add waveform: int16',
        )
      }
      if (written.capture !== undefined) {
        this.#ctx.issues.error(
          this.#place(id, 'capture'),
          'is for waveforms; this channel has one value at a time',
          'remove it, or add waveform: int16',
        )
      }
      return undefined
    }
    const path = this.#place(id, 'waveform')
    const able = source === undefined || isNpy(source) || (source.kind === 'serial' && source.frame === 'cobs-crc16')
    if (!able)
      this.#ctx.issues.error(
        path,
        `source ${sourceText(source)} carries no waveforms`,
        'waveforms come over serial with frame cobs-crc16, or from NPY files by replay',
      )
    for (const key of ['min', 'max', 'range', 'reports', 'heartbeat'] as const) {
      if (written[key] === undefined) continue
      this.#ctx.issues.error(
        this.#place(id, key),
        `"${key}" is not supported yet on a waveform`,
        'put it on a channel with one value at a time',
      )
    }
    const fileRate = source?.kind === 'replay' ? source.rateHz : undefined
    const rateHz = written.rate ?? fileRate
    if (rateHz === undefined) {
      const where = this.#place(id, 'rate')
      if (!this.#ctx.has(where))
        this.#ctx.issues.error(where, 'is missing; a waveform needs its samples per second', 'write rate: 25.6kHz')
    } else if (fileRate !== undefined && rateHz !== fileRate) {
      this.#ctx.issues.error(
        this.#place(id, 'rate'),
        `${rateHz} Hz differs from the ${fileRate} Hz of source ${source?.id}`,
        'remove it here; the source says it',
      )
    }
    const capture = this.#capture(id, written, rateHz ?? 0)
    return { type: written.waveform, rateHz: rateHz ?? 0, ...(capture ? { capture } : {}) }
  }

  #capture(id: string, { capture }: ChannelIn, rateHz: number): CaptureConfig | undefined {
    if (!capture) return undefined
    const { length: lengthMs, every: everyMs, settle: settleMs = DEFAULTS.capture.settleMs } = capture
    const samples = Math.round((lengthMs * rateHz) / 1000)
    const where = this.#place(id, 'capture', 'length')
    if (lengthMs > everyMs)
      this.#ctx.issues.error(where, 'is longer than every: captures would overlap', 'write every: 10min')
    if (rateHz > 0 && (samples < CAPTURE_SAMPLES_MIN || samples > CAPTURE_SAMPLES_MAX))
      this.#ctx.issues.error(
        where,
        `is ${samples} samples at ${rateHz} Hz; expected ${CAPTURE_SAMPLES_MIN} to ${CAPTURE_SAMPLES_MAX}`,
        `write a length from ${(CAPTURE_SAMPLES_MIN / rateHz).toPrecision(2)}s to ${Math.floor(CAPTURE_SAMPLES_MAX / rateHz)}s`,
      )
    return { lengthMs, everyMs, settleMs }
  }

  #maxAge(id: string, written: ChannelIn): number {
    const { reports, heartbeat } = written
    if (heartbeat !== undefined && reports !== 'on-change' && written.waveform === undefined) {
      this.#ctx.issues.error(
        this.#place(id, 'heartbeat'),
        'is for channels that report on change',
        'add reports: on-change',
      )
    }
    const own = written['max-age']
    if (reports === 'on-change' && heartbeat === undefined && own === undefined) {
      const path = this.#place(id, 'heartbeat')
      if (!this.#ctx.has(path))
        this.#ctx.issues.error(
          path,
          'is missing; without it a silent publisher and a dead one look the same',
          'write heartbeat: 10min, the longest silence while all is well',
        )
    }
    if (own !== undefined && heartbeat !== undefined && own < heartbeat) {
      this.#ctx.issues.warn(
        this.#place(id, 'max-age'),
        'is shorter than the heartbeat: the value goes stale while all is well',
        'leave it out: 1.5 x heartbeat holds',
      )
    }
    const fallback = heartbeat === undefined ? this.#maxAgeMs : timesMs(heartbeat, DEFAULTS.heartbeatFactor)
    return own ?? fallback ?? timesMs(written.every ?? this.#everyMs, DEFAULTS.maxAgeFactor)
  }
}
