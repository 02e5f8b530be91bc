// (a) JSON telemetry through the whole agent, and (e) what it takes of memory meanwhile.
//
//   publisher ─► broker ─┬─► agent: MQTT, decode, windows, history, scoring      topics agent/#
//                        └─► receiver: mqtt.js counting, nothing else            topics raw/#
//
// The two take turns: while one is measured nothing is published to the other.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { streamDaemon } from '../http/client.ts'
import { fitModel } from '../models/fit.ts'
import { type Figure, median } from './bench-figure.ts'
import {
  type BenchContext,
  BenchDaemon,
  type DaemonStatus,
  Publisher,
  type Received,
  sleepMs,
  startReceiver,
  until,
} from './bench-processes.ts'
import { benchAsset, CHANNELS, telemetryRows } from './bench-telemetry.ts'

/** The design load's assets, each with eight channels. */
const ASSETS = 50
const FIT_ROWS = 2000
const ROUNDS = 5
const BURST_SAMPLE_MS = 50
const STALLED_MS = 10_000
const PACED_PER_S = 20_000
const PACED_SAMPLE_MS = 200
/** First part of a burst that is left out: the publisher and the broker still share the cores with who is measured. */
const RAMP_SHARE = 0.1

/** A model of the benchmark's telemetry on the disk; returns its path. */
export function writeBenchModel(dir: string): string {
  const fitted = fitModel(
    {
      values: telemetryRows(FIT_ROWS),
      rows: FIT_ROWS,
      channels: CHANNELS.map(([id, unit]) => ({ id, unit })),
      breaks: new Uint8Array(FIT_ROWS),
      fromUs: 0,
      toUs: FIT_ROWS * 1e5,
      source: 'bench telemetry',
    },
    {
      name: 'bench-var',
      release: 1,
      family: 'var',
      order: 5,
      mean: 10,
      hop: 1,
      alarm: { onDelayMs: 600_000, offDelayMs: 1_800_000, deadband: 0.1 },
    },
  )
  const path = join(dir, 'bench.onnx')
  writeFileSync(path, fitted.bytes)
  return path
}

export function telemetryConfig(port: number, model: string, prefix: string, assets: number): string {
  const channels = CHANNELS.map(([id, unit]) => `      ${id}: {unit: "${unit}"}`).join('\n')
  const rows = Array.from(
    { length: assets },
    (_, i) =>
      `  ${benchAsset(i)}: {type: pump, source: plant, topic: ${prefix}/${benchAsset(i)}, value: "$.{channel}", time: $.ts}`,
  )
  return `version: 1
gateway: {site: bench, id: gw-bench}
sources:
  plant: {mqtt: {url: "mqtt://127.0.0.1:${port}", qos: 0}}
types:
  pump:
    every: 100ms
    gap: 1h
    model: {file: ${model}}
    channels:
${channels}
assets:
${rows.join('\n')}
uplink: {mqtt: {url: "mqtt://127.0.0.1:${port}"}}
storage: {dir: data, samples: {size: 256MiB}, scores: {size: 256MiB}}
scorer: {provider: cpu}
`
}

export async function benchJson(context: BenchContext, bursts: boolean): Promise<Figure[]> {
  const { broker, dir, quick, progress } = context
  const config = telemetryConfig(broker.port, writeBenchModel(dir), 'agent', ASSETS)
  const daemon = BenchDaemon.spawn(context, 'json', config)
  await daemon.when(
    status => status.sources[0]?.state === 'up' && status.uplink.state === 'up',
    'the agent to be connected',
  )
  const publisher = await Publisher.start(context)
  const figures: Figure[] = []
  if (bursts) figures.push(await flood(context, daemon, publisher, quick ? 50_000 : 150_000))
  progress(`a, e: ${PACED_PER_S} messages/s`)
  figures.push(...(await paced(daemon, publisher, quick ? 2 : 4)))
  await daemon.stop()
  return figures
}

async function flood(context: BenchContext, daemon: BenchDaemon, publisher: Publisher, count: number): Promise<Figure> {
  const receiver = await startReceiver(context, 'raw')
  const agent: number[] = []
  const raw: number[] = []
  const before = await daemon.status()
  for (let round = 0; round <= ROUNDS; round++) {
    context.progress(`a: burst ${round} of ${ROUNDS}${round === 0 ? ' (warming up)' : ''}`)
    const rawRate = await burstRate(publisher, 'raw', count, receiver)
    const agentRate = await burstRate(publisher, 'agent', count, async () => receivedBy(await daemon.status()))
    await settled(daemon)
    if (round === 0) continue
    raw.push(rawRate)
    agent.push(agentRate)
  }
  const after = await daemon.status()
  const scored = after.scorer.windowsScored - before.scorer.windowsScored
  const dropped = after.scorer.windowsDropped - before.scorer.windowsDropped
  const lost = after.history.lostRows - before.history.lostRows
  return {
    name: 'JSON rows through the agent, flat out',
    unit: 'messages/s',
    samples: agent,
    aim: '0.5 of raw',
    reference: { name: 'raw mqtt.js', samples: raw },
    note: `8 values a message, ${ASSETS} assets; of the windows flat out ${scored} were scored, ${dropped} dropped; ${lost} history rows lost`,
  }
}

