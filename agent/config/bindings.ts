// Where the values of one channel come from: the asset's and the channel's keys together, placeholders filled in, held
// against what its source can deliver.
import type { LoadContext } from './context.ts'
import type { ChannelBinding, SourceConfig } from './contract.ts'
import type { Path } from './issues.ts'
import type { BindingIn, ChannelIn } from './schema-assets.ts'
import type { Sources } from './sources.ts'
import { didYouMean, shown } from './wording.ts'

export type BindingKey = 'topic' | 'value' | 'time' | 'column' | 'stream' | 'index'
export const BINDING_KEYS: readonly BindingKey[] = ['topic', 'value', 'time', 'column', 'stream', 'index']

/** Signals of the simulated pump; a test holds them equal to those of `sources/pump-model.ts`. */
export const SIMULATED: readonly string[] = [
  'flow',
  'suction',
  'discharge',
  'current',
  'speed',
  'motor-temp',
  'bearing-temp',
  'vibration',
]

/** What is known about the asset while its channels are bound. */
export interface AssetScope {
  id: string
  type: string | undefined
  tag: string | undefined
  /** The asset's own keys over those of its type. */
  shared: BindingIn
  sources: Sources
}

/** The keys that mean something on this source. */
export function bindingKeysOf(source: SourceConfig): readonly BindingKey[] {
  if (source.kind === 'mqtt') return ['topic', 'value', 'time']
  if (source.kind === 'simulator') return ['column']
  if (source.kind === 'replay') return isNpy(source) ? ['index'] : ['column', 'time']
  if (source.frame === 'cobs-crc16') return ['stream', 'index']
  return source.frame === 'csv' ? ['column', 'time'] : ['value', 'time']
}

/** `plant (mqtt)`, `daq (serial, cobs-crc16)`. */
export function sourceText(source: SourceConfig): string {
  if (source.kind === 'serial') return `${source.id} (serial, ${source.frame})`
  if (source.kind === 'replay') return `${source.id} (replay of ${isNpy(source) ? 'NPY' : 'CSV'})`
  return `${source.id} (${source.kind})`
}

export function isNpy(source: SourceConfig): boolean {
  return source.kind === 'replay' && source.files.some(file => /\.npy$/i.test(file))
}

export class Binder {
  readonly #ctx: LoadContext
  readonly #scope: AssetScope
  /** Values bound so far per stream: `index` counts up where it is not given. */
  readonly #positions = new Map<string, number>()

  constructor(ctx: LoadContext, scope: AssetScope) {
    this.#ctx = ctx
    this.#scope = scope
  }

  /** The binding, and the source where it is known. What is wrong is reported. */
  bind(channelId: string, channel: ChannelIn): { binding: ChannelBinding; source: SourceConfig | undefined } {
    const id = channel.source ?? this.#scope.shared.source
    const source = this.#source(channelId, id)
    const binding: ChannelBinding = { source: id ?? '', stream: 0, index: 0 }
    if (!source) {
      // Its keys cannot be judged, but what stands in braces can.
      for (const key of ['topic', 'value', 'time', 'column'] as const) {
        const template = channel[key] ?? this.#scope.shared[key]
        if (key === 'value' && typeof template === 'string') this.#setPath(channelId, key, template, () => {})
        else if (typeof template === 'string') this.#fill(channelId, key, template)
      }
      return { binding, source }
    }
    this.#refuseForeign(channelId, channel, source)
    if (source.kind === 'mqtt') this.#bindMqtt(channelId, channel, binding)
    else if (source.kind === 'serial' && source.frame === 'json')
      this.#bindJson(channelId, channel, binding, `$.${channelId}`)
    else if (source.kind === 'serial' && source.frame === 'cobs-crc16') this.#bindFrame(channel, binding)
    else if (isNpy(source)) binding.index = channel.index ?? this.#next(`${source.id}`)
    else this.#bindColumn(channelId, channel, binding, source)
    return { binding, source }
  }

