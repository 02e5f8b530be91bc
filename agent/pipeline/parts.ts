import type { AlarmEngine } from '../alarms/engine.ts'
import type { AgentConfig } from '../config/contract.ts'
import type { Clock } from '../core/clock.ts'
import type { Counters } from '../core/counters.ts'
import type { Logger } from '../core/logger.ts'
import type { Prng } from '../core/prng.ts'
import type { History } from '../history/contract.ts'
import type { CommitQueue } from '../journal/commit-queue.ts'
import type { Journal } from '../journal/contract.ts'
import type { ModelStore } from '../models/file/store.ts'
import type { Analyser } from '../models/live/analyser.ts'
import type { AssetScoring } from '../models/live/asset-scoring.ts'
import type { ModelDesk } from '../models/live/desk.ts'
import type { ScoringHost } from '../scoring/contract.ts'
import type { Source } from '../sources/contract.ts'
import type { SyncRepository } from '../sync/repository.ts'
import type { Uplink, Webhook } from '../uplink/contract.ts'
import type { AssetLine } from '../windows/asset-line.ts'
import type { AlarmCases } from './alarm-cases.ts'
import type { CaptureLine } from './capture-line.ts'
import type { Records } from './records.ts'
import type { ScoreKeeper } from './scores.ts'
import type { StorageWear } from './storage-wear.ts'
import type { Trends } from './trends.ts'
import type { Vibration } from './vibration.ts'

export interface BuildOptions {
  config: AgentConfig
  version: string
  clock: Clock
  prng: Prng
  logger: Logger
  /** The environment of this process: where the scorer finds its libraries. */
  environment: Readonly<Record<string, string | undefined>>
  /** Replaces the judgement of the gateway's own clock where time is simulated. */
  clockState?: () => 'synced' | 'uncertain'
}

/** The built agent, by room. Lists are indexed like `config.assets`. */
export interface AgentParts {
  version: string
  startedUs: number
  config: AgentConfig
  clock: Clock
  clockState(): 'synced' | 'uncertain'
  counters: Counters
  /** Without a room: who logs names its own. */
  logger: Logger
  history: History
  wear: StorageWear
  journal: Journal
  commits: CommitQueue
  records: Records
  cases: AlarmCases
  engine: AlarmEngine
  scores: ScoreKeeper
  trends: Trends
  host: ScoringHost
  store: ModelStore
  desk: ModelDesk
  lines: readonly AssetLine[]
  scoring: readonly AssetScoring[]
  analyser: Analyser
  vibration: Vibration
  captures: CaptureLine[]
  sources: readonly Source[]
  repository: SyncRepository | undefined
  uplink: Uplink | undefined
  webhooks: readonly Webhook[]
}
