// Scores and values -> alarm transitions: pure functions over event time. State is a fold over the journal.

/** `system`: of the gateway itself. */
export type AlarmKind = 'machine' | 'sensor' | 'system'
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

/**
 * What happened to an alarm. `latched`: its condition went, the alarm waits for a person. `superseded`: a newer occurrence of
 * its rule took its place. `suppressed`, `unsuppressed`: by design. `labelled`: an operator said what it was.
 */
export const TRANSITIONS = [
  'raised',
  'cleared',
  'acknowledged',
  'latched',
  'superseded',
  'shelved',
  'unshelved',
  'suppressed',
  'unsuppressed',
  'out-of-service',
  'in-service',
  'labelled',
] as const
export type TransitionKind = (typeof TRANSITIONS)[number]

/** Who did it: the agent by itself, an operator at the gateway, or a command from afar. */
export type Actor = 'agent' | 'operator' | 'command'

export interface Who {
  actor: Actor
  /** A name; `agent` for the agent itself. */
  by: string
  /** Why. */
  note?: string
}

/** Since when and why alarms of a rule, or of a whole asset, are suppressed. */
export interface SuppressionFact extends Who {
  sinceUs: number
  /** Shelving always ends. */
  untilUs?: number
}

/** At most one fact of each kind; several may hold at once, and the ISA name tells of the strongest. */
export interface Suppressions {
  shelved?: SuppressionFact & { untilUs: number }
  byDesign?: SuppressionFact
  outOfService?: SuppressionFact
}

/** Rule of the records that suppress all alarms of an asset at once. */
export const WHOLE_ASSET = '*'

/** An alarm stands, and is retained at the broker, while it is active, unacknowledged, or suppressed for itself. */
export function stands(t: Pick<AlarmTransition, 'active' | 'acked' | 'suppressions'>): boolean {
  return t.active || !t.acked || t.suppressions !== undefined
}

export const VERDICTS = ['confirmed', 'false', 'expected'] as const
/** What an operator found when he looked at the machine. */
export type Verdict = (typeof VERDICTS)[number]

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
  /** Stays active after its condition went, until somebody acknowledged it. */
  latching?: true
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
  /** In effect: the strongest of the rule's own and of those of its asset. */
  suppression: Suppression
  /** The rule's own, where it has any: after this record they are all that hold. */
  suppressions?: Suppressions
  /** Of the suppression in effect, where it is shelving. */
  shelvedUntilUs?: number
  /** Only suppressed, not raised: value, setpoint and evidence say nothing. */
  neverRaised?: true
  /** Id of the flood during which it was raised. */
  flood?: string
  /** The condition went; only the latch keeps the alarm active. */
  latched?: true
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
  /** Who and why; without them it was the agent, following the values. */
  actor?: Actor
  by?: string
  note?: string
  /** For labelled. */
  label?: Verdict
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
  /** Last transition of every alarm that stands. */
  standing: AlarmTransition[]
  /** What is suppressed, by ruleKey(); absent in checkpoints of versions before. */
  suppressions?: Record<string, Suppressions>
}

/** Payload of a journal record of kind `checkpoint`: lets older records go. Other rooms add fields of their own. */
export interface CheckpointPayload {
  schema: 'wearwatch.checkpoint/1'
  alarms: AlarmSnapshot
}
