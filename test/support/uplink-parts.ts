import { readFileSync } from 'node:fs'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { connect, type IClientOptions, type IPublishPacket, type MqttClient } from 'mqtt'
import type { AlarmTransition } from '../../agent/alarms/contract.ts'
import type { GatewayConfig, UplinkConfig } from '../../agent/config/contract.ts'
import { systemClock } from '../../agent/core/clock.ts'
import { Counters } from '../../agent/core/counters.ts'
import { silentLogger } from '../../agent/core/logger.ts'
import { seededPrng } from '../../agent/core/prng.ts'
import type { Journal } from '../../agent/journal/contract.ts'
import type { Uplink } from '../../agent/uplink/contract.ts'
import { createUplink, type UplinkOptions } from '../../agent/uplink/uplink.ts'
import { transition } from './alarm-parts.ts'

export const GATEWAY: GatewayConfig = { site: 'hamburg', id: 'gw-7f3a' }
export const BASE = 'wearwatch/v1/hamburg/gw-7f3a'

export function uplinkConfig(url: string, extra: Partial<UplinkConfig> = {}): UplinkConfig {
  return {
    url,
    clientId: 'gw-7f3a-uplink',
    tls: {},
    protocol: 'auto',
    keepaliveS: 30,
    healthEveryMs: 60_000,
    featuresEveryMs: 60_000,
    inFlightMax: 4,
    receipt: 'puback',
    receiptTimeoutMs: 30_000,
    backfill: { from: 500, perSecond: 50 },
    commands: [],
    ...extra,
  }
}

export function testUplink(journal: Journal, config: UplinkConfig, extra: Partial<UplinkOptions> = {}): Uplink {
  return createUplink({
    config,
    gateway: GATEWAY,
    journal,
    handlers: undefined,
    clockState: () => 'synced',
    lastAlertSeq: () => 0,
    clock: systemClock(),
    prng: seededPrng(5),
    logger: silentLogger,
    counters: new Counters(),
    version: '0.1.0',
    ...extra,
  })
}

export interface Heard {
  topic: string
  text: string
  retain: boolean
  packet: IPublishPacket
}

/** A subscriber that remembers; `clientId` keeps its session at the broker. */
export interface Ear {
  heard: Heard[]
  client: MqttClient
  on(suffix: string): Heard[]
  publish(topic: string, payload: string, options?: Parameters<MqttClient['publishAsync']>[2]): Promise<void>
  end(): Promise<void>
}

export async function listen(url: string, filter = 'wearwatch/#', options: IClientOptions = {}): Promise<Ear> {
  const heard: Heard[] = []
  const client = connect(url, { reconnectPeriod: 50, ...options })
  client.on('error', () => {})
  client.on('message', (topic, payload, packet) => {
    heard.push({ topic, text: payload.toString(), retain: packet.retain, packet })
  })
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => client.subscribe(filter, { qos: 1 }, error => (error ? reject(error) : resolve())))
  })
  return {
    heard,
    client,
    on: suffix => heard.filter(({ topic }) => topic === `${BASE}/${suffix}` || topic.startsWith(`${BASE}/${suffix}/`)),
    publish: async (topic, payload, publishOptions) =>
      void (await client.publishAsync(topic, payload, { qos: 1, ...publishOptions })),
    end: () => client.endAsync(true),
  }
}

/** `n` raised alarms with ids and alert numbers from `from` on. */
export function alarms(n: number, from = 1, extra: Partial<AlarmTransition> = {}): AlarmTransition[] {
  return Array.from({ length: n }, (_, i) => transition({ alertSeq: from + i, id: idOf(from + i), ...extra }))
}

export function idOf(n: number): string {
  return n.toString().padStart(13, '0')
}

/** Alert numbers in the order heard, repeats dropped as a consumer drops them. */
export function alertSeqs(ear: Ear): number[] {
  const seen = new Set<string>()
  return ear.on('alert').flatMap(({ text }) => {
    const { id, seq } = JSON.parse(text) as { id: string; seq: number }
    if (seen.has(`${id} ${seq}`)) return []
    seen.add(`${id} ${seq}`)
    return [seq]
  })
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i)
}

const ajv = new Ajv2020({ allErrors: true, strict: true, strictRequired: false, allowUnionTypes: true })
const validators = new Map<string, ValidateFunction>()

/** Errors of a message against docs/schemas/<name>.schema.json; empty = valid. */
export function schemaErrors(name: string, value: unknown): unknown[] {
  let validate = validators.get(name)
  if (!validate) {
    const path = new URL(`../../docs/schemas/${name}.schema.json`, import.meta.url)
    validate = ajv.compile(JSON.parse(readFileSync(path, 'utf8')))
    validators.set(name, validate)
  }
  return validate(value) ? [] : (validate.errors ?? [])
}
