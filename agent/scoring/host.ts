// The ScoringHost: keeps a child alive, swaps it for another, and leaves the windows to the dispatcher.

import type { ScorerConfig } from '../config/contract.ts'
import { Backoff } from '../core/backoff.ts'
import { type Clock, sleep } from '../core/clock.ts'
import type { Counters } from '../core/counters.ts'
import { AgentError, messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Prng } from '../core/prng.ts'
import { Children, stoppedError } from './children.ts'
import type {
  LoadResult,
  ModelBinding,
  Placement,
  Provider,
  ScoredBatch,
  ScorerStatus,
  ScoringHost,
  WindowQueue,
} from './contract.ts'
import { Dispatcher } from './dispatcher.ts'
import { HostNews } from './host-news.ts'
import { type Entry, Lane } from './lane.ts'
import type { Environment } from './launch.ts'
import { type LoadedSet, type LoadParts, loadSet, type Wanted } from './load-set.ts'
import { batchMaxOf, LOAD_DEADLINE_MS } from './load-settings.ts'
import { SLOTS } from './protocol.ts'
import { Quarantine } from './quarantine.ts'
import type { Death } from './scorer-process.ts'
import { WindowRing } from './window-ring.ts'

export interface ScoringHostParts {
  config: ScorerConfig
  /** Real time, also where the rest of the agent runs in fast motion: deadlines are about a process. */
  clock: Clock
  prng: Prng
  logger: Logger
  counters: Counters
  /** Of this process; the child gets what finding libraries and devices needs. */
  environment: Environment
  /** Watchdog on loading one model; TensorRT builds engines for minutes. */
  loadDeadlineMs?: Partial<Record<Provider, number>>
}

const RESTART_FIRST_MS = 100
const RESTART_CAP_MS = 30_000
/** A child that lived this long had a reason of its own to die: the next restart is quick again. */
const STEADY_MS = 60_000

export function createScoringHost(parts: ScoringHostParts): ScoringHost {
  return new Host(parts)
}

class Host implements ScoringHost {
  readonly #parts: ScoringHostParts
  readonly #logger: Logger
  readonly #quarantine: Quarantine
  readonly #dispatcher: Dispatcher
  readonly #loadParts: LoadParts
  readonly #backoff: Backoff
  readonly #children: Children
  readonly #news: HostNews
  readonly #stopping = new AbortController()
  /** Loads run one after the other. */
  #loads: Promise<unknown> = Promise.resolve()
  #state: ScorerStatus['state'] = 'idle'
  #restarts = 0
  #upSinceMs = 0
  #recovering = false

