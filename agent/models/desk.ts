import type { AssetConfig } from '../config/contract.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { LoadResult, ScoringHost } from '../scoring/contract.ts'
import type { ModelFile } from './contract.ts'
import type { BindingRecord } from './fold.ts'
import type { ModelStore } from './store.ts'

export interface InstallRequest {
  asset: AssetConfig
  model: ModelFile
  by: string
  /** Called in the same turn in which the scorer took over, so that no window of the old shape meets the new model. */
  taken(model: ModelFile): void
}

export interface InstallOutcome {
  ok: boolean
  reason?: string
}

export interface DeskDeps {
  host: ScoringHost
  store: ModelStore
  /** Resolves when the binding is durable in the journal. */
  record(binding: BindingRecord): Promise<void>
  nowUs(): number
  logger: Logger
}

interface Waiting {
  request: InstallRequest
  done: (outcome: InstallOutcome) => void
}

/**
 * Decides which model scores which asset. Installs queue up, and those that gathered while the scorer was being swapped go
 * into the next swap together: fifty assets that finish learning in the same minute cost a few swaps, not fifty.
 *
 * Order per install: file durable -> scorer has taken over -> asset told -> binding journalled. A crash in between leaves
 * the old binding and an unused file.
 */
export class ModelDesk {
  readonly #deps: DeskDeps
  readonly #active = new Map<string, ModelFile>()
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
      const batch = this.#waiting
      this.#waiting = []
      const outcomes = await this.#installAll(batch.map(entry => entry.request)).catch((error: unknown) =>
        batch.map(() => ({ ok: false, reason: messageOf(error) })),
      )
      batch.forEach((entry, i) => {
        entry.done(outcomes[i] ?? { ok: false, reason: 'no answer from the scorer' })
      })
    }
    // In the same turn as the last look: whoever waited for `done` may ask again before this promise settles.
    this.#working = undefined
  }

  async #installAll(requests: readonly InstallRequest[]): Promise<InstallOutcome[]> {
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
      return { ok: false, reason }
    }
    this.#active.set(asset.id, model)
    taken(model)
    return { ok: true }
  }

  #record({ asset, model, by }: InstallRequest): Promise<void> {
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
    })
  }

  #load(models: ReadonlyMap<string, ModelFile>): Promise<LoadResult> {
    return this.#deps.host.load([...models].map(([key, model]) => ({ key, model })))
  }
}
