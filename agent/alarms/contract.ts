// Scores and values -> alarm transitions: pure functions over event time. State is a fold over the journal.

export type AlarmKind = 'machine' | 'sensor'
export type Priority = 1 | 2 | 3 | 4

/** ISA-18.2 names, derived from the two facts (active, acked) and suppression. */
export type IsaState =
  | 'Normal'
  | 'Unacknowledged'
  | 'Acknowledged'
  | 'RtnUnacknowledged'
  | 'Shelved'
  | 'SuppressedByDesign'
  | 'OutOfService'
export type Suppression = 'none' | 'shelved' | 'by-design' | 'out-of-service'

/** The ISA-18.2 / IEC 62682 name of the three facts; suppression hides the condition, it does not change it. */
export function isaState(active: boolean, acked: boolean, suppression: Suppression): IsaState {
  if (suppression === 'shelved') return 'Shelved'
  if (suppression === 'by-design') return 'SuppressedByDesign'
  if (suppression === 'out-of-service') return 'OutOfService'
  if (active) return acked ? 'Acknowledged' : 'Unacknowledged'
  return acked ? 'Normal' : 'RtnUnacknowledged'
}

export type TransitionKind = 'raised' | 'cleared' | 'acknowledged'

/** What is watched: one per model and one per fixed limit. */
export interface AlarmRule {
  /** Stable: `model`, `flow.max`, `suction.min`. */
  id: string
  asset: string
  tag?: string
  kind: AlarmKind
  priority: Priority
  /** Active at or beyond it. */
  setpoint: number
  /** `above`: value >= setpoint is bad; `below`: value <= setpoint. */
  side: 'above' | 'below'
  /** Returns to normal only this far on the good side. */
  deadband: number
  onDelayUs: number
  offDelayUs: number
  action?: string
}

export interface Evidence {
  channel: string
  /** `deviation from prediction`, `value`. */
  feature: string
  value: number
  /** What was expected: the prediction, or the limit. */
  baseline: number
  unit: string
  /** 0–1; shares of all evidence of the model sum to 1. */
  share: number
}

export interface ModelRef {
  name: string
  release: number
  sha256: string
  origin: 'local' | 'delivered' | 'file'
  /** Fitted on less than was asked for. */
  provisional?: true
}

/** Payload of a journal record of kind `alarm`: everything about one transition. Immutable once written. */
export interface AlarmTransition {
  /** Stable id of the alarm occurrence: raised, acknowledged and cleared share it. 13 characters, sorts by time. */
  id: string
  /** Gap-free number of the alert stream; stored, never derived from position. */
  alertSeq: number
  transition: TransitionKind
  rule: string
  asset: string
  tag?: string
  kind: AlarmKind
  priority: Priority
  /** After the transition. */
  active: boolean
  acked: boolean
  suppression: Suppression
  /** µs since 1970: when the value first went beyond; when the alarm was raised; when this transition happened. */
  onsetUs: number
  raisedUs: number
  atUs: number
  clock: 'synced' | 'uncertain'
  running: boolean
  test: boolean
  message: string
  value: number
  setpoint: number
  evidence: Evidence[]
  action?: string
  model?: ModelRef
  /** Who and why, for acknowledged. */
  by?: string
  note?: string
}

/** A rule's timing state between samples. Plain data, one per rule. */
export interface RuleState {
  phase: 'normal' | 'pending' | 'active' | 'returning'
  /** Running time spent in `pending` or `returning`. */
  elapsedUs: number
  onsetUs: number
  /** Worst value since onset. */
  peak: number
}

/** The fold over all alarm transitions, as a checkpoint record of the journal holds it. */
export interface AlarmSnapshot {
  /** Of the last transition folded in; the next one gets this + 1. */
  alertSeq: number
  /** Last transition of every alarm that is active or unacknowledged. */
  standing: AlarmTransition[]
}

/** Payload of a journal record of kind `checkpoint`: lets older records go. Other rooms add fields of their own. */
export interface CheckpointPayload {
  schema: 'wearwatch.checkpoint/1'
  alarms: AlarmSnapshot
}
