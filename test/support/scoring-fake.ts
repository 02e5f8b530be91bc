// A ScoringHost without a process: scores in JavaScript, one batch per turn of the event loop, always the same way.
import { AgentError } from '../../agent/core/errors.ts'
import type { ModelFile } from '../../agent/models/contract.ts'
import type {
  LoadResult,
  ModelBinding,
  Placement,
  ScoredBatch,
  ScorerStatus,
  ScoringHost,
  WindowQueue,
} from '../../agent/scoring/contract.ts'
import { WindowRing } from '../../agent/scoring/window-ring.ts'

/** Fills `contributions` [K] and `features` [F] and returns the score of `window` [channels x samples]. */
export type FakeScore = (
  model: ModelFile,
  window: Float32Array,
  contributions: Float32Array,
  features: Float32Array,
) => number

export interface FakeOptions {
  queueWindowsMax?: number
  batchMax?: number
  /** Default: computes what the models of scoring-models.ts do, and refuses those that do not keep the contract. */
  score?: FakeScore
  /** Why a model is refused; default: its own self-test does not come out. */
  refuse?: (model: ModelFile) => LoadResult['refused'][number]['code'] | undefined
}

interface Entry {
  key: string
  model: ModelFile
  placement: Placement
  ring: WindowRing
}

export function fakeScoringHost(options: FakeOptions = {}): ScoringHost {
  return new FakeHost(options)
}

/** `max(window) * factor`, the factor read off the self-test; largest value per channel; smallest value. */
const maxScore: FakeScore = (model, window, contributions, features) => {
  const { samples, selfTest } = model.manifest
  for (let k = 0; k < contributions.length; k++)
    contributions[k] = Math.max(...window.subarray(k * samples, (k + 1) * samples))
  features.fill(Math.min(...window))
  return Math.max(...window) * (selfTest.scores[0] ?? 1)
}

class FakeHost implements ScoringHost {
  readonly #score: FakeScore
  readonly #refuse: NonNullable<FakeOptions['refuse']>
  readonly #batchMax: number
  readonly #queueWindowsMax: number
  readonly #listeners: ((batch: ScoredBatch) => void)[] = []
  #entries: Entry[] = []
  #cursor = 0
  #turn = false
  #waiters: (() => void)[] = []
  #state: ScorerStatus['state'] = 'idle'
  #scored = 0
  #dropped = 0

  constructor(options: FakeOptions) {
    this.#score = options.score ?? maxScore
    this.#refuse = options.refuse ?? (model => (/bad/.test(model.manifest.name) ? 'MODEL_CONTRACT' : undefined))
    this.#batchMax = options.batchMax ?? 64
    this.#queueWindowsMax = options.queueWindowsMax ?? 1024
  }

  async start(): Promise<void> {}

  async load(bindings: readonly ModelBinding[]): Promise<LoadResult> {
    if (this.#state === 'stopped') throw new AgentError('SCORER_DIED', 'scorer: stopped')
    const result: LoadResult = { accepted: [], refused: [] }
    const next: Entry[] = []
    for (const { key, model } of bindings) {
      const code = this.#refuse(model)
      const old = this.#entries.find(entry => entry.key === key)
      if (code) result.refused.push({ key, code, message: `${model.manifest.name}: refused by the fake` })
      else next.push(this.#entry(key, model, old))
      if (code && old) next.push(old)
    }
    const refusedKeys = new Set(result.refused.map(({ key }) => key))
    result.accepted.push(...next.filter(entry => !refusedKeys.has(entry.key)).map(entry => entry.placement))
    if (bindings.length > 0 && result.accepted.length === 0) return result
    const leaving = this.#entries.filter(entry => !next.some(other => other.ring === entry.ring))
    // A turn of the loop passes, as with a real child: callers may claim meanwhile.
    await new Promise(resolve => setImmediate(resolve))
    for (const entry of leaving) {
      while (entry.ring.waiting > 0) this.#scoreBatch(entry)
      entry.ring.close()
    }
    this.#entries = next
    this.#state = next.length > 0 ? 'up' : 'idle'
    return result
  }

  restart(): Promise<LoadResult> {
    return this.load(this.#entries.map(({ key, model }) => ({ key, model })))
  }

  queue(key: string): WindowQueue | undefined {
    return this.#entries.find(entry => entry.key === key)?.ring
  }

  onScores(listener: (batch: ScoredBatch) => void): void {
    this.#listeners.push(listener)
  }

  status(): ScorerStatus {
    return {
      state: this.#state,
      pid: undefined,
      restarts: 0,
      placements: this.#entries.map(entry => entry.placement),
      quarantined: [],
      windowsScored: this.#scored,
      windowsDropped: this.#dropped,
      windowsLost: 0,
      rssMb: undefined,
    }
  }

  async idle(): Promise<void> {
    if (this.#busy) await new Promise<void>(resolve => this.#waiters.push(resolve))
  }

  async stop(drainMs: number): Promise<void> {
    if (drainMs > 0) await this.idle()
    this.#state = 'stopped'
    for (const entry of this.#entries) this.#dropped += entry.ring.close()
    this.#entries = []
  }

  get #busy(): boolean {
    return this.#entries.some(entry => entry.ring.waiting > 0)
  }

  #entry(key: string, model: ModelFile, old: Entry | undefined): Entry {
    const { samples } = model.manifest
    const channels = model.manifest.channels.length
    const placement: Placement = { key, sha256: model.sha256, provider: 'cpu', notTaken: [], windowUs: 1 }
    const events = {
      claimed: () => this.#schedule(),
      dropped: (windows: number) => {
        this.#dropped += windows
      },
    }
    const same = old?.ring.channels === channels && old.ring.samples === samples
    const ring = same
      ? old.ring
      : new WindowRing({ key, channels, samples }, this.#queueWindowsMax, this.#batchMax, events)
    return { key, model, placement, ring }
  }

  #schedule(): void {
    if (this.#turn) return
    this.#turn = true
    setImmediate(() => {
      this.#turn = false
      const count = this.#entries.length
      const next = this.#entries
        .map((_, i) => (this.#cursor + i) % count)
        .find(at => (this.#entries[at]?.ring.waiting ?? 0) > 0)
      if (next !== undefined) {
        this.#cursor = next + 1
        this.#scoreBatch(this.#entries[next] as Entry)
      }
      if (this.#busy) this.#schedule()
      else for (const waiter of this.#waiters.splice(0)) waiter()
    })
  }

  #scoreBatch({ key, model, ring }: Entry): void {
    const slots = new Int32Array(Math.min(this.#batchMax, ring.waiting))
    const count = ring.take(slots, slots.length)
    const contributionCount = model.manifest.contributions.length
    const featureCount = model.manifest.features.length
    const contributions = new Float32Array(count * contributionCount)
    const features = new Float32Array(count * featureCount)
    const scores = Float32Array.from(slots, (slot, i) =>
      this.#score(
        model,
        ring.input.subarray(slot * ring.floatsPerWindow, (slot + 1) * ring.floatsPerWindow),
        contributions.subarray(i * contributionCount, (i + 1) * contributionCount),
        features.subarray(i * featureCount, (i + 1) * featureCount),
      ),
    )
    const tags = Int32Array.from(slots, slot => ring.tags[slot] ?? 0)
    const timesUs = Float64Array.from(slots, slot => ring.timesUs[slot] ?? 0)
    ring.release(slots, count)
    this.#scored += count
    const batch = { key, model, count, tags, timesUs, scores, contributions, contributionCount, features, featureCount }
    for (const listener of this.#listeners) listener(batch)
  }
}
