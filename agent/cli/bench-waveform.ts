// (b) Waveform samples through decode, windows, scoring and history: the real rooms, fed with the bytes of a serial line as
// fast as they take them. The feeder waits while queues are half full or LevelDB is behind, so that nothing may be dropped;
// what is dropped all the same is shown.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AgentConfig, SerialSourceConfig } from '../config/contract.ts'
import { loadConfigFile } from '../config/load.ts'
import { systemClock } from '../core/clock.ts'
import { Counters } from '../core/counters.ts'
import { AgentError } from '../core/errors.ts'
import { silentLogger } from '../core/logger.ts'
import { entropySeed, seededPrng } from '../core/prng.ts'
import { encodeFrame, FRAME_TYPES } from '../decode/frame-format.ts'
import { decoders } from '../decode/registry.ts'
import type { History } from '../history/contract.ts'
import { openHistory } from '../history/history.ts'
import type { ModelFile } from '../models/contract.ts'
import { parseModelFile } from '../models/file/model-file.ts'
import { fitModel } from '../models/fit/fit.ts'
import { ScoreKeeper } from '../pipeline/scores.ts'
import { WaveformScoring } from '../pipeline/waveform-scoring.ts'
import type { ScoringHost } from '../scoring/contract.ts'
import { createScoringHost } from '../scoring/host.ts'
import { AssetLine } from '../windows/asset-line.ts'
import type { Figure } from './bench-figure.ts'
import type { BenchContext } from './bench-processes.ts'

/** Eight accelerometers, as in the design load; each sample is in one window. */
const STREAMS = 8
const RATE_HZ = 25_600
const ORDER = 12
const MEAN = 500
const WINDOW = ORDER + MEAN
const BLOCK = 1024
/** Frames of a stream before the line repeats: its one-byte counter then goes on without a gap. */
const FRAMES = 256
const CHUNK_BYTES = 65_536
const ROUNDS = 5
const FLUSH_SAMPLES = 4_000_000
/** Of the queue's 4096 windows. */
const WAITING_MAX = 2048

interface Round {
  samplesPerS: number
  scored: number
  dropped: number
  lost: number
  gaps: number
}

export async function benchWaveform(context: BenchContext): Promise<Figure[]> {
  const { quick, progress } = context
  const line = encodeLine()
  const model = fitWaveformModel()
  const rounds: Round[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    progress(`b: waveforms ${round} of ${ROUNDS}${round === 0 ? ' (warming up)' : ''}`)
    const result = await runRound(context, `waveform-${round}`, line, model, quick ? 6_000_000 : 20_000_000)
    if (round > 0) rounds.push(result)
  }
  const sum = (of: (round: Round) => number): number => rounds.reduce((total, round) => total + of(round), 0)
  return [
    {
      name: 'waveform samples, line to history',
      unit: 'samples/s',
      samples: rounds.map(round => round.samplesPerS),
      aim: '5,000,000',
      note:
        `${STREAMS} streams int16, windows of ${WINDOW}: ${sum(r => r.scored)} scored, ${sum(r => r.dropped)} dropped; ` +
        `${sum(r => r.lost)} history rows lost, ${sum(r => r.gaps)} frames lost`,
    },
  ]
}

/** One turn of all counters: FRAMES frames of each stream, taking turns. */
function encodeLine(): Buffer {
  const prng = seededPrng(5)
  const values = new Int16Array(BLOCK)
  const frames: Uint8Array[] = []
  for (let counter = 0; counter < FRAMES; counter++) {
    for (let stream = 0; stream < STREAMS; stream++) {
      for (let i = 0; i < BLOCK; i++) values[i] = Math.round(900 * Math.sin(0.31 * i) + 300 * prng.normal())
      frames.push(
        encodeFrame({ type: FRAME_TYPES.waveformI16, stream, counter, counterWidth: 'u8', timeUs: 0, values }),
      )
    }
  }
  return Buffer.concat(frames)
}

function fitWaveformModel(): ModelFile {
  const prng = seededPrng(6)
  const rows = 60 * WINDOW
  const values = Float64Array.from({ length: rows }, (_, i) => 0.44 * Math.sin(0.31 * i) + 0.15 * prng.normal())
  const { bytes } = fitModel(
    {
      values,
      rows,
      channels: [{ id: 'vibration', unit: 'g' }],
      breaks: new Uint8Array(rows),
      fromUs: 0,
      toUs: (rows / RATE_HZ) * 1e6,
      source: 'bench waveform',
    },
    {
      name: 'bench-waveform',
      release: 1,
      family: 'var',
      order: ORDER,
      mean: MEAN,
      hop: WINDOW,
      alarm: { onDelayMs: 0, offDelayMs: 0, deadband: 0.1 },
    },
  )
  return parseModelFile(bytes, 'file')
}

