// What the daemon answers on its unix socket: the CLI asks here, because only one process may open the stores.
import type { Evidence, ModelRef, Verdict } from '../alarms/contract.ts'
import type { HistoryQuery, HistoryRows, HistorySummary, SummaryQuery } from '../history/contract.ts'
import type { SyncReport } from '../uplink/contract.ts'
import type { LiveChannel } from '../windows/contract.ts'

export interface AlarmView {
  id: string
  asset: string
  tag?: string
  rule: string
  isaState: string
  active: boolean
  acked: boolean
  suppression: string
  /** While it is shelved. */
  shelvedUntil?: string
  /** Who suppressed it, and why. */
  suppressedBy?: string
  suppressedNote?: string
  latched?: true
  /** Id of the flood during which it was raised. */
  flood?: string
  priority: number
  onset: string
  raised: string
  message: string
  action?: string
}

/** What happened to an alarm, and who did it. */
export interface CaseEventView {
  transition: string
  at: string
  actor: string
  by: string
  note?: string
  label?: Verdict
}

/** An alarm that was raised, standing or not. */
export interface AlarmCaseView {
  id: string
  asset: string
  tag?: string
  rule: string
  kind: string
  priority: number
  /** A drill. */
  test: boolean
  standing: boolean
  isaState: string
  onset: string
  raised: string
  /** When its condition went. */
  cleared?: string
  acknowledged?: CaseEventView
  /** The newest. */
  labelled?: CaseEventView
  message: string
  action?: string
  /** As it was raised. */
  value: number
  setpoint: number
  model?: ModelRef
  /** What the black box keeps of it. */
  rows: { from: string; to: string }
}

/** All of one. */
export interface AlarmCaseDetails extends AlarmCaseView {
  evidence: Evidence[]
  /** Oldest first. */
  events: CaseEventView[]
  /** Events left out after the first. */
  omitted?: number
}

export interface CaseRequest {
  asset?: string
  /** µs; raised from, inclusive, to, exclusive. */
  sinceUs?: number
  untilUs?: number
  verdicts?: readonly (Verdict | 'none')[]
  /** The newest so many. */
  limit: number
}

export interface LabelRequest {
  id: string
  verdict: Verdict
  by: string
  note?: string
}

export interface LabelReport {
  alarm: AlarmCaseDetails
  /** Of one that was called false; nothing of it is done. */
  proposal?: ProposalView
}

/** What would have kept a false alarm quiet. */
export interface ProposalView {
  kind: 'setpoint' | 'set-baseline' | 'none'
  /** In lines, for people. */
  message: string
  setpoint?: number
  /** What to write into the configuration, or to run. */
  apply?: string
  effect?: ProposalEffect
}

/** The alarms of the rule that are kept, as they would have been. */
export interface ProposalEffect {
  alarms: number
  still: { id: string; label: Verdict | 'none'; laterS: number }[]
  quiet: { id: string; label: Verdict | 'none' }[]
  /** Rows are not stored any more, or do not show it as the rule is set now. */
  unknown: number
}

export interface DrillRequest {
  asset: string
  forMs: number
  by: string
  note?: string
}

/** How far a drill has come. Times are ms since it was raised. */
export interface DrillView {
  id: string
  asset: string
  tag?: string
  message: string
  /** On the disk. */
  journalledMs?: number
  /** The broker, or the consumer where `receipt` says so, has confirmed it. */
  deliveredMs?: number
  acknowledged?: { ms: number; by: string; actor: string; note?: string }
  ended: boolean
  /** Of the link upstream. */
  link: { state: string; detail: string }
}

/** By the measures of ISA-18.2; drills and what is suppressed do not count. */
export interface AlarmStatisticsView {
  /** When counting began. */
  since: string
  lastHour: number
  /** Over the last 24 hours, or as long as is counted. */
  perHour: number
  /** The flood that stands. */
  flood?: AlarmView
  /** Of the machine, over the last 30 days. */
  assets: { asset: string; tag?: string; episodes: number; perMonth: number; observedDays: number }[]
  /** Raised three times within ten minutes, in the last day. */
  chattering: { asset: string; rule: string; times: number; withinS: number }[]
  /** Active for more than a day. */
  stale: AlarmView[]
  longest?: AlarmView
}

export const SUPPRESS_ACTIONS = ['shelve', 'unshelve', 'out-of-service', 'in-service'] as const

/** Of an alarm that stands (`target` is its id), of a rule of an asset, or of all alarms of an asset. */
export interface SuppressRequest {
  action: (typeof SUPPRESS_ACTIONS)[number]
  target: string
  rule?: string
  /** For `shelve`. */
  forMs?: number
  by: string
  note?: string
}

/** `set-baseline`. */
export interface BaselineRequest {
  asset: string
  by: string
  /** Learn from stored rows since then, too; µs. */
  sinceUs?: number
  /** Back to the model before; once more returns from it. */
  revert?: boolean
}

export interface BaselineReport {
  asset: string
  /** One line a person can read. */
  message: string
  /** Of a new baseline: from when on, and rows of it that are there already. */
  since?: string
  rows?: number
}

/** The newest capture, 0 to 1 kHz. */
export interface SpectrumView {
  at: string
  axes: {
    channel: string
    /** Of the first line; the others follow at `lineHz`. */
    fromHz: number
    lineHz: number
    /** rms of each line. */
    mmPerS: number[]
  }[]
}

export interface ControlApi {
  status(): Promise<Record<string, unknown>>
  channels(): LiveChannel[]
  alarms(): AlarmView[]
  alarmStatistics(): AlarmStatisticsView
  /** Newest first. Throws NOT_FOUND for an asset that is not, HISTORY_IO. */
  alarmCases(request: CaseRequest): Promise<AlarmCaseView[]>
  /** Throws NOT_FOUND, HISTORY_IO. */
  alarmCase(id: string): Promise<AlarmCaseDetails>
  /** Of an alarm that stands or stood. Throws NOT_FOUND, HISTORY_IO. */
  label(request: LabelRequest): Promise<LabelReport>
  /** Raises an alarm that is marked as a test. Throws NOT_FOUND, COMMAND_REFUSED. */
  drill(request: DrillRequest): Promise<DrillView>
  /** Throws NOT_FOUND for one that is not among the newest of this process. */
  drillOf(id: string): Promise<DrillView>
  /** Throws NOT_FOUND when no such alarm stands. */
  acknowledge(id: string, by: string, note: string | undefined): Promise<AlarmView>
  /** Throws NOT_FOUND, COMMAND_REFUSED. */
  suppress(request: SuppressRequest): Promise<AlarmView>
  history(query: HistoryQuery): AsyncIterable<HistoryRows>
  /** In at most `points` rows. */
  summary(query: SummaryQuery): Promise<HistorySummary>
  sync(by: string): Promise<SyncReport>
  /** Velocity spectra of the newest capture. Throws NOT_FOUND: no such asset, or no capture of it yet. */
  spectrum(asset: string): SpectrumView
  /** Throws NOT_FOUND, COMMAND_REFUSED. */
  setBaseline(request: BaselineRequest): Promise<BaselineReport>
}