function receivedBy(status: DaemonStatus): Received {
  return { messages: status.counters['sources.plant.messages'] ?? 0, atMs: Date.parse(status.now) }
}

/** Publishes a burst and watches it come out; messages per second after the ramp. */
async function burstRate(
  publisher: Publisher,
  prefix: string,
  count: number,
  received: () => Promise<Received>,
): Promise<number> {
  const start = (await received()).messages
  const published = publisher.publish({ prefix, assets: ASSETS, count, perSecond: 0 })
  let first: Received | undefined
  let last: Received | undefined
  let stallsAtMs = Number.POSITIVE_INFINITY
  for (;;) {
    const now = await received()
    if (now.messages === last?.messages && now.messages - start < count) {
      if (performance.now() > stallsAtMs) break
    } else stallsAtMs = performance.now() + STALLED_MS
    if (!first && now.messages - start >= count * RAMP_SHARE) first = now
    // The sample that first shows the end may have been taken any time after it.
    if (now.messages - start >= count) break
    last = now
    await sleepMs(BURST_SAMPLE_MS)
  }
  await published
  if (!first || !last || last.atMs <= first.atMs) return Number.NaN
  return ((last.messages - first.messages) * 1000) / (last.atMs - first.atMs)
}

/** Nothing waits for the scorer any more. */
async function settled(daemon: BenchDaemon): Promise<void> {
  let before = -1
  await until(async () => {
    const { windowsScored } = (await daemon.status()).scorer
    const still = windowsScored === before
    before = windowsScored
    await sleepMs(PACED_SAMPLE_MS)
    return still
  }, 'the scorer to catch up')
}

async function paced(daemon: BenchDaemon, publisher: Publisher, seconds: number): Promise<Figure[]> {
  const job = { prefix: 'agent', assets: ASSETS, count: PACED_PER_S * seconds, perSecond: PACED_PER_S }
  const { nextMs } = await publisher.publish({ ...job, count: PACED_PER_S })
  await settled(daemon)
  const before = await daemon.status()
  const rssMb: number[] = []
  for (let round = 0; round < ROUNDS; round++) rssMb.push(await pacedRound(daemon, publisher, job))
  await settled(daemon)
  const after = await daemon.status()
  const sent = job.count * ROUNDS
  const stored = await storedRows(daemon, nextMs * 1000)
  const scored = after.scorer.windowsScored - before.scorer.windowsScored
  const dropped = after.scorer.windowsDropped - before.scorer.windowsDropped
  const lost = after.history.lostRows - before.history.lostRows
  return [
    {
      name: `messages not stored at ${PACED_PER_S}/s`,
      unit: `of ${sent}`,
      samples: [sent - stored],
      aim: '0',
      note: `${sent} sent, ${stored} rows read back, ${lost} counted as lost; ${scored} windows scored, ${dropped} dropped`,
    },
    {
      name: `memory at ${PACED_PER_S}/s`,
      unit: 'MB, main + scorer',
      samples: rssMb,
      aim: '< 200',
      note: `main ${after.memoryMb} MB, scorer ${after.scorer.rssMb} MB at the end`,
    },
  ]
}

/** Median of main + scorer over the round. */
async function pacedRound(
  daemon: BenchDaemon,
  publisher: Publisher,
  job: Parameters<Publisher['publish']>[0],
): Promise<number> {
  let running = true
  const published = publisher.publish(job).finally(() => {
    running = false
  })
  const rssMb: number[] = []
  while (running) {
    const { memoryMb, scorer } = await daemon.status()
    rssMb.push(memoryMb + (scorer.rssMb ?? 0))
    await sleepMs(PACED_SAMPLE_MS)
  }
  await published
  return median(rssMb)
}

/** Rows of all assets in the history from that time on, read back over the socket. */
async function storedRows(daemon: BenchDaemon, fromUs: number): Promise<number> {
  let rows = 0
  for (let asset = 0; asset < ASSETS; asset++) {
    const query = `asset=${benchAsset(asset)}&class=samples&columns=${CHANNELS[0][0]}&from=${fromUs}`
    for await (const line of streamDaemon(daemon.socket, `/v1/history?${query}`)) if (Array.isArray(line)) rows++
  }
  return rows
}
