// Builds every room and wires them together; starts nothing but the stores, which must be open before anything can count.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { AlarmEngine } from '../alarms/engine.ts'
import type { AgentConfig, AssetConfig } from '../config/contract.ts'
import type { Clock } from '../core/clock.ts'
import { Counters } from '../core/counters.ts'
import { realDisk } from '../core/disk.ts'
import type { Logger } from '../core/logger.ts'
import type { Prng } from '../core/prng.ts'
import type { SampleSink } from '../core/types.ts'
import { decoders } from '../decode/registry.ts'
import { openHistory } from '../history/history.ts'
import { CommitQueue } from '../journal/commit-queue.ts'
import { openJournal } from '../journal/journal.ts'
import { AssetScoring } from '../models/asset-scoring.ts'
import { ModelDesk } from '../models/desk.ts'
import { fitInWorker } from '../models/fit-worker.ts'
import { parseModelFile, sha256Hex } from '../models/model-file.ts'
import { ModelStore } from '../models/store.ts'
import type { WindowQueue } from '../scoring/contract.ts'
import { createScoringHost } from '../scoring/host.ts'
import { createSource } from '../sources/registry.ts'
import { createModelRepository } from '../sync/repository.ts'
import type { CommandHandlers } from '../uplink/contract.ts'
import { createUplink } from '../uplink/uplink.ts'
import { AssetLine } from '../windows/asset-line.ts'
import { Cutter } from '../windows/cutter.ts'
import { Gate } from '../windows/gate.ts'
import { clockJudge } from './clock-judge.ts'
import type { AgentParts } from './parts.ts'
import { Records } from './records.ts'
import { ScoreKeeper } from './scores.ts'
import { WaveformScoring } from './waveform-scoring.ts'

export interface BuildOptions {
  config: AgentConfig
  version: string
  clock: Clock
  prng: Prng
  logger: Logger
  /** process.env: where the scorer finds its libraries. */
  environment: Readonly<Record<string, string | undefined>>
  /** Replaces the judgement of the gateway's own clock where time is simulated. */
  clockState?: () => 'synced' | 'uncertain'
}

const FIT_DEADLINE_MS = 120_000
/** A queue filled from stored rows leaves this share to the rows that arrive meanwhile. */
const QUEUE_SHARE = 0.5
const ROOM_CHECK_MS = 5

export async function buildParts(options: BuildOptions, handlers: CommandHandlers): Promise<AgentParts> {
  const { config, clock, prng, logger } = options
  const counters = new Counters()
  const deps = { clock, prng, logger, counters }
  const { dir, samples, scores: scoreRetention, waveforms, journalBytesMax } = config.storage
  await mkdir(dir, { recursive: true })
  const retention = { samples, scores: scoreRetention, features: scoreRetention, waveforms }
  // The history's lock is taken first: it keeps a second daemon away from the journal.
  const { history } = await openHistory({ dir: join(dir, 'history'), retention, clock, logger, counters })
  const records = new Records(logger)
  const journal = await openJournal({
    dir: join(dir, 'journal'),
    bytesMax: journalBytesMax,
    disk: realDisk,
    clock,
    logger,
    counters,
    checkpoint: () => records.checkpoint(),
  })
  await records.recover(journal)
  const commits = new CommitQueue(journal, clock, prng, logger)
  records.attach(commits)

  const clockState = options.clockState ?? clockJudge(clock)
  const engine = new AlarmEngine({
    assets: config.assets,
    state: records.workingAlarms(),
    clock,
    prng,
    counters,
    clockState,
    commit: transition => void records.alarm(transition),
  })
  const host = createScoringHost({ config: config.scorer, environment: options.environment, ...deps })
  const store = new ModelStore(join(dir, 'models'), parseModelFile)
  const desk = new ModelDesk({
    host,
    store,
    record: async binding => void (await records.bind(binding)),
    nowUs: () => clock.nowUs(),
    logger,
  })
  const scoring = config.assets.map(asset => {
    return new AssetScoring(
      asset,
      scoringDeps(options, { history, host, desk, counters }),
      records.models.learning.get(asset.id),
    )
  })
  const lines = config.assets.map(asset => newLine(options, asset, counters, { history, engine, host, desk, scoring }))
  const sink: SampleSink = {
    samples: block => lines[block.asset]?.samples(block),
    waveform: block => lines[block.asset]?.waveform(block),
  }
  const sources = config.sources.map(source => createSource(source, { assets: config.assets, sink, decoders, ...deps }))
  const repository = config.sync
    ? createModelRepository({
        config: config.sync,
        dir: join(dir, 'tuf'),
        clock,
        logger,
        counters,
        readModel: parseModelFile,
      })
    : undefined
  const uplink = config.uplink
    ? createUplink({
        config: config.uplink,
        gateway: config.gateway,
        journal,
        handlers,
        lastAlertSeq: () => records.recorded.alertSeq,
        ...deps,
        version: options.version,
      })
    : undefined
  return {
    version: options.version,
    startedUs: clock.nowUs(),
    config,
    clock,
    clockState,
    counters,
    logger,
    history,
    journal,
    commits,
    records,
    engine,
    scores: new ScoreKeeper(config, history),
    host,
    store,
    desk,
    lines,
    scoring,
    sources,
    repository,
    uplink,
  }
}

