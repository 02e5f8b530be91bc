// Alarms that were, for people.
import type { AlarmCaseDetails, AlarmCaseView, CaseEventView, LabelReport } from '../http/contract.ts'
import { localTime, table } from './shared.ts'

export const HISTORY_HEAD = [
  'ID',
  'P',
  'RAISED',
  'CLEARED',
  'ACKNOWLEDGED',
  'LABEL',
  'ASSET',
  'RULE',
  'MESSAGE',
] as const

export function caseRow(alarm: AlarmCaseView): string[] {
  const { cleared, acknowledged, labelled } = alarm
  return [
    alarm.id,
    String(alarm.priority),
    localTime(alarm.raised),
    cleared === undefined ? 'active' : localTime(cleared),
    acknowledged === undefined ? '-' : `by ${acknowledged.by}`,
    labelled?.label ?? '-',
    alarm.tag ?? alarm.asset,
    alarm.rule,
    alarm.test ? `${alarm.message} (drill)` : alarm.message,
  ]
}

/** Everything of one alarm, a fact a line. */
export function caseText(alarm: AlarmCaseDetails): string {
  const { cleared, labelled, action, model, rows } = alarm
  const facts: [name: string, text: string | undefined][] = [
    ['asset', alarm.tag === undefined ? alarm.asset : `${alarm.tag} (${alarm.asset})`],
    ['rule', `${alarm.rule}, P${alarm.priority}${alarm.test ? ', a drill' : ''}`],
    ['state', alarm.standing ? alarm.isaState : 'stands no more'],
    ['onset', localTime(alarm.onset)],
    ['raised', localTime(alarm.raised)],
    ['cleared', cleared === undefined ? 'not yet' : localTime(cleared)],
    ['value', `${short(alarm.value)}, setpoint ${short(alarm.setpoint)}`],
    ['model', model && `${model.name} release ${model.release}, ${model.sha256.slice(0, 12)}, ${model.origin}`],
    ['action', action],
    ['label', labelled === undefined ? 'none' : `${labelled.label} ${byText(labelled)}`],
  ]
  const known = facts.filter(([, text]) => text !== undefined)
  const lines = known.map(([name, text]) => `${name.padEnd(9)}${text}`)
  const evidence = alarm.evidence.map(e => [
    e.channel,
    e.feature,
    `${short(e.value)} ${e.unit}`,
    `${short(e.baseline)} ${e.unit}`,
    `${Math.round(100 * e.share)} %`,
  ])
  return [
    `${alarm.id}  ${alarm.message}`,
    '',
    ...lines,
    ...(evidence.length > 0 ? ['', table(['CHANNEL', 'WHAT', 'VALUE', 'BASELINE', 'SHARE'], evidence)] : []),
    '',
    ...alarm.events.flatMap((event, i) => [eventText(event), ...(i === 0 ? omittedText(alarm) : [])]),
    '',
    `rows     wearwatch history ${alarm.asset} --from ${rows.from} --to ${rows.to}`,
  ].join('\n')
}

function omittedText({ omitted }: AlarmCaseDetails): string[] {
  return omitted === undefined ? [] : [`… ${omitted} more`]
}

function eventText(event: CaseEventView): string {
  const what = event.label === undefined ? event.transition : `${event.transition} ${event.label}`
  return `${localTime(event.at)}  ${what} ${byText(event)}`
}

/** `by kim (operator): strainer was new`. */
function byText({ by, actor, note }: CaseEventView): string {
  const who = by === actor ? `by ${by}` : `by ${by} (${actor})`
  return note === undefined ? who : `${who}: ${note}`
}

export function labelText({ alarm, proposal }: LabelReport): string {
  const { labelled } = alarm
  const said = labelled ? `${labelled.label ?? ''} ${byText(labelled)}` : 'not labelled'
  const lines = [`${alarm.id} ${alarm.tag ?? alarm.asset} ${alarm.rule}: ${said}`]
  if (proposal) lines.push('', proposal.message)
  if (proposal?.apply !== undefined) lines.push('nothing is changed by itself')
  return lines.join('\n')
}

const short = (value: number): string => Number(value.toPrecision(4)).toString()
