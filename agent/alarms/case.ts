// One alarm from its onset to what people said of it: a fold over its own transitions. The journal holds the transitions, but not
// for ever; the case is kept beside the black box, with the rows it is about.
import type { Actor, AlarmTransition, TransitionKind, Verdict } from './contract.ts'

export const CASE_SCHEMA = 'wearwatch.alarm-case/1'
/** The first and the newest; an alarm that flutters for weeks must not grow without end. */
const EVENTS_MAX = 32

/** What happened to it; without `actor` it was the agent following the values. */
export interface CaseEvent {
  transition: TransitionKind
  atUs: number
  actor?: Actor
  by?: string
  note?: string
  label?: Verdict
}

export interface AlarmCase {
  schema: typeof CASE_SCHEMA
  /** As it was raised: evidence, value, model. */
  raised: AlarmTransition
  /** As it is now. */
  last: AlarmTransition
  /** Oldest first. */
  events: CaseEvent[]
  /** Left out after the first. */
  omitted?: number
  /** When its condition went, be it that a latch held the alarm. */
  clearedUs?: number
  acknowledged?: CaseEvent
  /** The newest. */
  labelled?: CaseEvent
}

/** The case with one more transition; what was folded in before changes nothing. Undefined for what was never raised. */
export function foldCase(before: AlarmCase | undefined, t: AlarmTransition): AlarmCase | undefined {
  if (t.neverRaised) return before
  if (before && t.alertSeq <= before.last.alertSeq) return before
  const event = eventOf(t)
  // Where the journal does not reach back to it, what follows says most of how it was raised.
  const { raised, events, ...told } = before ?? { raised: t, events: [] }
  const all = [...events, event]
  const over = all.length > EVENTS_MAX ? 1 : 0
  const omitted = (before?.omitted ?? 0) + over
  const went = t.transition === 'latched' || !t.active
  return {
    ...told,
    schema: CASE_SCHEMA,
    raised,
    last: t,
    events: over ? [all[0]!, ...all.slice(2)] : all,
    ...(omitted > 0 ? { omitted } : {}),
    ...(went ? { clearedUs: before?.clearedUs ?? t.atUs } : {}),
    ...(t.transition === 'acknowledged' ? { acknowledged: event } : {}),
    ...(t.transition === 'labelled' ? { labelled: event } : {}),
  }
}

function eventOf({ transition, atUs, actor, by, note, label }: AlarmTransition): CaseEvent {
  return {
    transition,
    atUs,
    ...(actor === undefined ? {} : { actor }),
    ...(by === undefined ? {} : { by }),
    ...(note === undefined ? {} : { note }),
    ...(label === undefined ? {} : { label }),
  }
}

/** Undefined for a text that is none. */
export function parseCase(text: string): AlarmCase | undefined {
  try {
    const found = JSON.parse(text) as Partial<AlarmCase> | null
    const whole =
      found?.schema === CASE_SCHEMA && isOne(found.raised) && isOne(found.last) && Array.isArray(found.events)
    return whole ? (found as AlarmCase) : undefined
  } catch {
    return undefined
  }
}

function isOne(t: AlarmTransition | undefined): boolean {
  return typeof t?.id === 'string' && typeof t.asset === 'string' && Number.isSafeInteger(t.alertSeq)
}
