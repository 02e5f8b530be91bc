// Rules that look at several parts of the file at once.
import { isNpy } from './bindings.ts'
import type { LoadContext } from './context.ts'
import type { AssetConfig, ChannelConfig, MqttLinkConfig, SourceConfig, UplinkConfig } from './contract.ts'
import { type Path, pathText } from './issues.ts'
import type { Sources } from './sources.ts'

interface Built {
  sources: Sources
  assets: readonly AssetConfig[]
  uplink: UplinkConfig | undefined
}

export function crossCheck(ctx: LoadContext, built: Built): void {
  warnUnusedSources(ctx, built)
  requireNpyRates(ctx, built)
  warnUnusedTypes(ctx, built)
  requireCaptures(ctx, built)
  requireRows(ctx, built)
  warnSharedPlaces(ctx, built)
  refuseSharedClientIds(ctx, built)
}

function warnUnusedSources(ctx: LoadContext, { sources, assets }: Built): void {
  const used = new Set(assets.flatMap(asset => asset.channels.map(channel => channel.binding.source)))
  for (const id of sources.keys()) {
    if (!used.has(id))
      ctx.issues.warn(
        ['sources', id],
        'has no channels: it is opened and nothing is read from it',
        `write source: ${id} at an asset, or remove it`,
      )
  }
}

// Waveform channels bring a rate of their own; rows of values have none but the source's.
function requireNpyRates(ctx: LoadContext, { sources, assets }: Built): void {
  for (const [id, source] of sources) {
    if (source?.kind !== 'replay' || !isNpy(source) || source.rateHz !== undefined) continue
    const bound = assets.flatMap(asset => asset.channels.filter(channel => channel.binding.source === id))
    if (bound.length === 0 || bound.some(channel => channel.waveform !== undefined)) continue
    const message = 'is missing; NPY files do not say how fast they were sampled'
    ctx.issues.error(['sources', id, 'replay', 'rate'], message, 'write rate: 10Hz')
  }
}

function warnUnusedTypes(ctx: LoadContext, { assets }: Built): void {
  const used = new Set(assets.map(asset => asset.type))
  for (const id of ctx.keysAt(['types'])) {
    if (!used.has(id))
      ctx.issues.warn(['types', id], 'is not used by any asset', `write type: ${id} at an asset, or remove it`)
  }
}

/** Models look at captures of several axes together, so these have to be alike; `bands` has nothing else to look at. */
function requireCaptures(ctx: LoadContext, { assets }: Built): void {
  for (const { id, type, channels, model } of assets) {
    const captured = channels.filter(channel => channel.waveform?.capture)
    if (model.family === 'bands' && model.file === undefined && captured.length === 0) {
      const message = 'bands learns from captures of waveforms, and no channel here has any'
      ctx.issues.error(ctx.place(id, type, 'model', 'family'), message, 'write capture: {length: 5s, every: 10min}')
    }
    const [first, ...rest] = captured
    for (const channel of rest) {
      if (sameCapture(first!, channel)) continue
      const message = `differs in rate or capture from ${first!.id}; axes of one machine are captured together`
      ctx.issues.error(ctx.place(id, type, 'channels', channel.id, 'capture'), message, 'make them equal')
    }
  }
}

/** Families of process models look at rows of values; a waveform is none. */
function requireRows(ctx: LoadContext, { assets }: Built): void {
  for (const { id, type, channels, model } of assets) {
    if (model.family === 'auto' || model.family === 'bands' || model.file !== undefined) continue
    if (channels.length === 0 || channels.some(channel => channel.waveform === undefined)) continue
    const message = `${model.family} learns from rows of values, and every channel here is a waveform`
    const hint = channels.some(channel => channel.waveform?.capture)
      ? 'write family: bands, or leave family out'
      : 'write family: bands, and capture: {length: 5s, every: 10min} at the channels'
    ctx.issues.error(ctx.place(id, type, 'model', 'family'), message, hint)
  }
}

function sameCapture({ waveform: a }: ChannelConfig, { waveform: b }: ChannelConfig): boolean {
  const equal = a?.capture?.lengthMs === b?.capture?.lengthMs && a?.capture?.everyMs === b?.capture?.everyMs
  return equal && a?.rateHz === b?.rateHz
}

function warnSharedPlaces(ctx: LoadContext, { sources, assets }: Built): void {
  const taken = new Map<string, Path>()
  for (const asset of assets) {
    for (const channel of asset.channels) {
      const source = sources.get(channel.binding.source)
      const place = source ? placeOf(channel, source) : undefined
      if (place === undefined) continue
      const here = ['assets', asset.id, 'channels', channel.id]
      const other = taken.get(place)
      if (other)
        ctx.issues.warn(
          here,
          `reads the same value as ${pathText(other)}: ${place}`,
          'put {channel} or {asset} into topic, value or column, or name another place',
        )
      else taken.set(place, here)
    }
  }
}

/** In words; undefined where the place is not known. */
function placeOf({ binding, waveform }: ChannelConfig, source: SourceConfig): string | undefined {
  const { topic, valuePath, column, stream, index } = binding
  if (source.kind === 'mqtt')
    return topic === undefined ? undefined : `${source.id}, topic ${topic}, value ${valuePath ?? '$'}`
  if (source.kind === 'serial' && source.frame === 'json') return `${source.id}, value ${valuePath}`
  if (source.kind === 'serial' && source.frame === 'cobs-crc16') {
    return `${source.id}, stream ${stream}, ${waveform ? `${waveform.type} waveform` : `index ${index}`}`
  }
  return column === undefined ? `${source.id}, index ${index}` : `${source.id}, column ${column}`
}

// A broker ends the older of two connections with one client id: both would reconnect for ever, each ending the other.
function refuseSharedClientIds(ctx: LoadContext, { sources, uplink }: Built): void {
  const links: { link: MqttLinkConfig; path: Path }[] = []
  for (const [id, source] of sources)
    if (source?.kind === 'mqtt') links.push({ link: source, path: ['sources', id, 'mqtt'] })
  if (uplink) links.push({ link: uplink, path: ['uplink', 'mqtt'] })
  const taken = new Map<string, Path>()
  for (const { link, path } of links) {
    const key = `${link.clientId}\n${hostOf(link.url)}`
    const other = taken.get(key)
    const here = ctx.has([...path, 'client-id']) ? [...path, 'client-id'] : path
    if (other) {
      ctx.issues.error(
        here,
        `has the client id ${link.clientId} of ${pathText(other)} on the same broker; they would end each other's connection`,
        'leave client-id out, or make them differ',
      )
    } else taken.set(key, path)
  }
}

const hostOf = (url: string): string => /^\w+:\/\/([^:/]*)/.exec(url)?.[1] ?? url
