// JSON values -> rows. What MQTT messages and JSON lines share: compiled paths, and a group of channels per row.
import type { ChannelConfig } from '../config/contract.ts'
import type { Counter } from '../core/counters.ts'
import type { DecoderContext } from './contract.ts'
import { compileJsonPath, type JsonPath, valueAt } from './json-path.ts'
import { numberOf, readingOf } from './numbers.ts'
import { RowBuffer } from './row-buffer.ts'
import { timeUsOf } from './times.ts'

interface JsonField {
  channel: number
  path: JsonPath
  scale: number
  offset: number
}

/** Channels of one asset that one message fills together, at one time. */
export interface JsonGroup {
  buffer: RowBuffer
  fields: JsonField[]
  timePath: JsonPath | undefined
  /** A JSON array at the root is a batch of samples, unless the paths themselves index into it. */
  batch: boolean
}

export interface BoundChannel {
  asset: number
  channel: number
  config: ChannelConfig
}

/** Scalar channels bound to the context's source. */
export function boundScalars(context: DecoderContext): BoundChannel[] {
  return context.assets.flatMap(asset =>
    asset.channels.flatMap((config, channel) =>
      config.binding.source === context.sourceId && !config.waveform ? [{ asset: asset.index, channel, config }] : [],
    ),
  )
}

/** One RowBuffer per asset that has a channel on this source, by asset index. */
export function rowBuffers(context: DecoderContext): Map<number, RowBuffer> {
  return new Map(
    context.assets.map(asset => [asset.index, new RowBuffer(asset.index, asset.channels.length, context.sink)]),
  )
}

/** Groups channels that come in one message: same asset, same path of the time. */
export function groupChannels(channels: readonly BoundChannel[], buffers: Map<number, RowBuffer>): JsonGroup[] {
  const groups = new Map<string, JsonGroup>()
  for (const { asset, channel, config } of channels) {
    const { valuePath = '$', timePath } = config.binding
    const key = `${asset} ${timePath ?? ''}`
    let group = groups.get(key)
    if (!group) {
      const buffer = buffers.get(asset)!
      group = { buffer, fields: [], timePath: timePath ? compileJsonPath(timePath) : undefined, batch: true }
      groups.set(key, group)
    }
    const path = compileJsonPath(valuePath)
    if (typeof path[0] === 'number') group.batch = false
    group.fields.push({ channel, path, scale: config.scale, offset: config.offset })
  }
  return [...groups.values()]
}

export class JsonRowReader {
  readonly #badJson: Counter
  readonly #badValues: Counter
  readonly #badTimes: Counter
  readonly #missing: Counter

  constructor(context: DecoderContext) {
    const counter = (what: string): Counter => context.counters.get(`decode.${context.sourceId}.${what}`)
    this.#badJson = counter('bad_json')
    this.#badValues = counter('bad_values')
    this.#badTimes = counter('bad_times')
    this.#missing = counter('missing')
  }

  /** Parses and hands rows to the sink before it returns. Never throws on input. */
  read(text: string, groups: readonly JsonGroup[], receivedUs: number): void {
    let root: unknown
    try {
      root = JSON.parse(text)
    } catch {
      // Plain readings like "+1.5" or "007" are not JSON but are numbers.
      root = numberOf(text)
      if (Number.isNaN(root)) {
        this.#badJson.n++
        return
      }
    }
    for (let i = 0; i < groups.length; i++) {
      const group = groups[i]!
      if (group.batch && Array.isArray(root)) for (const item of root) this.#row(item, group, receivedUs)
      else this.#row(root, group, receivedUs)
      group.buffer.flush()
    }
  }

  #row(root: unknown, group: JsonGroup, receivedUs: number): void {
    const { buffer, fields, timePath } = group
    const offset = buffer.begin()
    const { values } = buffer
    let found = 0
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i]!
      const value = valueAt(root, field.path)
      if (value === undefined || value === null) {
        this.#missing.n++
        continue
      }
      const reading = readingOf(value)
      found++
      if (Number.isNaN(reading)) this.#badValues.n++
      else values[offset + field.channel] = reading * field.scale + field.offset
    }
    // A row of bad values is kept, all NaN: it says that the device lives and is unwell.
    if (found === 0) return
    let timeUs = receivedUs
    if (timePath) {
      const stated = timeUsOf(valueAt(root, timePath))
      // A sample with an unreadable time is still a sample: it counts as taken when it arrived.
      if (Number.isNaN(stated)) this.#badTimes.n++
      else timeUs = stated
    }
    buffer.commit(timeUs)
  }
}
