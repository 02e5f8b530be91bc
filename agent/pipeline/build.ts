// Builds every room and wires them together; starts nothing but the stores, which must be open before anything can count.
import { join } from 'node:path'
import type { AlarmTransition } from '../alarms/contract.ts'
import { AlarmEngine } from '../alarms/engine.ts'
import { GATEWAY_LEVEL } from '../alarms/flood.ts'
import type { StorageConfig } from '../config/contract.ts'
import { Counters } from '../core/counters.ts'
import type { Logger } from '../core/logger.ts'
import type { SampleSink } from '../core/types.ts'
import { decoders } from '../decode/registry.ts'
import type { History } from '../history/contract.ts'
import { parseModelFile } from '../models/file/model-file.ts'
import { ModelStore } from '../models/file/store.ts'
import { Analyser } from '../models/live/analyser.ts'
import { ModelDesk } from '../models/live/desk.ts'
import { HeldRows } from '../models/live/held-rows.ts'
import { cronMatcher } from '../schedule/schedule.ts'
import { createScoringHost } from '../scoring/host.ts'
import { createSource } from '../sources/registry.ts'
import type { CommandHandlers, CommandLedger } from '../uplink/contract.ts'
import { createUplink } from '../uplink/uplink.ts'
import { createWebhook, dropUnusedCursors } from '../uplink/webhook.ts'
import { newLine, newScoring, oneAtATime } from './asset-parts.ts'
import type { CaptureLine } from './capture-line.ts'
import { clockJudge, lastWriteUs } from './clock-judge.ts'
import type { AgentParts, BuildOptions } from './parts.ts'
import { pruneModels } from './prune.ts'
import { ScoreKeeper } from './scores.ts'
import { openStores, type Stores } from './stores.ts'
import { Trends } from './trends.ts'
import { Vibration } from './vibration.ts'

export async function buildParts(options: BuildOptions, handlers: CommandHandlers): Promise<AgentParts> {
  const { config, clock, logger, version } = options
  const counters = new Counters()
  // A board without a battery may start at a date before its last run; opening the stores writes to them.
  const knownUs = await lastWriteUs(join(config.storage.dir, 'journal'))
  const stores = await openStores(options, counters)
  const clockState = options.clockState ?? clockJudge(clock, knownUs)
  const core = { version, startedUs: clock.nowUs(), config, clock, clockState, counters, logger }
  const scorer = buildScorer(options, counters, stores)
  const engine = new AlarmEngine({
    assets: config.assets,
    links: config.sources,
    state: stores.records.workingAlarms(),
    clock,
    prng: options.prng,
    counters,
    clockState,
    cronMatcher,
    watchFloods: true,
    commit: transition => {
      keepBlackBox(stores.history, config.storage.blackBox, transition)
      void stores.records.alarm(transition).then(() => logAlarm(logger.room('alarms'), transition))
    },
  })
  const alone = oneAtATime()
  const ids = config.assets.map(asset => asset.id)
  const held = new HeldRows(ids, counters)
  const looking = {
    analyser: new Analyser(clock, counters, logger.room('vibration')),
    vibration: new Vibration({ config, clock, history: stores.history, counters, logger }),
    captures: [] as CaptureLine[],
  }
  const rooms = { ...stores, ...scorer, ...looking, engine }
  const scoring = config.assets.map(asset => newScoring(options, asset, { ...rooms, held, alone }))
  const lines = config.assets.map(asset => newLine(options, asset, { ...rooms, counters, scoring }))
  const scores = new ScoreKeeper(config, stores.history)
  return {
    ...core,
    ...rooms,
    scores,
    trends: new Trends({ config, clock, logger, scoring, history: stores.history, records: stores.records }),
    scoring,
    lines,
    ...(await buildLinks({ ...options, clockState }, counters, stores, lines, handlers)),
  }
}

function buildScorer(
  options: BuildOptions,
  counters: Counters,
  { records }: Stores,
): Pick<AgentParts, 'host' | 'store' | 'desk'> {
  const { config, clock, prng, logger, environment } = options
  const host = createScoringHost({ config: config.scorer, environment, clock, prng, logger, counters })
  const store = new ModelStore(join(config.storage.dir, 'models'), parseModelFile)
  const record: ConstructorParameters<typeof ModelDesk>[0]['record'] = async binding => {
    await records.bind(binding)
    await pruneModels({ config, records, store, desk, logger })
  }
  const desk = new ModelDesk({ host, store, record, nowUs: () => clock.nowUs(), logger: logger.room('models') })
  return { host, store, desk }
}

/** What reaches outside: sources in, models in, alarms out. */
async function buildLinks(
  { config, clock, prng, logger, version, clockState }: BuildOptions & Pick<AgentParts, 'clockState'>,
  counters: Counters,
  { journal, records }: Stores,
  lines: AgentParts['lines'],
  handlers: CommandHandlers,
): Promise<Pick<AgentParts, 'sources' | 'repository' | 'uplink' | 'webhooks'>> {
  const deps = { clock, prng, logger, counters }
  const sink: SampleSink = {
    samples: block => lines[block.asset]?.samples(block),
    waveform: block => lines[block.asset]?.waveform(block),
  }
  const sourceDeps = { assets: config.assets, sink, decoders, ...deps }
  const sources = await Promise.all(config.sources.map(source => createSource(source, sourceDeps)))
  const tuf = join(config.storage.dir, 'tuf')
  // Loaded only where models are delivered: tuf-js takes 11 MB and 0.1 s.
  const repository =
    config.sync &&
    (await import('../sync/repository.ts')).createModelRepository({
      config: config.sync,
      dir: tuf,
      readModel: parseModelFile,
      ...deps,
    })
  const lastAlertSeq = (): number => records.recorded.alertSeq
  const links = { gateway: config.gateway, journal, handlers, lastAlertSeq, version, clockState, ...deps }
  const uplink = config.uplink && createUplink({ config: config.uplink, ledger: commandLedger(records), ...links })
  await dropUnusedCursors(journal, config.webhooks ?? [], logger.room('webhook'))
  const webhooks = (config.webhooks ?? []).map(webhook => createWebhook({ ...links, config: webhook }))
  return { sources, repository, uplink, webhooks }
}

function commandLedger(records: Stores['records']): CommandLedger {
  return {
    counterOf: keySha256 => records.operators.counterOf(keySha256),
    record: async record => (await records.operator(record)) !== undefined,
  }
}

/** What led to an alarm, and how it ended, is looked at when its rows would long be gone. */
function keepBlackBox(
  history: History,
  { beforeMs, afterMs }: StorageConfig['blackBox'],
  { transition, asset, onsetUs, atUs, test }: AlarmTransition,
): void {
  if (asset === GATEWAY_LEVEL || test) return
  if (transition !== 'raised' && transition !== 'cleared' && transition !== 'latched') return
  const fromUs = (transition === 'raised' ? Math.min(onsetUs, atUs) : atUs) - beforeMs * 1000
  history.keepAround(asset, fromUs, atUs + afterMs * 1000)
}

/** Once it is durable: what the log says, the journal holds. */
function logAlarm(logger: Logger, { transition, asset, priority, message, id, alertSeq, by }: AlarmTransition): void {
  const fields = { id, seq: alertSeq, ...(by === undefined ? {} : { by }) }
  if (transition === 'raised') logger.warn(`ALARM P${priority} ${asset} ${message}`, fields)
  else logger.info(`${transition} ${asset} ${message}`, fields)
}
