// (a) JSON telemetry through the whole agent, and (e) what it takes of memory meanwhile.
//
//   publisher ─► broker ─┬─► agent: MQTT, decode, windows, history, scoring      topics agent/#
//                        └─► receiver: mqtt.js counting, nothing else            topics raw/#
//
// The two take turns: while one is measured nothing is published to the other.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AgentError } from '../core/errors.ts'
import { streamDaemon } from '../http/client.ts'
import { fitModel } from '../models/fit.ts'
import { type Figure, median } from './bench-figure.ts'
import {
  type BenchContext,
  BenchDaemon,
  type DaemonStatus,
  Publisher,
  proportionalMb,
  type Received,
  sleepMs,
  startReceiver,
} from './bench-processes.ts'
import { benchAsset, CHANNELS, telemetryRows } from './bench-telemetry.ts'

/** The design load's assets, each with eight channels. */
const ASSETS = 50
const FIT_ROWS = 2000
const ROUNDS = 5
const BURST_SAMPLE_MS = 50
const BURST_MAX_MS = 120_000
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
  if (bursts) figures.push(...(await flood(context, daemon, publisher, quick ? 80_000 : 200_000)))
  progress(`a, e: ${PACED_PER_S} messages/s`)
  figures.push(...(await paced(daemon, publisher, quick ? 2 : 4)))
  await daemon.stop()
  return figures
}

/** How far one who takes a burst has come; `scored` includes windows that were dropped: they are done with, too. */
interface Progress extends Received {
  scored: number
  /** Windows that the scorer has not taken yet. */
  waiting: number
}

async function flood(
  context: BenchContext,
  daemon: BenchDaemon,
  publisher: Publisher,
  count: number,
): Promise<Figure[]> {
  const receiver = await startReceiver(context, 'raw')
  const agent: number[] = []
  const scoring: number[] = []
  const raw: number[] = []
  const rawProgress = async (): Promise<Progress> => ({ ...(await receiver()), scored: 0, waiting: 0 })
  const agentProgress = async (): Promise<Progress> => progressOf(await daemon.status())
  const before = await daemon.status()
  for (let round = 0; round <= ROUNDS; round++) {
    context.progress(`a: burst ${round} of ${ROUNDS}${round === 0 ? ' (warming up)' : ''}`)
    const alone = await burst(publisher, 'raw', count, rawProgress, () => true)
    const whole = await burst(publisher, 'agent', count, agentProgress, now => now.waiting === 0)
    if (round === 0) continue
    raw.push(alone.receivedPerS)
    agent.push(whole.receivedPerS)
    scoring.push(whole.donePerS)
  }
  const after = await daemon.status()
  const windows = after.scorer.windowsScored - before.scorer.windowsScored
  const dropped = after.scorer.windowsDropped - before.scorer.windowsDropped
  const lost = after.history.lostRows - before.history.lostRows
  const reference = { name: 'raw mqtt.js', samples: raw }
  const unit = 'messages/s'
  return [
    { name: 'JSON rows taken, flat out', unit, samples: agent, aim: '0.5 of raw', reference },
    {
      name: 'JSON rows taken and scored, flat out',
      unit,
      samples: scoring,
      reference,
      note: `8 values a message, ${ASSETS} assets, a window for each row: ${windows} scored, ${dropped} dropped; ${lost} history rows lost`,
    },
  ]
}

function progressOf(status: DaemonStatus): Progress {
  const waiting = status.assets.reduce((sum, asset) => sum + (asset.windowsWaiting ?? 0), 0)
  const { windowsScored, windowsDropped } = status.scorer
  const messages = status.counters['sources.plant.messages'] ?? 0
  return { messages, atMs: Date.parse(status.now), scored: windowsScored + windowsDropped, waiting }
}

/** Publishes a burst and watches until it is taken and `done`: messages/s after the ramp up to either. */
async function burst(
  publisher: Publisher,
  prefix: string,
  count: number,
  progress: () => Promise<Progress>,
  done: (now: Progress) => boolean,
): Promise<{ receivedPerS: number; donePerS: number }> {
  const start = (await progress()).messages
  const published = publisher.publish({ prefix, assets: ASSETS, count, perSecond: 0 })
  const stall = performance.now() + BURST_MAX_MS
  let first: Progress | undefined
  let taken: Progress | undefined
  for (;;) {
    const now = await progress()
    if (!first && now.messages - start >= count * RAMP_SHARE) first = now
    if (!taken && now.messages - start >= count) taken = now
    if (taken && first && done(now)) {
      await published
      const perS = (end: Progress): number =>
        ((taken!.messages - first!.messages) * 1000) / Math.max(1, end.atMs - first!.atMs)
      return { receivedPerS: perS(taken), donePerS: perS(now) }
    }
    if (performance.now() > stall) throw new AgentError('BENCH_FAILED', `bench: ${count} messages did not arrive`)
    await sleepMs(BURST_SAMPLE_MS)
  }
}

/** Nothing waits for the scorer any more. */
async function settled(daemon: BenchDaemon): Promise<void> {
  await daemon.when(status => progressOf(status).waiting === 0, 'the scorer to catch up', BURST_MAX_MS)
}

async function paced(daemon: BenchDaemon, publisher: Publisher, seconds: number): Promise<Figure[]> {
  const job = { prefix: 'agent', assets: ASSETS, count: PACED_PER_S * seconds, perSecond: PACED_PER_S }
  const { nextMs } = await publisher.publish({ ...job, count: PACED_PER_S })
  await settled(daemon)
  const before = await daemon.status()
  const memory: Memory[] = []
  for (let round = 0; round < ROUNDS; round++) memory.push(await pacedRound(daemon, publisher, job))
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
      samples: memory.map(round => round.rssMb),
      aim: '< 200',
      note: `main ${after.memoryMb} MB, scorer ${after.scorer.rssMb} MB at the end; node's own code counts in both`,
    },
    {
      name: `memory at ${PACED_PER_S}/s, shared pages once`,
      unit: 'MB, main + scorer',
      samples: memory.map(round => round.proportionalMb),
    },
  ]
}

interface Memory {
  rssMb: number
  proportionalMb: number
}

/** Medians of main + scorer over the round. */
async function pacedRound(
  daemon: BenchDaemon,
  publisher: Publisher,
  job: Parameters<Publisher['publish']>[0],
): Promise<Memory> {
  let running = true
  const published = publisher.publish(job).finally(() => {
    running = false
  })
  const rssMb: number[] = []
  const sharedOnceMb: number[] = []
  while (running) {
    const { memoryMb, scorer } = await daemon.status()
    rssMb.push(memoryMb + (scorer.rssMb ?? 0))
    sharedOnceMb.push((proportionalMb(daemon.pid) ?? Number.NaN) + (proportionalMb(scorer.pid ?? 0) ?? Number.NaN))
    await sleepMs(PACED_SAMPLE_MS)
  }
  await published
  return { rssMb: median(rssMb), proportionalMb: median(sharedOnceMb) }
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
