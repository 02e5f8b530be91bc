// Alarm state is a fold over the journal, nothing else. The same fold runs on every transition as it is made and, after
// a restart, over the records on the disk; test/unit/alarms holds that both give the same state.
import type { JournalRecord } from '../journal/contract.ts'
import {
  type AlarmSnapshot,
  type AlarmTransition,
  type CheckpointPayload,
  type Suppressions,
  stands,
} from './contract.ts'

export { isaState } from './contract.ts'

export interface AlarmState {
  /** Of the last transition folded in, 0 at first. Stored: an empty list of alarms does not restart the numbering. */
  alertSeq: number
  /** Last transition of every alarm that stands, by id, in the order in which they began to. */
  standing: Map<string, AlarmTransition>
  /** Newest standing occurrence of a rule, by ruleKey(). */
  byRule: Map<string, string>
  /** By ruleKey(), WHOLE_ASSET included; empty ones are left out. */
  suppressions: Map<string, Suppressions>
}

export function newAlarmState(): AlarmState {
  return { alertSeq: 0, standing: new Map(), byRule: new Map(), suppressions: new Map() }
}

export function ruleKey(asset: string, rule: string): string {
  return `${asset}/${rule}`
}

/** Transitions already folded in (a checkpoint holds them) change nothing, so overlapping replays are harmless. */
export function applyTransition(state: AlarmState, t: AlarmTransition): void {
  if (t.alertSeq <= state.alertSeq) return
  state.alertSeq = t.alertSeq
  const key = ruleKey(t.asset, t.rule)
  // What supersedes an alarm takes its suppressions over.
  if (t.transition !== 'superseded' && t.transition !== 'labelled') {
    if (t.suppressions) state.suppressions.set(key, t.suppressions)
    else state.suppressions.delete(key)
  }
  if (t.transition === 'labelled' && !state.standing.has(t.id)) return
  if (stands(t)) {
    if (!state.standing.has(t.id)) state.byRule.set(key, t.id)
    state.standing.set(t.id, t)
  } else {
    state.standing.delete(t.id)
    if (state.byRule.get(key) === t.id) state.byRule.delete(key)
  }
}

export function standingOf(state: AlarmState, asset: string, rule: string): AlarmTransition | undefined {
  const id = state.byRule.get(ruleKey(asset, rule))
  return id === undefined ? undefined : state.standing.get(id)
}

export function snapshot(state: AlarmState): AlarmSnapshot {
  return {
    alertSeq: state.alertSeq,
    standing: [...state.standing.values()],
    suppressions: Object.fromEntries(state.suppressions),
  }
}

export function restore(from: AlarmSnapshot): AlarmState {
  const state = newAlarmState()
  for (const t of from.standing) {
    state.standing.set(t.id, t)
    state.byRule.set(ruleKey(t.asset, t.rule), t.id)
  }
  for (const [key, suppressions] of Object.entries(from.suppressions ?? {})) state.suppressions.set(key, suppressions)
  state.alertSeq = from.alertSeq
  return state
}

/** Payload for a journal record of kind `checkpoint`, to be written before older alarm records may go. */
export function checkpointPayload(state: AlarmState): Uint8Array {
  const payload: CheckpointPayload = { schema: 'wearwatch.checkpoint/1', alarms: snapshot(state) }
  return Buffer.from(JSON.stringify(payload))
}

/**
 * Folds one journal record in, whatever its kind: at start, call it for every record from the first on. `damaged`: the
 * record is ours but not readable as such; count it, the records after it are still good.
 */
export function foldRecord(state: AlarmState, record: JournalRecord): 'applied' | 'other' | 'damaged' {
  if (record.kind !== 'alarm' && record.kind !== 'checkpoint') return 'other'
  const payload = parse(record.payload)
  if (record.kind === 'alarm') {
    if (!isTransition(payload)) return 'damaged'
    applyTransition(state, payload)
    return 'applied'
  }
  if (payload?.schema !== 'wearwatch.checkpoint/1') return 'other'
  const alarms = payload.alarms as AlarmSnapshot | undefined
  if (!alarms || !Number.isSafeInteger(alarms.alertSeq) || !Array.isArray(alarms.standing)) return 'damaged'
  if (alarms.alertSeq > state.alertSeq) Object.assign(state, restore(alarms))
  return 'applied'
}

function parse(payload: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(payload).toString('utf8'))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function isTransition(value: unknown): value is AlarmTransition {
  const t = value as Partial<AlarmTransition> | undefined
  return (
    typeof t === 'object' &&
    typeof t.id === 'string' &&
    typeof t.asset === 'string' &&
    typeof t.rule === 'string' &&
    typeof t.active === 'boolean' &&
    typeof t.acked === 'boolean' &&
    Number.isSafeInteger(t.alertSeq)
  )
}
