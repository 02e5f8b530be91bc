import type { AssetConfig } from '../../config/contract.ts'
import { AgentError, type ErrorCode, messageOf } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import type { LoadResult, ScoringHost } from '../../scoring/contract.ts'
import type { ModelFile } from '../contract.ts'
import type { ModelStore } from '../file/store.ts'
import type { BindingRecord } from './fold.ts'

export interface InstallRequest {
  asset: AssetConfig
  model: ModelFile
  by: string
  /** See BindingRecord. */
  kind?: BindingRecord['kind']
  without?: BindingRecord['without']
  /** Called in the same turn in which the scorer took over, so that no window of the old shape meets the new model. */
  taken(model: ModelFile): void
}

export interface InstallOutcome {
  ok: boolean
  reason?: string
  /** Why it was refused, where that has a code. */
  code?: ErrorCode
}

export interface DeskDeps {
  host: ScoringHost
  store: ModelStore
  /** Resolves when the binding is durable in the journal. */
  record(binding: BindingRecord): Promise<void>
  nowUs(): number
  logger: Logger
}

/** Refusals that the file itself is to blame for: the same bytes come to the same. */
const LASTING: readonly ErrorCode[] = ['MODEL_SELF_TEST', 'MODEL_CONTRACT', 'MODEL_UNREADABLE']
/** Digests remembered as refused; more models than that in the life of one process are not expected. */
const REFUSALS_MAX = 256

interface Waiting {
  request: InstallRequest
  done: (outcome: InstallOutcome) => void
}

/**
 * Decides which model scores which asset. Installs queue up, and those that gathered while the scorer was being swapped go
 * into the next swap together: fifty assets that finish learning in the same minute cost a few swaps, not fifty.
 *
 * A model learnt here never replaces one that was delivered, whichever was asked for first: whoever delivers decides.
 *
 * Order per install: file durable -> scorer has taken over -> asset told -> binding journalled. A crash in between leaves
 * the old binding and an unused file.
 */
export class ModelDesk {
  readonly #deps: DeskDeps
  readonly #active = new Map<string, ModelFile>()
  /** Why a file was refused, by digest. Kept for the life of the process: a restart, perhaps as a newer agent, tries again. */
  readonly #refusals = new Map<string, string>()
  #waiting: Waiting[] = []
  #working: Promise<void> | undefined
  #resuming: Promise<void> = Promise.resolve()

  constructor(deps: DeskDeps) {
    this.#deps = deps
  }

  /** The model that scores the asset now. */
  active(asset: string): ModelFile | undefined {
    return this.#active.get(asset)
  }

  install(request: InstallRequest): Promise<InstallOutcome> {
    const before = this.#refusals.get(request.model.sha256)
    if (before !== undefined) {
      const reason = `refused before: ${before}; publish another file, or restart the agent to try this one again`
      return Promise.resolve({ ok: false, reason })
    }
    return new Promise(done => {
      this.#waiting.push({ request, done })
      this.#working ??= this.#work()
    })
  }

  /** At start: loads what the journal says was active, in one go. Returns what the scorer said. */
  async resume(models: ReadonlyMap<string, ModelFile>): Promise<LoadResult> {
    if (this.#working) await this.#working
    const loading = this.#load(new Map([...models, ...this.#active]))
    // What is installed meanwhile comes after: it loads beside what is active by then, not instead of it.
    this.#resuming = loading.then(
      () => {},
      () => {},
    )
    const result = await loading
    for (const placement of result.accepted) {
      const model = models.get(placement.key)
      if (model) this.#active.set(placement.key, model)
    }
    return result
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      await this.#resuming
      const batch = this.#takeBatch()
      const outcomes = await this.#installAll(batch.map(entry => entry.request)).catch((error: unknown) =>
        batch.map(() => failed(error)),
      )
      batch.forEach((entry, i) => {
        entry.done(outcomes[i] ?? { ok: false, reason: 'no answer from the scorer' })
      })
    }
    // In the same turn as the last look: whoever waited for `done` may ask again before this promise settles.
    this.#working = undefined
  }

  /** What waits, less what is learnt here: that is refused beside a delivered model, and waits while one is being tried. */
  #takeBatch(): Waiting[] {
    const delivered = (asset: string): boolean =>
      this.#waiting.some(({ request }) => request.asset.id === asset && request.model.origin === 'delivered')
    const batch: Waiting[] = []
    const later: Waiting[] = []
    for (const entry of this.#waiting) {
      const { asset, model } = entry.request
      if (model.origin !== 'local') batch.push(entry)
      else if (this.#active.get(asset.id)?.origin === 'delivered') {
        entry.done({ ok: false, reason: `${asset.id} has a delivered model by now, which stays` })
      } else if (delivered(asset.id)) later.push(entry)
      else batch.push(entry)
    }
    this.#waiting = later
    return batch
  }

  async #installAll(requests: readonly InstallRequest[]): Promise<InstallOutcome[]> {
    if (requests.length === 0) return []
    for (const request of requests) await this.#deps.store.save(request.model)
    const wanted = new Map(this.#active)
    for (const request of requests) wanted.set(request.asset.id, request.model)
    const result = await this.#load(wanted)
    // No await between here and `taken`: see InstallRequest.
    const outcomes = requests.map(request => this.#settle(request, result))
    for (const [i, request] of requests.entries()) if (outcomes[i]?.ok) await this.#record(request)
    return outcomes
  }

  #settle({ asset, model, taken }: InstallRequest, result: LoadResult): InstallOutcome {
    const refused = result.refused.find(entry => entry.key === asset.id)
    const took = result.accepted.some(entry => entry.key === asset.id && entry.sha256 === model.sha256)
    if (refused || !took) {
      const reason = refused?.message ?? 'the scorer did not take it'
      const { name, release } = model.manifest
      this.#deps.logger.warn(`model ${name} release ${release} refused for ${asset.id}: ${reason}`)
      if (refused && LASTING.includes(refused.code)) this.#remember(model.sha256, reason)
      return { ok: false, reason, ...(refused ? { code: refused.code } : {}) }
    }
    this.#active.set(asset.id, model)
    taken(model)
    return { ok: true }
  }

  #remember(sha256: string, reason: string): void {
    if (this.#refusals.size >= REFUSALS_MAX) this.#refusals.clear()
    this.#refusals.set(sha256, reason)
  }

  #record({ asset, model, by, kind, without }: InstallRequest): Promise<void> {
    const { name, release } = model.manifest
    return this.#deps.record({
      asset: asset.id,
      sha256: model.sha256,
      origin: model.origin,
      name,
      release,
      digest: asset.digest,
      atUs: this.#deps.nowUs(),
      by,
      ...(kind === undefined ? {} : { kind }),
      ...(without === undefined ? {} : { without }),
    })
  }

  #load(models: ReadonlyMap<string, ModelFile>): Promise<LoadResult> {
    return this.#deps.host.load([...models].map(([key, model]) => ({ key, model })))
  }
}

function failed(error: unknown): InstallOutcome {
  return { ok: false, reason: messageOf(error), ...(error instanceof AgentError ? { code: error.code } : {}) }
}