function configOf(dir: string): AgentConfig {
  const assets = Array.from(
    { length: STREAMS },
    (_, i) =>
      `  m-${i}: {source: daq, channels: {vibration: {waveform: int16, rate: ${RATE_HZ}, unit: g, scale: 0.000488, stream: ${i}}}}`,
  )
  const text = `version: 1
gateway: {site: bench, id: gw-bench}
sources: {daq: {serial: {path: /dev/ttyBENCH, baud: 12000000, frame: cobs-crc16, counter: u8}}}
assets:
${assets.join('\n')}
storage: {dir: data}
scorer: {provider: cpu}
`
  const file = join(dir, 'wearwatch.yaml')
  writeFileSync(file, text)
  return loadConfigFile(file).config
}

async function runRound(
  context: BenchContext,
  name: string,
  line: Buffer,
  model: ModelFile,
  samples: number,
): Promise<Round> {
  const dir = join(context.dir, name)
  mkdirSync(dir)
  const config = configOf(dir)
  const parts = {
    clock: systemClock(),
    prng: seededPrng(entropySeed()),
    logger: silentLogger,
    counters: new Counters(),
  }
  const host = createScoringHost({ config: config.scorer, environment: process.env, ...parts })
  const forever = { ageMs: Number.MAX_SAFE_INTEGER, bytes: Number.MAX_SAFE_INTEGER }
  const retention = {
    samples: forever,
    scores: forever,
    features: forever,
    vibration: forever,
    waveforms: forever,
    minutes: forever,
    hours: forever,
    'black-box': forever,
  }
  const { history } = await openHistory({ dir: join(dir, 'history'), retention, ...parts })
  try {
    const { refused } = await host.load(config.assets.map(asset => ({ key: asset.id, model })))
    if (refused[0]) throw new AgentError(refused[0].code, refused[0].message)
    const keeper = new ScoreKeeper(config, history)
    host.onScores(batch => keeper.keep(batch))
    const push = connectRooms(config, host, history, model, parts)
    return await feed(line, samples, push, host, history, parts.counters)
  } finally {
    await host.stop(1000)
    await history.close()
    rmSync(dir, { recursive: true, force: true })
  }
}

/** Decoder, lines, windows and history as the composition root wires them; returns where the bytes go in. */
function connectRooms(
  config: AgentConfig,
  host: ScoringHost,
  history: History,
  model: ModelFile,
  { clock, counters }: { clock: ReturnType<typeof systemClock>; counters: Counters },
): (chunk: Uint8Array, receivedUs: number) => void {
  const lines = config.assets.map(asset => {
    const scoring = new WaveformScoring(asset, { queue: () => host.queue(asset.id), model: () => model })
    return new AssetLine(asset, clock, counters, {
      stored: () => {},
      gated: () => {},
      waveform(block, running) {
        history.appendWaveform(asset.id, asset.channels[block.channel]!.id, block)
        if (running) scoring.push(block)
      },
    })
  })
  const sink: Parameters<typeof decoders.stream>[1]['sink'] = {
    samples: block => lines[block.asset]?.samples(block),
    waveform: block => lines[block.asset]?.waveform(block),
  }
  const source = config.sources[0] as SerialSourceConfig
  const decoder = decoders.stream(source, { sourceId: source.id, assets: config.assets, sink, counters })
  return (chunk, receivedUs) => decoder.push(chunk, receivedUs)
}

/** Until `samples` have gone in and everything has come out: scored, and on the disk. */
async function feed(
  line: Buffer,
  samples: number,
  push: (chunk: Uint8Array, receivedUs: number) => void,
  host: ScoringHost,
  history: History,
  counters: Counters,
): Promise<Round> {
  const queues = Array.from({ length: STREAMS }, (_, i) => host.queue(`m-${i}`)!)
  const samplesPerByte = (FRAMES * STREAMS * BLOCK) / line.length
  const startUs = Date.now() * 1000
  const startMs = performance.now()
  let bytes = 0
  let flushedAt = 0
  while (bytes * samplesPerByte < samples || bytes % line.length !== 0) {
    const at = bytes % line.length
    const chunk = line.subarray(at, at + CHUNK_BYTES)
    bytes += chunk.length
    // The line's own time, so that arrival agrees with the count of samples however fast it is fed.
    push(chunk, startUs + ((bytes * samplesPerByte) / STREAMS / RATE_HZ) * 1e6)
    do await new Promise(resolve => setImmediate(resolve))
    while (queues.some(queue => queue.waiting > WAITING_MAX))
    if (bytes * samplesPerByte - flushedAt < FLUSH_SAMPLES) continue
    flushedAt = bytes * samplesPerByte
    await history.flush()
  }
  await host.idle()
  await history.flush()
  const elapsedS = (performance.now() - startMs) / 1000
  const { windowsScored, windowsDropped, windowsLost } = host.status()
  return {
    samplesPerS: Math.round((bytes * samplesPerByte) / elapsedS),
    scored: windowsScored,
    dropped: windowsDropped + windowsLost,
    lost: history.stats().lostRows,
    gaps: counters.get('decode.daq.counter_gaps').n + counters.get('decode.daq.crc_errors').n,
  }
}
