// The composition root: builds the rooms, starts them in order, stops them in reverse.
//
//  sources ─► decode ─► lines (align ─► gate) ─┬─► history (samples, waveforms)
//                                              ├─► engine: fixed limits ───────────────────┐
//                                              ├─► captures ─► analyser ═► thread           │
//                                              │     figures ─► history; sensor faults ────┤
//                                              └─► scoring: learn ─► fit ─► catch up ─► cut │
//                                                     windows ─► host ═► scorer child       │
//                     history (scores, features) ◄─┬── scores ◄──────────┘                  │
//                                                  └─► engine: score ──────────────────────┤
//                                    uplink ◄── journal ◄── commits ◄── alarm transitions ◄┘
//
// Start order: stores first (their lock keeps a second daemon out), then what is needed to act on a sample, the sources
// last. Stop order: sources first, so that everything that came in is scored, journalled and sent before the stores close.

import type { Cancel } from './core/clock.ts'
import { messageOf } from './core/errors.ts'
import { ControlServer } from './http/control.ts'
import { buildParts } from './pipeline/build.ts'
import { CaptureScores } from './pipeline/capture-scores.ts'
import { commandHandlers } from './pipeline/command-handlers.ts'
import { controlApi } from './pipeline/control-api.ts'
import { LearnRecorder } from './pipeline/learn-recorder.ts'
import type { AgentParts, BuildOptions } from './pipeline/parts.ts'
import { pruneModels } from './pipeline/prune.ts'
import { resumeModels } from './pipeline/resume.ts'
import { SensorWatch } from './pipeline/sensor-watch.ts'
import { SyncQueue } from './pipeline/sync-queue.ts'
import { runSync } from './pipeline/sync-run.ts'
import { assetStatus, featuresMessage, fullStatus, healthMessage, stateMessage } from './pipeline/views.ts'
import { createSchedule, type Schedule } from './schedule/schedule.ts'
import type { WindowDoubt } from './scoring/contract.ts'
import type { SyncReport } from './uplink/contract.ts'

const LEARN_CHECK_MS = 1_000
const RETENTION_MS = 60_000
/** What a trend is made of changes by the hour. */
const TREND_MS = 600_000
const STATE_CHECK_MS = 2_000
const SENSOR_CHECK_MS = 1_000
/** Shelving ends and windows begin to the second. */
const ALARMS_TICK_MS = 1_000
const CAPTURES_DRAIN_MS = 500
const SCORER_DRAIN_MS = 1_500
const UPLINK_DRAIN_MS = 1_500
/** From the signal to the end of the uplink's drain; with its goodbye of 1 s and the stores' closing under the 5 s promised. */
const DRAINS_END_MS = 3_000

export class Agent {
  readonly parts: AgentParts
  readonly #control: ControlServer
  readonly #schedule: Schedule
  readonly #learning: LearnRecorder
  readonly #timers: Cancel[] = []
  readonly #syncs: SyncQueue
  /** Resolves when the models of before are loaded; a sync waits for it, to know what is there. */
  #resuming: Promise<void> = Promise.resolve()
  #lastState = ''

