// MQTT messages with JSON payloads -> rows. Built for 200,000 small messages/s on one core: a topic leads to its compiled
// route by one Map lookup, paths are key arrays, rows go through one reused block per asset.
import type { Counter } from '../core/counters.ts'
import type { DecoderContext, MessageDecoder } from './contract.ts'
import {
  type BoundChannel,
  boundScalars,
  groupChannels,
  type JsonGroup,
  JsonRowReader,
  rowBuffers,
} from './json-rows.ts'
import type { RowBuffer } from './row-buffer.ts'
import { hasWildcard, topicMatches, withoutCovered } from './topics.ts'

const PAYLOAD_BYTES_MAX = 1024 * 1024
// A hostile publisher under a wildcard can invent topics; the cache of routes must not grow with them.
const ROUTES_MAX = 10_000
const NOWHERE: readonly JsonGroup[] = []

export function createJsonMessageDecoder(context: DecoderContext): MessageDecoder {
  return new JsonMessageDecoder(context)
}

class JsonMessageDecoder implements MessageDecoder {
  readonly filters: readonly string[]
  readonly #channels: readonly BoundChannel[]
  readonly #buffers: Map<number, RowBuffer>
  readonly #rows: JsonRowReader
  readonly #routes = new Map<string, readonly JsonGroup[]>()
  readonly #unmatched: Counter
  readonly #oversize: Counter

  constructor(context: DecoderContext) {
    this.#channels = boundScalars(context).filter(({ config }) => config.binding.topic !== undefined)
    this.#buffers = rowBuffers(context)
    this.#rows = new JsonRowReader(context)
    this.#unmatched = context.counters.get(`decode.${context.sourceId}.unmatched`)
    this.#oversize = context.counters.get(`decode.${context.sourceId}.oversize`)
    this.filters = withoutCovered(this.#channels.map(({ config }) => config.binding.topic!))
    // Paths are compiled here once for all, so that a bad one shows at start and not at the first message.
    groupChannels(this.#channels, this.#buffers)
  }

  message(topic: string, payload: Uint8Array, receivedUs: number): void {
    const route = this.#routes.get(topic) ?? this.#findRoute(topic)
    if (route.length === 0) {
      this.#unmatched.n++
      return
    }
    if (payload.length > PAYLOAD_BYTES_MAX) {
      this.#oversize.n++
      return
    }
    this.#rows.read(textOf(payload), route, receivedUs)
  }

  #findRoute(topic: string): readonly JsonGroup[] {
    const matching = this.#channels.filter(({ config }) => {
      const filter = config.binding.topic!
      return hasWildcard(filter) ? topicMatches(filter, topic) : filter === topic
    })
    const route = matching.length === 0 ? NOWHERE : groupChannels(matching, this.#buffers)
    if (this.#routes.size >= ROUTES_MAX) this.#routes.clear()
    this.#routes.set(topic, route)
    return route
  }
}

function textOf(payload: Uint8Array): string {
  const bytes = Buffer.isBuffer(payload) ? payload : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
  return bytes.toString('utf8')
}
