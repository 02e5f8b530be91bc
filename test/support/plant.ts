// A made-up plant for tests of the whole agent: three channels that follow one load, seeded, with recorded times, so that
// an hour of it can be sent in a second.
import { connectAsync, type MqttClient } from 'mqtt'
import { seededPrng } from '../../agent/core/prng.ts'
import { isoFromUs } from '../../agent/core/types.ts'
import type { FitData } from '../../agent/models/contract.ts'

export const CHANNELS = [
  { id: 'flow', unit: 'm3/h' },
  { id: 'current', unit: 'A' },
  { id: 'pressure', unit: 'bar' },
] as const
const ROW_US = 1_000_000

/** `clog`: flow falls while the current stays: only the model sees it. `burst`: pressure beyond its fixed limit of 9. */
export type Fault = 'none' | 'clog' | 'burst'

/** Rows of one asset, one a second, from `startUs` on. */
export class Plant {
  readonly asset: string
  readonly #prng: ReturnType<typeof seededPrng>
  #load = 0
  timeUs: number

  constructor(asset: string, seed: number, startUs: number) {
    this.asset = asset
    this.#prng = seededPrng(seed)
    this.timeUs = startUs - ROW_US
  }

  row(fault: Fault = 'none'): [number, number, number] {
    this.timeUs += ROW_US
    this.#load = 0.9 * this.#load + this.#prng.normal()
    const noise = (): number => 0.3 * this.#prng.normal()
    const flow = 50 + 2 * this.#load + noise() - (fault === 'clog' ? 15 : 0)
    const current = 12 + 0.5 * this.#load + 0.1 * noise()
    const pressure = fault === 'burst' ? 10 : 5 + 0.2 * this.#load + 0.1 * noise()
    return [flow, current, pressure]
  }

  /** A message as a PLC gateway would publish it; a channel in `dead` is not in it. */
  message(fault: Fault = 'none', dead: readonly string[] = []): string {
    const [flow, current, pressure] = this.row(fault)
    const values = Object.entries({ flow, current, pressure }).filter(([id]) => !dead.includes(id))
    return JSON.stringify({ ts: isoFromUs(this.timeUs), ...Object.fromEntries(values) })
  }
}

/** Recent enough for every retention and for `history --from`, whole seconds. */
export function recently(hoursAgo = 1): number {
  return (Math.floor(Date.now() / 1000) - hoursAgo * 3600) * 1_000_000
}

/** The plant's side of the broker. */
export class PlantLink {
  readonly #client: MqttClient

  constructor(client: MqttClient) {
    this.#client = client
  }

  static async open(port: number): Promise<PlantLink> {
    return new PlantLink(await connectAsync(`mqtt://127.0.0.1:${port}`))
  }

  /** Resolves when the broker has them all. */
  async send(plant: Plant, rows: number, fault: Fault = 'none', dead: readonly string[] = []): Promise<void> {
    const topic = `plant/${plant.asset}`
    await Promise.all(
      Array.from({ length: rows }, () => this.#client.publishAsync(topic, plant.message(fault, dead), { qos: 1 })),
    )
  }

  /** One row of each plant every `periodMs`, until stopped; `fault` is asked before each row. */
  flow(plants: readonly Plant[], periodMs: number, fault: (plant: Plant) => Fault = () => 'none'): () => Promise<void> {
    let sent: Promise<void>[] = []
    const timer = setInterval(() => {
      sent.push(...plants.map(plant => this.send(plant, 1, fault(plant))))
      if (sent.length > 1000) sent = sent.slice(-500)
    }, periodMs)
    return async () => {
      clearInterval(timer)
      await Promise.all(sent)
    }
  }

  async close(): Promise<void> {
    await this.#client.endAsync(true)
  }
}

export interface PlantConfig {
  port: number
  /** Rows of the baseline, taken however short it is. */
  learn?: number
  /** Instead of that. */
  learning?: string
  assets?: readonly string[]
  /** YAML of one asset's own keys, by id: `channels: {…}`. */
  own?: Record<string, string>
  alarm?: string
  model?: string
  /** Further top-level sections; replace those below. */
  more?: string
}

/** The configuration of a gateway at that plant. */
export function plantConfig(options: PlantConfig): string {
  const { port, learn = 120, learning, assets = ['p-1'], own = {}, alarm, model, more = '' } = options
  const url = `"mqtt://127.0.0.1:${port}"`
  const sections: Record<string, string> = {
    version: '1',
    gateway: '{site: hall, id: gw-1}',
    sources: `{plant: {mqtt: {url: ${url}}}}`,
    types: `
  pump:
    source: plant
    topic: plant/{asset}
    value: $.{channel}
    time: $.ts
    max-age: 1h
    channels:
      flow: {unit: m3/h}
      current: {unit: A}
      pressure: {unit: bar, max: 9, limit: {off-delay: 3s}}
    learn: ${learning ?? `{rows: ${learn}, sufficiency: warn, rebaseline: off}`}
    alarm: ${alarm ?? '{on-delay: 3s, off-delay: 3s, priority: 3, action: Check strainer}'}
    model: ${model ?? '{order: 2, mean: 4}'}`,
    assets: assets.map(id => `\n  ${id}: {type: pump, tag: ${id.toUpperCase()}, ${own[id] ?? ''}}`).join(''),
    uplink: `{mqtt: {url: ${url}}}`,
    storage: '{dir: data}',
    scorer: '{provider: cpu}',
  }
  const kept = Object.entries(sections).filter(([key]) => !new RegExp(`^${key}:`, 'm').test(more))
  return `${kept.map(([key, text]) => `${key}: ${text}\n`).join('')}${more}\n`
}

/** What the plant would give a fit: `rows` healthy rows. */
export function plantFitData(seed: number, rows: number, startUs = recently(3)): FitData {
  const plant = new Plant('fit', seed, startUs)
  const values = new Float64Array(rows * CHANNELS.length)
  for (let r = 0; r < rows; r++) values.set(plant.row(), r * CHANNELS.length)
  const breaks = new Uint8Array(rows)
  breaks[0] = 1
  return { values, rows, channels: [...CHANNELS], breaks, fromUs: startUs, toUs: plant.timeUs, source: `seed ${seed}` }
}

/** What `status` says of one asset, as far as tests look. */
export interface AssetStatus {
  id: string
  mode: string
  machine: string
  channelsGood: number
  score?: number
  problem?: string
  learning?: { rows: number; rowsNeeded: number; share: number }
  model?: { name: string; release: number; sha256: string; origin: string; provider: string; notTaken: unknown[] }
  alarms: number
}

export interface Status {
  assets: AssetStatus[]
  alarms: { id: string; rule: string; isaState: string }[]
  sources: { id: string; state: string; detail: string; reconnects: number }[]
  scorer: {
    state: string
    pid?: number
    restarts: number
    windowsScored: number
    windowsDropped: number
    windowsLost: number
  }
  uplink: { state: string; detail: string; lastAlertSeq: number; deliveredAlertSeq: number }
  history: { lostRows: number; corruptChunks: number; failing?: string }
  counters: Record<string, number>
}
