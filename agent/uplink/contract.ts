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

/** What a command came to; a handler that refuses throws an AgentError that says why. */
export interface CommandReport {
  /** One line a person can read. */
  message: string
  /** For programs; at most 256 KiB of JSON. */
  detail?: Record<string, unknown>
}

/** `by`: who, as records show it, e.g. `M. Meier (key ops)`. */
export interface Asked {
  by: string
  note?: string
}

/**
 * Commands the agent offers to MQTT. One that is not defined is answered with "not available in this version". Each is called
 * once for a request, after the request is durable in the journal.
 */
export interface CommandHandlers {
  sync(by: string): Promise<SyncReport>
  status(): Promise<Record<string, unknown>>
  acknowledge?(request: Asked & { id: string }): Promise<CommandReport>
  shelve?(request: Asked & { asset: string; rule?: string; forMs: number }): Promise<CommandReport>
  unshelve?(request: Asked & { asset: string; rule?: string }): Promise<CommandReport>
  label?(request: Asked & { id: string; verdict: 'confirmed' | 'false' | 'expected' }): Promise<CommandReport>
  /** Resolves when the capture is in the history. */
  capture?(request: Asked & { asset: string }): Promise<CommandReport>
  /** Sends delivered alerts `from` to `to` (both included) again. Resolves when the broker has acknowledged them. */
  backfill?(request: Asked & { from: number; to?: number }): Promise<CommandReport>
  setBaseline?(request: Asked & { asset: string; sinceUs?: number; revert?: boolean }): Promise<CommandReport>
  /** Resolves when a new scorer process has taken over, or the old one was kept. */
  restartScorer?(request: Asked): Promise<CommandReport>
}

/** What the journal keeps of commands: record kind `operator`. */
export type OperatorRecord = AcceptedCommand | RefusedCommands

export interface AcceptedCommand {
  schema: 'wearwatch.operator/1'
  event: 'accepted'
  atUs: number
  by: string
  command: string
  arguments: Record<string, unknown>
  id: string
  /** Of a signed command. */
  key?: string
  /** Of the public key: a counter belongs to it, whatever it is called in the configuration. */
  keySha256?: string
  /** Absent where a nonce was used. */
  counter?: number
}

/** Summed up, so that a flood of them fills no journal. */
export interface RefusedCommands {
  schema: 'wearwatch.operator/1'
  event: 'refused'
  fromUs: number
  atUs: number
  /** By reason. */
  counts: Record<string, number>
  /** The last of them, as far as it could be read; nothing of it need be true. */
  last: { reason: string; command: string | null; id: string | null; key: string | null }
}

/** Where commands are recorded before they are executed. */
export interface CommandLedger {
  /** The largest counter accepted of this key, 0 at first. */
  counterOf(keySha256: string): number
  /** Resolves with true when it is durable, false when it never will be; stays pending while the disk refuses. */
  record(record: OperatorRecord): Promise<boolean>
}

/** One webhook, as `status` shows it. */
export interface WebhookStatus {
  name: string
  /** Without its path, which may be a secret. */
  url: string
  /** `retrying`: the last try failed, and everything is kept. */
  state: 'starting' | 'idle' | 'sending' | 'retrying' | 'stopped'
  /** Transitions that it has not settled yet; those its filter leaves out are among them. */
  pending: number
  /** Since the start of the agent. */
  delivered: number
  leftOut: number
  /** Refused by the receiver again and again, and passed over: they are not sent any more. */
  refused: number
  /** HTTP status of the last answer. */
  lastStatus?: number
  /** When it last took something, ISO 8601. */
  deliveredAt?: string
  /** What is wrong now, or what was passed over last, and what to do. */
  problem?: string
}

export interface Webhook {
  /** Begins to post; resolves at once. */
  start(): void
  status(): WebhookStatus
  /** Posts what is pending for at most `drainMs`. */
  stop(drainMs: number): Promise<void>
}
