// (a) JSON telemetry through the whole agent, and (e) what it takes of memory meanwhile.
//
//   publisher ─► broker ─┬─► agent: MQTT, decode, windows, history, scoring      topics agent/#
//                        └─► receiver: mqtt.js counting, nothing else            topics raw/#
//
// The two take turns: while one is measured nothing is published to the other.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AgentError } from '../core/errors.ts'
import { fitModel } from '../models/fit/fit.ts'
import type { Figure } from './bench-figure.ts'
import { benchPaced } from './bench-paced.ts'
import { cpuUs } from './bench-proc.ts'
import {
  type BenchContext,
  BenchDaemon,
  type DaemonStatus,
  Publisher,
  type Received,
  sleepMs,
  startReceiver,
} from './bench-processes.ts'
import { ASSETS, benchAsset, CHANNELS, telemetryRows } from './bench-telemetry.ts'

const FIT_ROWS = 2000
const ROUNDS = 5
const BURST_SAMPLE_MS = 50
const BURST_MAX_MS = 120_000
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
  // The steady load first: what a burst leaves in memory would be counted with it.
  progress('a, e: a steady load')
  const figures = await benchPaced(daemon, publisher, quick ? 1 : 4)
  if (bursts) figures.unshift(...(await flood(context, daemon, publisher, quick ? 50_000 : 200_000)))
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
  const agentUs: number[] = []
  const rawUs: number[] = []
  const rawProgress = async (): Promise<Progress> => ({ ...(await receiver()), scored: 0, waiting: 0 })
  const agentProgress = async (): Promise<Progress> => ({
    ...progressOf(await daemon.status()),
    cpuUs: cpuUs(daemon.pid) ?? Number.NaN,
  })
  const before = await daemon.status()
  for (let round = 0; round <= ROUNDS; round++) {
    context.progress(`a: burst ${round} of ${ROUNDS}${round === 0 ? ' (warming up)' : ''}`)
    const alone = await burst(publisher, 'raw', count, rawProgress, () => true)
    const whole = await burst(publisher, 'agent', count, agentProgress, now => now.waiting === 0)
    if (round === 0) continue
    raw.push(alone.receivedPerS)
    agent.push(whole.receivedPerS)
    scoring.push(whole.donePerS)
    agentUs.push(whole.usEach)
    rawUs.push(alone.usEach)
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
      note: `8 values a message, ${ASSETS} assets, a window for each row: ${windows} scored, ${dropped} dropped; ${lost} history rows lost; main ${after.memoryMb} MB, scorer ${after.scorer.rssMb} MB afterwards`,
    },
    {
      name: 'processor time a message, main process',
      unit: 'µs',
      samples: agentUs,
      reference: { name: 'raw mqtt.js', samples: rawUs },
    },
  ]
}

/** Without the processor time, which the status does not know. */
function progressOf(status: DaemonStatus): Progress {
  const waiting = status.assets.reduce((sum, asset) => sum + (asset.windowsWaiting ?? 0), 0)
  const { windowsScored, windowsDropped } = status.scorer
  const messages = status.counters['sources.plant.messages'] ?? 0
  return { messages, atMs: Date.parse(status.now), scored: windowsScored + windowsDropped, waiting, cpuUs: Number.NaN }
}

/** Publishes a burst and watches until it is taken and `done`: messages/s after the ramp up to either. */
async function burst(
  publisher: Publisher,
  prefix: string,
  count: number,
  progress: () => Promise<Progress>,
  done: (now: Progress) => boolean,
): Promise<{ receivedPerS: number; donePerS: number; usEach: number }> {
  const before = await progress()
  const start = before.messages
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
      return { receivedPerS: perS(taken), donePerS: perS(now), usEach: (now.cpuUs - before.cpuUs) / count }
    }
    if (performance.now() > stall) throw new AgentError('BENCH_FAILED', `bench: ${count} messages did not arrive`)
    await sleepMs(BURST_SAMPLE_MS)
  }
}