  #place(channelId: string, key: string): Path {
    const { id, type } = this.#scope
    const inChannel = this.#ctx.place(id, type, 'channels', channelId, key)
    return this.#ctx.has(inChannel) ? inChannel : this.#ctx.place(id, type, key)
  }

  #source(channelId: string, id: string | undefined): SourceConfig | undefined {
    const { sources } = this.#scope
    if (id !== undefined && sources.has(id)) return sources.get(id)
    const path = this.#place(channelId, 'source')
    // A source that is written but of the wrong form was reported where it stands.
    if (this.#ctx.has(path) && id === undefined) return undefined
    const known = [...sources.keys()]
    if (id !== undefined)
      this.#ctx.issues.error(path, `no source "${shown(id)}"`, didYouMean(id, known) ?? 'add it under sources')
    else
      this.#ctx.issues.error(
        path,
        'is missing; expected the id of a source',
        known.length > 0 ? `write source: ${known[0]}` : 'add one under sources',
      )
    return undefined
  }

  #refuseForeign(channelId: string, channel: ChannelIn, source: SourceConfig): void {
    const allowed = bindingKeysOf(source)
    for (const key of BINDING_KEYS) {
      if (channel[key] === undefined || allowed.includes(key)) continue
      const hint = allowed.length > 0 ? `this source takes ${allowed.join(', ')}` : 'remove it'
      this.#ctx.issues.error(
        this.#place(channelId, key),
        `"${key}" means nothing on source ${sourceText(source)}`,
        hint,
      )
    }
  }

  #bindMqtt(channelId: string, channel: ChannelIn, binding: ChannelBinding): void {
    const topic = channel.topic ?? this.#scope.shared.topic
    if (topic === undefined) {
      const path = this.#place(channelId, 'topic')
      if (!this.#ctx.has(path))
        this.#ctx.issues.error(
          path,
          'is missing; an mqtt source needs a topic',
          'write topic: "line1/{asset}/{channel}"',
        )
    } else {
      const filled = this.#fill(channelId, 'topic', topic)
      const problem = filled === undefined ? undefined : topicProblem(filled)
      if (problem) this.#ctx.issues.error(this.#place(channelId, 'topic'), ...problem)
      if (filled !== undefined) binding.topic = filled
    }
    this.#bindJson(channelId, channel, binding, undefined)
  }

  #bindJson(channelId: string, channel: ChannelIn, binding: ChannelBinding, fallback: string | undefined): void {
    const value = channel.value ?? this.#scope.shared.value ?? fallback
    const time = channel.time ?? this.#scope.shared.time
    if (value !== undefined) this.#setPath(channelId, 'value', value, path => (binding.valuePath = path))
    if (typeof time === 'number') {
      this.#ctx.issues.error(
        this.#place(channelId, 'time'),
        `expected a JSON path, got the number ${time}`,
        'write time: $.ts',
      )
    } else if (time !== undefined) this.#setPath(channelId, 'time', time, path => (binding.timePath = path))
  }

  #setPath(channelId: string, key: 'value' | 'time', template: string, set: (path: string) => void): void {
    const path = this.#fill(channelId, key, template)
    if (path === undefined) return
    set(path)
    if (JSON_PATH.test(path)) return
    const better = /^[\w-]+$/.test(path) ? `write $.${path}` : "write it like $.v, $.a.b[0] or $['Volume Flow']"
    this.#ctx.issues.error(this.#place(channelId, key), `"${shown(path)}" is not a JSON path`, better)
  }

  #bindFrame(channel: ChannelIn, binding: ChannelBinding): void {
    binding.stream = channel.stream ?? this.#scope.shared.stream ?? 0
    if (channel.waveform === undefined)
      binding.index = channel.index ?? this.#next(`${binding.source} ${binding.stream}`)
  }

  #bindColumn(channelId: string, channel: ChannelIn, binding: ChannelBinding, source: SourceConfig): void {
    const column = channel.column ?? this.#scope.shared.column ?? channelId
    const filled = typeof column === 'number' ? column : this.#fill(channelId, 'column', column)
    if (filled !== undefined) binding.column = filled
    if (source.kind === 'simulator') {
      this.#checkSignal(channelId, filled)
      return
    }
    const time = channel.time ?? this.#scope.shared.time
    if (typeof time === 'number' && source.kind === 'replay') {
      const message = `expected the name of a column, got the number ${time}`
      this.#ctx.issues.error(
        this.#place(channelId, 'time'),
        message,
        'replayed files have a header row: name the column',
      )
    }
    const timeColumn = typeof time === 'string' ? this.#fill(channelId, 'time', time) : time
    if (timeColumn !== undefined) binding.timeColumn = timeColumn
  }

  #checkSignal(channelId: string, signal: string | number | undefined): void {
    if (signal === undefined || SIMULATED.some(name => name === signal)) return
    const path = this.#place(channelId, 'column')
    const { id, type } = this.#scope
    const here = this.#ctx.has(path) ? path : this.#ctx.place(id, type, 'channels', channelId)
    const hint = didYouMean(String(signal), SIMULATED)
    this.#ctx.issues.error(
      here,
      `the simulator has no signal "${shown(String(signal))}"`,
      `${hint}; or write column: SIGNAL`,
    )
  }

  #next(stream: string): number {
    const position = this.#positions.get(stream) ?? 0
    this.#positions.set(stream, position + 1)
    return position
  }

  /** Replaces {channel}, {asset}, {tag} and {type}. */
  #fill(channelId: string, key: string, template: string): string | undefined {
    const { id, type, tag } = this.#scope
    const values: Record<string, string | undefined> = { channel: channelId, asset: id, tag, type }
    let broken = false
    const filled = template.replace(/\{([^{}]*)\}/g, (_, name: string) => {
      const value = Object.hasOwn(values, name) ? values[name] : undefined
      if (value !== undefined) return value
      broken = true
      const path = this.#place(channelId, key)
      if (name === 'tag' || name === 'type')
        this.#ctx.issues.error(
          path,
          `uses {${name}}, but ${id} has no ${name}`,
          `add ${name}: to the asset, or write it out`,
        )
      else this.#ctx.issues.error(path, `unknown placeholder {${shown(name)}}`, didYouMean(name, Object.keys(values)))
      return ''
    })
    return broken ? undefined : filled
  }
}

// The same steps as the decoders compile: .name, [0], ['any text'].
const JSON_PATH = /^\$(?:\.[^.[\]'"]+|\[\d+\]|\['(?:[^'\\]|\\.)*'\]|\["(?:[^"\\]|\\.)*"\])*$/

/** MQTT 5, section 4.7.1. */
function topicProblem(topic: string): [message: string, hint: string] | undefined {
  const levels = topic.split('/')
  if (topic === '' || topic.includes('\0')) return ['is not a topic', 'write topic: "line1/{asset}/{channel}"']
  if (levels.slice(0, -1).includes('#'))
    return [`"${shown(topic)}": # may only stand at the end`, 'use + for one level in the middle']
  if (levels.some(level => level.length > 1 && /[+#]/.test(level))) {
    return [`"${shown(topic)}": + and # must fill a level of their own`, 'write a/+/b, not a/b+']
  }
  return undefined
}
