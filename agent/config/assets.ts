// Types merged into assets, assets made of them.
import { type AssetScope, BINDING_KEYS, bindingKeysOf } from './bindings.ts'
import { type BuiltChannel, ChannelBuilder, mergeChannels, readChannels } from './channels.ts'
import { checkEntries } from './check.ts'
import type { LoadContext } from './context.ts'
import type {
  AlarmConfig,
  AssetConfig,
  ChannelConfig,
  LearnConfig,
  ModelConfig,
  RunningConfig,
  SourceConfig,
} from './contract.ts'
import { DEFAULTS } from './defaults.ts'
import { assetDigest } from './digest.ts'
import { buildMachine } from './machine.ts'
import { timesMs } from './quantities.ts'
import { parseCondition } from './running.ts'
import { type AssetIn, assetSchema, type ChannelIn, type TypeIn, typeSchema } from './schema-assets.ts'
import { buildSetpoints } from './setpoints.ts'
import type { Sources } from './sources.ts'
import { buildSuppress } from './suppress.ts'
import { checkUnused } from './unused-types.ts'
import { didYouMean, shown } from './wording.ts'

const TYPES_MAX = 256
const ASSETS_MAX = 1000

interface Shared {
  keys: TypeIn
  channels: ReadonlyMap<string, ChannelIn>
}

const NOTHING: Shared = { keys: {}, channels: new Map() }

export function buildAssets(ctx: LoadContext, types: unknown, assets: unknown, sources: Sources): AssetConfig[] {
  const shared = new Map<string, Shared>()
  for (const [id, keys] of checkEntries('a type', typeSchema, types, ['types'], ctx.issues, TYPES_MAX)) {
    shared.set(id, { keys, channels: readChannels(ctx, ['types', id], keys.channels) })
  }
  const parsed = checkEntries('an asset', assetSchema, assets, ['assets'], ctx.issues, ASSETS_MAX)
  const used = new Set([...parsed.values()].map(asset => asset.type))
  for (const [id, type] of shared) if (!used.has(id)) checkUnused(ctx, id, type.keys, type.channels)
  return [...parsed].map(([id, asset], index) => {
    const own: Shared = { keys: asset, channels: readChannels(ctx, ['assets', id], asset.channels) }
    return new AssetBuilder(ctx, { id, index, asset, own, base: baseOf(ctx, id, asset, shared), sources }).build()
  })
}

function baseOf(ctx: LoadContext, id: string, asset: AssetIn, shared: ReadonlyMap<string, Shared>): Shared {
  if (asset.type === undefined) return NOTHING
  const base = shared.get(asset.type)
  if (!base && !ctx.has(['types', asset.type])) {
    ctx.issues.error(
      ['assets', id, 'type'],
      `no type "${shown(asset.type)}"`,
      didYouMean(asset.type, ctx.keysAt(['types'])) ?? 'add it under types',
    )
  }
  return base ?? NOTHING
}

interface AssetParts {
  id: string
  index: number
  asset: AssetIn
  own: Shared
  base: Shared
  sources: Sources
}

class AssetBuilder {
  readonly #ctx: LoadContext
  readonly #parts: AssetParts
  /** Own keys over the type's; the settings under running, learn, alarm, model, machine and sensor are merged key by key. */
  readonly #keys: AssetIn