  private constructor(parts: AgentParts) {
    this.parts = parts
    this.#learning = new LearnRecorder(parts)
    this.#syncs = new SyncQueue(by => runSync(parts, by), parts.clock)
    this.#control = new ControlServer(
      parts.config.control.socket,
      controlApi(parts, by => this.sync(by)),
    )
    const cron = parts.config.sync?.schedule
    const jobs = cron ? [{ name: 'sync', cron, run: async () => void (await this.sync('schedule')) }] : []
    this.#schedule = createSchedule({ clock: parts.clock, logger: parts.logger, counters: parts.counters, jobs })
  }

  /** Opens the stores, recovers, and starts everything. Throws before anything has started, or undoes what has. */
  static async start(options: BuildOptions): Promise<Agent> {
    let agent: Agent | undefined
    const handlers = commandHandlers(
      () => agent!.parts,
      by => agent!.sync(by),
    )
    const parts = await buildParts(options, handlers)
    agent = new Agent(parts)
    try {
      await agent.#run()
    } catch (error) {
      await agent.stop()
      throw error
    }
    return agent
  }

  /** See SyncQueue. Never throws. */
  sync(by: string): Promise<SyncReport> {
    return this.#syncs.ask(by)
  }

  status(): Promise<Record<string, unknown>> {
    return fullStatus(this.parts)
  }

  assetStatus(index: number): Record<string, unknown> {
    return assetStatus(this.parts, index)
  }

  /** In reverse order of start; within 5 s unless the disk hangs, however many of broker and scorer hang at once. Safe to call twice. */
  async stop(): Promise<void> {
    const { sources, host, history, journal, uplink, repository, commits, logger, clock } = this.parts
    const drainsEndMs = clock.monotonicMs() + DRAINS_END_MS
    const drainMs = (mostMs: number): number => Math.max(0, Math.min(mostMs, drainsEndMs - clock.monotonicMs()))
    const step = async (name: string, run: () => Promise<void> | undefined): Promise<void> => {
      try {
        await run()
      } catch (error) {
        logger.room('agent').error(`stopping ${name}: ${messageOf(error)}`)
      }
    }
    for (const cancel of this.#timers.splice(0)) cancel()
    this.#schedule.stop()
    this.#syncs.stop()
    await step('sync', () => repository?.stop())
    await step('sources', async () => void (await Promise.all(sources.map(source => source.stop()))))
    await step('captures', () => this.parts.analyser.stop(drainMs(CAPTURES_DRAIN_MS)))
    for (const asset of this.parts.scoring) asset.stop()
    await step('scorer', () => host.stop(drainMs(SCORER_DRAIN_MS)))
    await step('models', () => this.#resuming)
    await step('learning', () => this.#learning.finish())
    await step('journal queue', () => commits.stop())
    await step('uplink and webhooks', async () => {
      const links = [...(uplink ? [uplink] : []), ...this.parts.webhooks]
      await Promise.all(links.map(link => link.stop(drainMs(UPLINK_DRAIN_MS))))
    })
    await step('control socket', () => this.#control.stop())
    this.parts.wear.stop()
    await step('history', () => history.close())
    await step('journal', () => journal.close())
  }

  async #run(): Promise<void> {
    const { parts } = this
    await this.#control.start()
    parts.engine.start()
    for (const what of parts.engine.unknownSuppressed()) {
      const advice =
        'there is no such rule, so nothing of it is suppressed; `wearwatch alarms shelve ASSET x` names those there are'
      parts.logger.room('alarms').warn(`suppress in the config names ${what}: ${advice}`)
    }
    const doubtAt = (asset: number, endUs: number): WindowDoubt | undefined => parts.captures[asset]?.doubtAt(endUs)
    const captures = new CaptureScores(parts.config, doubtAt, batch => {
      parts.scores.keep(batch)
      parts.vibration.scored(batch)
      parts.engine.scores(batch, (asset, timeUs, score, inAlarm) =>
        parts.scoring[asset]?.scored(timeUs, score, inAlarm),
      )
    })
    parts.host.onScores(batch => captures.push(batch))
    await parts.host.start()
    // Not awaited: fixed limits guard, and a signal stops, while TensorRT builds for minutes.
    this.#resuming = resumeModels(parts).then(() => pruneModels(parts))
    void this.#resuming.then(
      () => parts.trends.refresh(),
      () => {},
    )
    this.#syncs.after(this.#resuming, 'the models that ran before the start are still being loaded')
    this.#publishState()
    parts.uplink?.start()
    for (const webhook of parts.webhooks) webhook.start()
    this.#startTimers()
    parts.wear.start()
    this.#schedule.start()
    for (const source of parts.sources) source.start()
  }

  #startTimers(): void {
    const { clock, history, config, uplink, logger } = this.parts
    const report = (what: string) => (error: unknown) => logger.room('agent').error(`${what}: ${messageOf(error)}`)
    const every = (periodMs: number, run: () => void): void => void this.#timers.push(clock.every(periodMs, run))
    every(LEARN_CHECK_MS, () => this.#learning.check())
    every(RETENTION_MS, () => void history.enforceRetention().catch(report('retention')))
    every(TREND_MS, () => void this.parts.trends.refresh())
    every(STATE_CHECK_MS, () => this.#publishState())
    const sensors = new SensorWatch(this.parts)
    every(SENSOR_CHECK_MS, () => sensors.check())
    every(ALARMS_TICK_MS, () => this.parts.engine.tick())
    if (!config.uplink) return
    every(config.uplink.healthEveryMs, () => uplink?.publishHealth(healthMessage(this.parts)))
    every(config.uplink.featuresEveryMs, () => {
      for (const asset of config.assets) {
        const message = featuresMessage(this.parts, asset.index)
        if (message) uplink?.publishFeatures(asset.id, message)
      }
    })
  }

  /** Retained state is replaced only when something in it changed. */
  #publishState(): void {
    const state = stateMessage(this.parts)
    const text = JSON.stringify(state)
    if (text === this.#lastState) return
    this.#lastState = text
    this.parts.uplink?.publishState(state)
  }
}
