// A source opens something, reads it, and opens it again when it goes away. It never gives up and never throws after
// start(): what is wrong stands in its status until it is right.
import type { AssetConfig } from '../config/contract.ts'
import type { Clock } from '../core/clock.ts'
import type { Counters } from '../core/counters.ts'
import type { Logger } from '../core/logger.ts'
import type { Prng } from '../core/prng.ts'
import type { SampleSink } from '../core/types.ts'
import type { Decoders } from '../decode/contract.ts'

export interface SourceDeps {
  /** All assets; a source takes the channels bound to it. */
  assets: readonly AssetConfig[]
  sink: SampleSink
  clock: Clock
  prng: Prng
  logger: Logger
  counters: Counters
  decoders: Decoders
  /**
   * Shortest tick of the simulator in the clock's time; default 10 ms. A clock 200 times as fast wants 2000, or its timers
   * fire every millisecond for a row each.
   */
  simulatorTickMs?: number
}

export interface SourceStatus {
  id: string
  kind: string
  state: 'starting' | 'up' | 'waiting' | 'ended' | 'stopped'
  /** Why it waits and what to do, or what it reads. */
  detail: string
  /** What else a person should know of it, each a sentence with what to do. Absent: nothing. */
  notes?: string[]
  /** µs since 1970 of the last byte or message; undefined before the first. */
  lastDataUs: number | undefined
  reconnects: number
}

export interface Source {
  readonly id: string
  /** Begins to open; resolves at once. A missing port or broker is retried with capped, jittered backoff, and shown. */
  start(): void
  status(): SourceStatus
  /** Closes and forgets; no sink call after it resolved. */
  stop(): Promise<void>
  /** Replay and simulator: resolves when everything was played; others never resolve it. */
  readonly ended: Promise<void>
}
