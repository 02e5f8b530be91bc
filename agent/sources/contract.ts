// A source opens something, reads it, and opens it again when it goes away. It never gives up and never throws after
// start(): what is wrong stands in its status until it is right.

export interface SourceStatus {
  id: string
  kind: string
  state: 'starting' | 'up' | 'waiting' | 'ended' | 'stopped'
  /** Why it waits and what to do, or what it reads. */
  detail: string
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
