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
}

/** Which model scores which asset and how far each baseline has come: a fold over the journal, nothing else. */
export class ModelsFold {
  readonly bindings = new Map<string, BindingRecord>()
  readonly learning = new Map<string, LearnRecord>()

  bind(record: BindingRecord): void {
    this.bindings.set(record.asset, record)
  }

  learn(record: LearnRecord): void {
    this.learning.set(record.asset, record)
  }

  snapshot(): ModelsSnapshot {
    return { bindings: [...this.bindings.values()], learning: [...this.learning.values()] }
  }

  restore(snapshot: ModelsSnapshot): void {
    for (const record of snapshot.bindings) this.bind(record)
    for (const record of snapshot.learning) this.learn(record)
  }
}
