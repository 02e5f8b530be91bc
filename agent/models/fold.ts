import type { LearnRecord } from './learn-meter.ts'

/** Payload of a journal record of kind `model`: from here on this model scores this asset. */
export interface BindingRecord {
  asset: string
  sha256: string
  origin: 'local' | 'delivered' | 'file'
  name: string
  release: number
  /** AssetConfig.digest at that time: a local model of another digest is not used. */
  digest: string
  atUs: number
  /** `agent`, `cli`, `mqtt`, `schedule`. */
  by: string
}

export interface ModelsSnapshot {
  bindings: BindingRecord[]
  learning: LearnRecord[]
  /** Release of the last locally learnt model, by asset. */
  localReleases?: [string, number][]
}

/** Which model scores which asset and how far each baseline has come: a fold over the journal, nothing else. */
export class ModelsFold {
  readonly bindings = new Map<string, BindingRecord>()
  readonly learning = new Map<string, LearnRecord>()

  readonly #localReleases = new Map<string, number>()

  bind(record: BindingRecord): void {
    this.bindings.set(record.asset, record)
    if (record.origin === 'local') this.#localReleases.set(record.asset, record.release)
  }

  /** Release of the last model that the asset learnt itself, 0 before the first: releases only rise. */
  localRelease(asset: string): number {
    return this.#localReleases.get(asset) ?? 0
  }

  learn(record: LearnRecord): void {
    this.learning.set(record.asset, record)
  }

  snapshot(): ModelsSnapshot {
    return {
      bindings: [...this.bindings.values()],
      learning: [...this.learning.values()],
      localReleases: [...this.#localReleases],
    }
  }

  restore(snapshot: ModelsSnapshot): void {
    for (const record of snapshot.bindings) this.bind(record)
    for (const record of snapshot.learning) this.learn(record)
    for (const [asset, release] of snapshot.localReleases ?? []) this.#localReleases.set(asset, release)
  }
}