type Wiring = Pick<AgentParts, 'history' | 'host' | 'desk'>

function newLine(
  options: BuildOptions,
  asset: AssetConfig,
  counters: Counters,
  parts: Wiring & Pick<AgentParts, 'engine' | 'scoring'>,
): AssetLine {
  const { history, engine, host, desk, scoring } = parts
  const columns = asset.channels.map(channel => channel.id)
  const waveforms = new WaveformScoring(asset, {
    queue: () => host.queue(asset.id),
    model: () => desk.active(asset.id),
  })
  return new AssetLine(asset, options.clock, counters, {
    stored: block => history.append(asset.id, 'samples', columns, block.rows, block.timesUs, block.values),
    gated(block) {
      engine.rows(block)
      scoring[asset.index]!.gated(block)
    },
    waveform(block, running) {
      history.appendWaveform(asset.id, columns[block.channel]!, block)
      if (running) waveforms.push(block)
    },
  })
}

function scoringDeps(
  options: BuildOptions,
  parts: Wiring & { counters: Counters },
): ConstructorParameters<typeof AssetScoring>[1] {
  const { clock, logger } = options
  const { history, host, desk } = parts
  // Counters of the gates that replay stored rows are kept apart: those rows were counted when they came in.
  const replayed = new Counters()
  return {
    history,
    logger,
    gate: (asset, out) => new Gate(asset, replayed, out),
    cutter: (asset, shape, afterUs) => new Cutter(asset, shape, afterUs),
    queue: key => host.queue(key),
    room: queue => roomIn(queue, options),
    fit: (asset, data) => fitInWorker(data, fitOptions(asset), { deadlineMs: FIT_DEADLINE_MS, clock }),
    async install(asset, fitted, bind) {
      const model = {
        bytes: fitted.bytes,
        sha256: sha256Hex(fitted.bytes),
        manifest: fitted.manifest,
        origin: 'local' as const,
      }
      const outcome = await desk.install({ asset, model, by: 'agent', taken: bind })
      return outcome.ok ? undefined : (outcome.reason ?? 'refused')
    },
  }

  function fitOptions(asset: AssetConfig): Parameters<typeof fitInWorker>[1] {
    const { family, order, mean, hop } = asset.model
    const { onDelayMs, offDelayMs, deadband } = asset.alarm
    const before = desk.active(asset.id)
    return {
      name: `${asset.id}-var`,
      release: before?.origin === 'local' ? before.manifest.release + 1 : 1,
      assetClass: asset.type ?? asset.id,
      family,
      order,
      mean,
      hop,
      everyMs: asset.everyMs,
      alarm: { onDelayMs, offDelayMs, deadband },
    }
  }
}

/** Waits until the queue has room for another chunk of stored rows. */
async function roomIn(queue: WindowQueue, { clock, config }: BuildOptions): Promise<void> {
  while (queue.waiting > config.scorer.queueWindowsMax * QUEUE_SHARE) {
    await new Promise<void>(resolve => clock.after(ROOM_CHECK_MS, resolve))
  }
}