  constructor(ctx: LoadContext, parts: AssetParts) {
    this.#ctx = ctx
    this.#parts = parts
    const { asset, base } = parts
    this.#keys = { ...base.keys, ...asset }
    for (const group of ['running', 'learn', 'alarm', 'model', 'machine', 'sensor'] as const) {
      const merged = { ...base.keys[group], ...asset[group] }
      if (Object.keys(merged).length > 0) Object.assign(this.#keys, { [group]: merged })
    }
  }

  build(): AssetConfig {
    const { id, index, asset, own, base, sources } = this.#parts
    const written = mergeChannels(base.channels, own.channels)
    const everyMs = this.#every(written)
    const scope: AssetScope = { id, type: asset.type, tag: asset.tag, shared: this.#keys, sources }
    const shared = { everyMs, maxAgeMs: this.#keys['max-age'], sensor: this.#keys.sensor }
    const builder = new ChannelBuilder(this.#ctx, scope, shared)
    const built = [...written].map(([channelId, channel]) => builder.build(channelId, channel))
    this.#checkChannels(built)
    const channels = built.map(({ channel }) => channel)
    const made: Omit<AssetConfig, 'digest'> = {
      id,
      index,
      channels,
      layout: this.#keys.layout ?? layoutOf(built),
      everyMs,
      gapMs: this.#keys.gap ?? timesMs(everyMs, DEFAULTS.gapFactor),
      running: this.#running(channels),
      learn: this.#learn(),
      alarm: this.#alarm(),
      suppress: buildSuppress(this.#ctx, this.#keys.suppress ?? [], channels, i => [
        ...this.#ctx.place(id, asset.type, 'suppress'),
        i,
      ]),
      model: this.#model(),
    }
    if (asset.tag !== undefined) made.tag = asset.tag
    if (asset.type !== undefined) made.type = asset.type
    if (this.#keys.machine) made.machine = buildMachine(this.#ctx, id, asset.type, this.#keys.machine)
    const path = this.#ctx.place(id, asset.type, 'setpoints')
    const setpoints = buildSetpoints({ ctx: this.#ctx, path, channels, alarm: made.alarm }, this.#keys.setpoints)
    if (setpoints.length > 0) made.setpoints = setpoints
    return { ...made, digest: assetDigest(made) }
  }

  #checkChannels(built: readonly BuiltChannel[]): void {
    const { id, asset } = this.#parts
    // Channels that are written but wrong, and types that are unknown, were reported where they stand.
    const written =
      this.#ctx.keysAt(['assets', id, 'channels']).length > 0 ||
      this.#ctx.keysAt(['types', asset.type ?? '', 'channels']).length > 0 ||
      (asset.type !== undefined && !this.#ctx.has(['types', asset.type]))
    if (built.length === 0 && !written) {
      const hint =
        asset.type === undefined
          ? 'add channels:, or type: with a type that has some'
          : 'add channels: here or to the type'
      this.#ctx.issues.error(['assets', id], 'has no channels', hint)
    }
    // A key for all channels that none of their sources knows would be ignored in silence.
    const found = built.flatMap(({ source }) => source ?? [])
    if (found.length < built.length || found.length === 0) return
    for (const key of BINDING_KEYS) {
      const given = key !== 'index' && this.#keys[key] !== undefined
      if (!given || found.some(source => bindingKeysOf(source).includes(key))) continue
      const kinds = [...new Set(found.map(source => source.id))].join(', ')
      this.#ctx.issues.error(
        this.#ctx.place(id, asset.type, key),
        `"${key}" means nothing on source ${kinds}`,
        'remove it',
      )
    }
  }

  // A channel's own `every` counts where the asset has none: the fastest one sets the grid.
  #every(channels: ReadonlyMap<string, ChannelIn>): number {
    if (this.#keys.every !== undefined) return this.#keys.every
    const scalars = [...channels.values()].filter(channel => channel.waveform === undefined)
    const own = scalars.flatMap(channel => channel.every ?? [])
    if (own.length > 0) return Math.min(...own)
    const source = this.#parts.sources.get(this.#keys.source ?? '')
    const rateHz = source?.kind === 'simulator' || source?.kind === 'replay' ? source.rateHz : undefined
    return rateHz === undefined || scalars.length === 0 ? DEFAULTS.everyMs : timesMs(1000, 1 / rateHz)
  }

  #running(channels: readonly ChannelConfig[]): RunningConfig | undefined {
    const { id, asset } = this.#parts
    const running = this.#keys.running
    if (!running) return undefined
    const path = this.#ctx.place(id, asset.type, 'running', 'when')
    if (running.when === undefined) {
      if (!this.#ctx.has(path))
        this.#ctx.issues.error(path, 'is missing; expected a condition', 'write when: speed > 300')
      return undefined
    }
    const condition = parseCondition(running.when, channels)
    if ('anyOf' in condition)
      return { text: running.when, anyOf: condition.anyOf, settleMs: running.settle ?? DEFAULTS.settleMs }
    this.#ctx.issues.error(path, condition.message, condition.hint)
    return undefined
  }

  #learn(): LearnConfig {
    const { learn } = this.#keys
    const { id, asset } = this.#parts
    const built: LearnConfig = {
      runningMs: learn?.running ?? DEFAULTS.learn.runningMs,
      starts: learn?.starts ?? DEFAULTS.learn.starts,
      provisionalAfterMs: learn?.['provisional-after'] ?? DEFAULTS.learn.provisionalAfterMs,
      rebaseline: learn?.rebaseline ?? DEFAULTS.learn.rebaseline,
      sufficiency: learn?.sufficiency ?? DEFAULTS.learn.sufficiency,
    }
    if (learn?.rows !== undefined) {
      built.rows = learn.rows
      if (learn.running !== undefined) {
        this.#ctx.issues.warn(
          this.#ctx.place(id, asset.type, 'learn', 'running'),
          'has no effect beside rows',
          'keep one of the two',
        )
      }
    }
    if (learn?.starts !== undefined && learn.starts > 0 && this.#keys.running === undefined) {
      this.#ctx.issues.warn(
        this.#ctx.place(id, asset.type, 'learn', 'starts'),
        'without "running" the machine counts as always running, so there is one start and no more',
        'add running: {when: speed > 300}, or remove starts',
      )
    }
    // Without a condition there are no starts to wait for.
    if (this.#keys.running === undefined) built.starts = 0
    return built
  }

  #alarm(): AlarmConfig {
    const { alarm } = this.#keys
    const built: AlarmConfig = {
      setpoint: alarm?.setpoint ?? DEFAULTS.alarm.setpoint,
      zones: alarm?.zones ?? DEFAULTS.alarm.zones,
      onDelayMs: alarm?.['on-delay'] ?? DEFAULTS.alarm.onDelayMs,
      offDelayMs: alarm?.['off-delay'] ?? DEFAULTS.alarm.offDelayMs,
      deadband: alarm?.deadband ?? DEFAULTS.alarm.deadband,
      priority: alarm?.priority ?? DEFAULTS.alarm.priority,
      trendHorizonMs: alarm?.['trend-horizon'] ?? DEFAULTS.alarm.trendHorizonMs,
      shelveMaxMs: alarm?.['shelve-max'] ?? DEFAULTS.alarm.shelveMaxMs,
    }
    if (alarm?.latching) built.latching = true
    if (alarm?.action !== undefined) built.action = alarm.action
    return built
  }

  #model(): ModelConfig {
    const { model } = this.#keys
    const defaults = DEFAULTS.model
    const built: ModelConfig = {
      family: model?.family ?? defaults.family,
      order: model?.order ?? defaults.order,
      mean: model?.mean ?? defaults.mean,
      hop: model?.hop ?? defaults.hop,
    }
    if (model?.file !== undefined) built.file = this.#ctx.absolute(model.file)
    return built
  }
}

/** `rows` where one message, line or frame carries all telemetry channels of the asset. */
function layoutOf(built: readonly BuiltChannel[]): AssetConfig['layout'] {
  const places = built
    .filter(({ channel }) => channel.waveform === undefined)
    .map(({ channel, source }) => `${channel.binding.source} ${carrierOf(channel, source)}`)
  return new Set(places).size <= 1 ? 'rows' : 'scattered'
}

function carrierOf({ binding }: ChannelConfig, source: SourceConfig | undefined): string {
  if (source?.kind === 'mqtt') return `${binding.topic ?? ''} ${binding.timePath ?? ''}`
  return source?.kind === 'serial' && source.frame === 'cobs-crc16' ? String(binding.stream) : ''
}