  constructor(parts: ScoringHostParts) {
    const { config, clock, prng, counters } = parts
    this.#parts = parts
    this.#logger = parts.logger.room('scoring')
    this.#news = new HostNews(this.#logger)
    this.#quarantine = new Quarantine(clock)
    this.#children = new Children({ ...parts, logger: this.#logger })
    this.#backoff = new Backoff(prng, RESTART_FIRST_MS, RESTART_CAP_MS)
    this.#dispatcher = new Dispatcher({
      counters,
      logger: this.#logger,
      quarantine: this.#quarantine,
      onLaneLost: death => void this.#recover(death),
    })
    const { providers, require, deviceId, threads, batchMax } = config
    const loadDeadlineMs = { ...LOAD_DEADLINE_MS, ...parts.loadDeadlineMs }
    this.#loadParts = {
      settings: { providers, require, deviceId, threads, batchMax, loadDeadlineMs },
      clock,
      logger: this.#logger,
      quarantine: this.#quarantine,
      startProcess: slotBytes => this.#children.start(slotBytes),
    }
  }

  async start(): Promise<void> {
    if (this.#children.command.diesWithParent) return
    this.#logger.warn(
      'setpriv not found: a scorer inside an endless run would outlive a kill -9 of the agent; install util-linux',
    )
  }

  load(bindings: readonly ModelBinding[]): Promise<LoadResult> {
    const load = this.#loads.then(() => this.#load(bindings))
    this.#loads = load.catch(() => {})
    return load
  }

  restart(): Promise<LoadResult> {
    const load = this.#loads.then(() => this.#renew())
    this.#loads = load.catch(() => {})
    return load
  }

  queue(key: string): WindowQueue | undefined {
    return this.#dispatcher.entries.find(entry => entry.key === key)?.ring
  }

  onScores(listener: (batch: ScoredBatch) => void): void {
    this.#dispatcher.onScores(listener)
  }

  status(): ScorerStatus {
    const { entries, lane, windowsScored, windowsDropped, windowsLost } = this.#dispatcher
    return {
      state: this.#state,
      pid: lane?.process.pid,
      restarts: this.#restarts,
      placements: entries.map(entry => entry.placement),
      quarantined: this.#quarantine.list(),
      windowsScored,
      windowsDropped,
      windowsLost,
      rssMb: lane?.process.rssMb,
    }
  }

  idle(): Promise<void> {
    return this.#dispatcher.idle()
  }

  async stop(drainMs: number): Promise<void> {
    if (this.#state === 'stopped') return
    const drained = new AbortController()
    const idle = this.idle().then(() => true)
    const inTime = await Promise.race([idle, sleep(this.#parts.clock, drainMs, drained.signal).then(() => false)])
    drained.abort()
    this.#state = 'stopped'
    this.#stopping.abort()
    this.#dispatcher.close()
    await this.#children.stop(!inTime)
    await this.#loads
  }

  async #load(bindings: readonly ModelBinding[]): Promise<LoadResult> {
    if (this.#stopped) throw stoppedError()
    if (bindings.length === 0) {
      this.#state = 'idle'
      await this.#dispatcher.handOver(undefined, [])
      return { accepted: [], refused: [] }
    }
    if (this.#state === 'idle') this.#state = 'starting'
    const wanted = bindings.map(({ key, model }) => ({ key, model, fallback: this.#entry(key)?.model }))
    const set = await this.#tryLoad(wanted)
    if (set.process) await this.#takeOver(set)
    else if (this.#state === 'starting') this.#state = 'idle'
    this.#news.tell(set.result)
    return set.result
  }

  async #renew(): Promise<LoadResult> {
    if (this.#stopped) throw stoppedError()
    const wanted = this.#dispatcher.entries.map(({ key, model }) => ({ key, model, fallback: undefined }))
    if (wanted.length === 0) return { accepted: [], refused: [] }
    const set = await this.#tryLoad(wanted)
    if (set.result.refused.length > 0) await set.process?.end()
    else await this.#takeOver(set)
    this.#news.tell(set.result)
    return set.result
  }

  /** No child at all is an answer too: everything is refused with the reason, the old child goes on. */
  async #tryLoad(wanted: readonly Wanted[]): Promise<LoadedSet> {
    try {
      return await loadSet(this.#loadParts, wanted)
    } catch (error) {
      if (!(error instanceof AgentError) || this.#stopped) throw error
      const code = error.code === 'SCORER_DEADLINE' ? 'SCORER_DEADLINE' : 'SCORER_DIED'
      const refused = wanted.map(({ key }) => ({ key, code, message: error.message }) as const)
      return { process: undefined, models: new Map(), scoring: [], result: { accepted: [], refused } }
    }
  }

  async #takeOver(set: LoadedSet): Promise<void> {
    const { process } = set
    if (!process) return
    const entries = set.scoring.map(({ key, model, placement }) => this.#makeEntry(key, model, placement))
    const { clock, config } = this.#parts
    const lane = new Lane(process, set.models, clock, config.deadlineMs, this.#dispatcher)
    const ended = this.#dispatcher.handOver(lane, entries)
    this.#upSinceMs = clock.monotonicMs()
    await ended
    if (!this.#stopped && this.#dispatcher.lane === lane) this.#state = 'up'
  }

  /** A queue survives as long as its shape does: whoever holds it need not know that the model changed. */
  #makeEntry(key: string, model: Entry['model'], placement: Placement): Entry {
    const { config } = this.#parts
    const channels = model.manifest.channels.length
    const { samples } = model.manifest
    const old = this.#entry(key)?.ring
    const batchMax = batchMaxOf(model, config.batchMax)
    const ring =
      old?.channels === channels && old.samples === samples
        ? old
        : new WindowRing({ key, channels, samples }, config.queueWindowsMax, SLOTS * batchMax, this.#dispatcher)
    return { key, model, placement, ring, batchMax }
  }

  /** A child died: the same models again in a new one, each time later, until one is up or a load has brought one. */
  async #recover(death: Death): Promise<void> {
    if (this.#stopped || this.#recovering || this.#dispatcher.entries.length === 0) return
    this.#recovering = true
    const { clock } = this.#parts
    const goneMs = clock.monotonicMs()
    if (goneMs - this.#upSinceMs > STEADY_MS) this.#backoff.reset()
    this.#state = 'restarting'
    while (!this.#stopped && !this.#dispatcher.lane && this.#dispatcher.entries.length > 0) {
      const delayMs = this.#backoff.nextMs()
      this.#logger.warn('scorer gone, starting it anew', { reason: death.message, inMs: Math.round(delayMs) })
      await sleep(clock, delayMs, this.#stopping.signal)
      if (this.#stopped || this.#dispatcher.lane) break
      this.#restarts++
      await this.#restart()
    }
    this.#recovering = false
    if (this.#stopped) return
    const { lane, entries } = this.#dispatcher
    this.#state = lane ? 'up' : 'idle'
    const placements = lane ? entries.map(entry => entry.placement) : []
    this.#news.recovered(placements, Math.round(clock.monotonicMs() - goneMs), this.#restarts)
  }

  async #restart(): Promise<void> {
    const wanted = this.#dispatcher.entries.map(({ key, model }) => ({ key, model, fallback: undefined }))
    const set = await loadSet(this.#loadParts, wanted).catch((error: unknown) => {
      this.#logger.error('the scorer could not be started', { reason: messageOf(error) })
      return undefined
    })
    if (!set || this.#stopped) return
    this.#news.missing(set.result)
    // What is quarantined is over; a missing provider may come back, so the next round asks for it again.
    for (const { model } of wanted) {
      if (this.#quarantine.reasonOf(model.sha256) !== undefined) this.#dispatcher.evict(model.sha256)
    }
    if (this.#dispatcher.lane) await set.process?.end()
    else await this.#takeOver(set)
  }

  #entry(key: string): Entry | undefined {
    return this.#dispatcher.entries.find(entry => entry.key === key)
  }

  get #stopped(): boolean {
    return this.#state === 'stopped'
  }
}
