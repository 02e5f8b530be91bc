// A new child with a complete set of models: loaded, warmed up and tested before it takes over.
import type { Clock } from '../core/clock.ts'
import { AgentError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { ModelFile } from '../models/contract.ts'
import type { LoadResult, Placement, Provider } from './contract.ts'
import { Deadline } from './deadline.ts'
import { batchMaxOf, type LoadSettings, loadMeta } from './load-settings.ts'
import {
  BATCH_BYTES_MAX,
  decodeJson,
  encodeLoad,
  FRAME,
  type Loaded,
  MODEL_BYTES_MAX,
  type Progress,
  type Refused,
} from './protocol.ts'
import type { Quarantine } from './quarantine.ts'
import type { ScorerProcess } from './scorer-process.ts'

export interface LoadParts {
  settings: LoadSettings
  clock: Clock
  logger: Logger
  quarantine: Quarantine
  startProcess(slotBytes: number): Promise<ScorerProcess>
}

export interface Wanted {
  key: string
  model: ModelFile
  /** Scored until now under this key: goes on when `model` is refused. */
  fallback: ModelFile | undefined
}

export interface LoadedSet {
  /** Undefined when none of the wanted models can be scored. */
  process: ScorerProcess | undefined
  /** Index in the child by digest. */
  models: Map<string, number>
  /** What scores each key in this child, fallbacks included. */
  scoring: { key: string; model: ModelFile; placement: Placement }[]
  result: LoadResult
}

const STARTS_MAX = 3

type Refusal = Omit<LoadResult['refused'][number], 'key'>
type Outcome = { loaded: Loaded } | { refused: Refusal }

/** A model took the child with it; the others start over in a new one. */
class ChildLost extends Error {}

/**
 * Loads every model once, however many keys it scores. A model that kills or hangs the child is tried once more, then
 * refused and quarantined; so this ends after at most two new children per model. Throws when no child can be started.
 */
export async function loadSet(parts: LoadParts, wanted: readonly Wanted[]): Promise<LoadedSet> {
  const deadly = new Map<string, Refusal>()
  let failures = 0
  for (;;) {
    const attempt = new SetLoader(parts, wanted, deadly)
    try {
      return await attempt.run()
    } catch (error) {
      await attempt.abandon()
      // A child may also be killed before it has said hello: by the kernel when memory is short, or by a person.
      if (!(error instanceof ChildLost) && ++failures >= STARTS_MAX) throw error
    }
  }
}

class SetLoader {
  readonly #parts: LoadParts
  readonly #wanted: readonly Wanted[]
  readonly #deadly: Map<string, Refusal>
  readonly #outcomes = new Map<string, Outcome>()
  readonly #models = new Map<string, number>()
  #process: ScorerProcess | undefined
  #nextId = 1

  constructor(parts: LoadParts, wanted: readonly Wanted[], deadly: Map<string, Refusal>) {
    this.#parts = parts
    this.#wanted = wanted
    this.#deadly = deadly
  }

  async run(): Promise<LoadedSet> {
    const set: LoadedSet = {
      process: undefined,
      models: this.#models,
      scoring: [],
      result: { accepted: [], refused: [] },
    }
    for (const { key, model } of this.#wanted) {
      const outcome = await this.#load(model)
      if ('refused' in outcome) set.result.refused.push({ key, ...outcome.refused })
      else set.result.accepted.push(placementOf(key, model, outcome.loaded))
    }
    if (set.result.accepted.length === 0) {
      await this.abandon()
      return set
    }
    for (const { key, model, fallback } of this.#wanted) {
      const accepted = set.result.accepted.find(placement => placement.key === key)
      if (accepted) set.scoring.push({ key, model, placement: accepted })
      else if (fallback) await this.#keep(set, key, fallback)
    }
    set.process = this.#process
    return set
  }

  async abandon(): Promise<void> {
    await this.#process?.end()
  }

  async #keep(set: LoadedSet, key: string, model: ModelFile): Promise<void> {
    const outcome = await this.#load(model)
    if ('loaded' in outcome) set.scoring.push({ key, model, placement: placementOf(key, model, outcome.loaded) })
    else this.#parts.logger.error('the old model cannot go on either', { key, reason: outcome.refused.message })
  }

  async #load(model: ModelFile): Promise<Outcome> {
    const known = this.#outcomes.get(model.sha256)
    if (known) return known
    const refusal = this.#refuseUnseen(model)
    const outcome = refusal ? { refused: refusal } : await this.#ask(model)
    this.#outcomes.set(model.sha256, outcome)
    if ('loaded' in outcome) this.#models.set(model.sha256, this.#models.size)
    return outcome
  }

  #refuseUnseen(model: ModelFile): Refusal | undefined {
    const { name } = model.manifest
    const deadly = this.#deadly.get(model.sha256)
    if (deadly) return deadly
    const quarantined = this.#parts.quarantine.reasonOf(model.sha256)
    if (quarantined !== undefined) {
      const message = `${name}: quarantined, it failed twice (${quarantined}). Deliver a repaired model, or restart the agent.`
      return { code: 'MODEL_QUARANTINED', message }
    }
    if (model.bytes.length <= MODEL_BYTES_MAX) return undefined
    const message = `${name}: ${model.bytes.length} bytes, at most ${MODEL_BYTES_MAX} are loaded. Export a smaller model.`
    return { code: 'MODEL_UNREADABLE', message }
  }

  /** Throws ChildLost when the child is gone, after the model was blamed. */
  async #ask(model: ModelFile): Promise<Outcome> {
    const { logger } = this.#parts
    const process = (this.#process ??= await this.#parts.startProcess(this.#slotBytes()))
    const answer = await this.#request(process, model)
    if (answer) {
      if (answer.type === FRAME.loaded) return { loaded: decodeJson<Loaded>(answer.payload) }
      const { code, message } = decodeJson<Refused>(answer.payload)
      return { refused: { code, message } }
    }
    const death = await process.closed
    const { name } = model.manifest
    if (death.cause === 'ended') throw new AgentError('SCORER_DIED', 'scorer: ended while it loaded models')
    logger.warn('the scorer died while it loaded a model', { model: name, reason: death.message })
    if (this.#parts.quarantine.blame(model.sha256, name, death.message, death.cause !== 'killed')) {
      const code = death.cause === 'deadline' ? 'SCORER_DEADLINE' : 'SCORER_DIED'
      const message = `${name}: quarantined, the scorer did not survive loading it twice (${death.message}). Deliver a repaired model.`
      this.#deadly.set(model.sha256, { code, message })
    }
    throw new ChildLost()
  }

  /** The answer to one LOAD, or undefined when the child died instead. */
  async #request(process: ScorerProcess, model: ModelFile): Promise<{ type: number; payload: Uint8Array } | undefined> {
    const { clock, logger, settings } = this.#parts
    const { name } = model.manifest
    let trying: Provider = settings.providers[0] ?? 'cpu'
    const late = (): void => {
      const limitMs = settings.loadDeadlineMs[trying]
      process.kill('deadline', `scorer: ${name} not loaded on ${trying} within ${limitMs} ms`)
    }
    const deadline = new Deadline(clock, late)
    // TensorRT builds for minutes: say so while it does, instead of looking dead.
    const sinceMs = clock.monotonicMs()
    const cancelReport = clock.every(10_000, () => {
      logger.info('still loading', {
        model: name,
        provider: trying,
        s: Math.round((clock.monotonicMs() - sinceMs) / 1000),
      })
    })
    const answer = new Promise<{ type: number; payload: Uint8Array }>(resolve => {
      process.listen((type, _id, payload) => {
        if (type !== FRAME.progress) return resolve({ type, payload: payload.slice() })
        trying = decodeJson<Progress>(payload).provider
        deadline.arm(settings.loadDeadlineMs[trying])
      })
    })
    deadline.arm(settings.loadDeadlineMs[trying])
    process.send(encodeLoad(FRAME.load, this.#nextId++, loadMeta(model, settings), model.bytes))
    const got = await Promise.race([answer, process.closed.then(() => undefined)])
    deadline.disarm()
    cancelReport()
    return got
  }

  #slotBytes(): number {
    const models = this.#wanted.flatMap(({ model, fallback }) => (fallback ? [model, fallback] : [model]))
    const bytes = models.map(model => {
      const { channels, samples } = model.manifest
      return Math.min(BATCH_BYTES_MAX, batchMaxOf(model, this.#parts.settings.batchMax) * channels.length * samples * 4)
    })
    return Math.max(...bytes)
  }
}

function placementOf(key: string, model: ModelFile, loaded: Loaded): Placement {
  return { key, sha256: model.sha256, ...loaded }
}
