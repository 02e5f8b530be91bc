// The MQTT link upstream: journal -> alert stream, retained alarms, state, health, features; commands back.
import type { LoadResult } from '../scoring/contract.ts'

export interface UplinkStatus {
  state: 'off' | 'connecting' | 'up' | 'waiting' | 'stopped'
  detail: string
  /** What else a person should know of the link, each a sentence with what to do. Absent: nothing. */
  notes?: string[]
  /** Protocol in effect. */
  protocol: 4 | 5 | undefined
  /** Alert stream: last sequence appended and last acknowledged by the broker. */
  lastAlertSeq: number
  deliveredAlertSeq: number
  /** ms from publish to PUBACK of the last alert. */
  lastPubackMs: number | undefined
  reconnects: number
}

export interface Uplink {
  /** Begins to connect; resolves at once. */
  start(): void
  status(): UplinkStatus
  /** Replaces the retained state message; kept and re-published on reconnect. */
  publishState(state: Record<string, unknown>): void
  /** Best effort, QoS 0, only while connected. */
  publishHealth(health: Record<string, unknown>): void
  publishFeatures(asset: string, features: Record<string, unknown>): void
  /** Called for each alert acknowledged by the broker. */
  onDelivered(listener: (alertSeq: number, pubackMs: number) => void): void
  /** Publishes state offline, sends what is pending for at most `drainMs`, disconnects. */
  stop(drainMs: number): Promise<void>
}

/** What `sync` reports, on every path it was asked on. */
export interface SyncReport {
  ok: boolean
  /** One line a person can read. */
  message: string
  /** Per asset: what happened. */
  models: {
    asset: string
    action: 'activated' | 'unchanged' | 'refused' | 'absent'
    model?: string
    release?: number
    reason?: string
  }[]
  load?: LoadResult
}

/** Commands the pipeline offers to MQTT and to the socket. */
export interface CommandHandlers {
  sync(by: string): Promise<SyncReport>
  status(): Promise<Record<string, unknown>>
}
