import { featureColumn } from '../alarms/watched.ts'
import type { AgentConfig } from '../config/contract.ts'
import { isoFromUs } from '../core/types.ts'
import type { History } from '../history/contract.ts'
import type { ModelFile } from '../models/contract.ts'
import type { ScoredBatch } from '../scoring/contract.ts'

/** Newest score of an asset, for status and the features topic. */
export interface LatestScore {
  timeUs: number
  score: number
  contributions: Float32Array
  features: Float32Array
  model: ModelFile
}

interface Columns {
  scores: string[]
  features: string[]
}

/** Keeps scores, contributions and features: all of them in the history, the newest of each asset at hand. */
export class ScoreKeeper {
  readonly #config: AgentConfig
  readonly #history: History
  readonly #latest: (LatestScore | undefined)[]
  readonly #columns = new Map<string, Columns>()
  readonly #time = new Float64Array(1)
  #row = new Float64Array(64)

  constructor(config: AgentConfig, history: History) {
    this.#config = config
    this.#history = history
    this.#latest = config.assets.map(() => undefined)
  }

  latest(asset: number): LatestScore | undefined {
    return this.#latest[asset]
  }

  /** Synchronous; nothing is allocated per window once an asset's arrays exist. */
  keep(batch: ScoredBatch): void {
    const { scores, features } = this.#columnsOf(batch.model)
    for (let i = 0; i < batch.count; i++) {
      const index = batch.tags[i]!
      const asset = this.#config.assets[index]
      if (!asset) continue
      this.#time[0] = batch.timesUs[i]!
      const row = this.#rowOf(Math.max(scores.length, features.length))
      row[0] = batch.scores[i]!
      copyRow(batch.contributions, i, batch.contributionCount, row, 1)
      this.#history.append(asset.id, 'scores', scores, 1, this.#time, row)
      if (batch.featureCount > 0) {
        copyRow(batch.features, i, batch.featureCount, row, 0)
        this.#history.append(asset.id, 'features', features, 1, this.#time, row)
      }
      this.#remember(batch, i)
    }
  }

  /** Body of `features/<asset>`; undefined before the first score. */
  featuresMessage(asset: number): Record<string, unknown> | undefined {
    const latest = this.#latest[asset]
    if (!latest) return undefined
    const { manifest } = latest.model
    return {
      at: isoFromUs(latest.timeUs),
      score: latest.score,
      setpoint: this.#config.assets[asset]?.alarm.setpoint ?? 1,
      contributions: Object.fromEntries(manifest.contributions.map((label, i) => [label, latest.contributions[i]])),
      features: manifest.features.map((feature, i) => ({ ...feature, value: latest.features[i] })),
      model: {
        name: manifest.name,
        release: manifest.release,
        sha256: latest.model.sha256,
        origin: latest.model.origin,
        ...(manifest.provisional ? { provisional: true } : {}),
      },
    }
  }

  #remember(batch: ScoredBatch, i: number): void {
    const index = batch.tags[i]!
    let latest = this.#latest[index]
    if (latest?.model !== batch.model) this.#latest[index] = latest = this.#fresh(batch)
    latest.timeUs = batch.timesUs[i]!
    latest.score = batch.scores[i]!
    copyRow(batch.contributions, i, batch.contributionCount, latest.contributions, 0)
    copyRow(batch.features, i, batch.featureCount, latest.features, 0)
  }

  #fresh(batch: ScoredBatch): LatestScore {
    return {
      timeUs: 0,
      score: 0,
      contributions: new Float32Array(batch.contributionCount),
      features: new Float32Array(batch.featureCount),
      model: batch.model,
    }
  }

  #columnsOf(model: ModelFile): Columns {
    let columns = this.#columns.get(model.sha256)
    if (!columns) {
      const { contributions, features } = model.manifest
      columns = {
        scores: ['score', ...contributions.map(label => `contribution:${label}`)],
        features: features.map(featureColumn),
      }
      this.#columns.set(model.sha256, columns)
    }
    return columns
  }

  #rowOf(length: number): Float64Array {
    if (this.#row.length < length) this.#row = new Float64Array(length)
    return this.#row
  }
}

function copyRow(from: Float32Array, row: number, width: number, to: Float32Array | Float64Array, at: number): void {
  for (let i = 0; i < width; i++) to[at + i] = from[row * width + i]!
}
