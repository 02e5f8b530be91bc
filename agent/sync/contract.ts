// Models from a TUF repository: refresh metadata -> choose -> download -> verify -> store by digest. Activation is the
// caller's (scoring host); a model is never edited.
import type { ModelFile } from '../models/contract.ts'

export interface SyncWish {
  /** Asset id. */
  asset: string
  /** Asset type, or the id where it has none: the class a published model is for. */
  assetClass: string
  channels: { id: string; unit: string }[]
  /** Release that runs now from the same origin, 0 = none. */
  releaseNow: number
  sha256Now: string | undefined
}

export type SyncOffer =
  | { asset: string; kind: 'new'; model: ModelFile }
  | { asset: string; kind: 'unchanged' }
  | { asset: string; kind: 'absent' }
  | { asset: string; kind: 'refused'; reason: string }

export interface ModelRepository {
  /** Throws AgentError SYNC_* when nothing could be trusted or reached; single models are refused in their offer. */
  check(wishes: readonly SyncWish[]): Promise<SyncOffer[]>
}
