// Alarms in groups and in numbers, for people.
import type { AlarmStatisticsView, AlarmView } from '../http/contract.ts'
import { localTime, paint, table } from './shared.ts'

/** One false alarm for each asset and month is what a crew goes along with. */
const PER_MONTH_AIM = 1
/** Of a group, the most urgent. */
const SHOWN = 3

/** Alarms by asset, those of a flood in a block of their own; the most urgent first. */
export function groupedText(rows: readonly AlarmView[]): string {
  const floods = rows.filter(({ asset }) => asset.startsWith('_'))
  const blocks = floods.map(flood => {
    const members = rows.filter(row => row.flood === flood.id)
    return [`${flood.id}  P${flood.priority}  ${flood.isaState}  ${flood.message}`, ...byAsset(members)].join('\n')
  })
  const ids = new Set(floods.map(({ id }) => id))
  const others = rows.filter(row => !row.asset.startsWith('_') && !ids.has(row.flood ?? ''))
  return [...blocks, ...(others.length > 0 ? [byAsset(others).join('\n')] : [])].join('\n\n')
}

function byAsset(rows: readonly AlarmView[]): string[] {
  return [...grouped(rows)].flatMap(([name, alarms]) => {
    const unseen = alarms.filter(({ acked }) => !acked).length
    const head = `  ${name}: ${alarms.length} alarm${alarms.length === 1 ? '' : 's'}, ${unseen} unacknowledged, since ${localTime(alarms.map(a => a.raised).sort()[0]!)}`
    const shown = alarms.slice(0, SHOWN).map(a => `    P${a.priority}  ${a.id}  ${a.message}`)
    return [head, ...shown, ...(alarms.length > SHOWN ? [`    and ${alarms.length - SHOWN} more`] : [])]
  })
}

function grouped(rows: readonly AlarmView[]): Map<string, AlarmView[]> {
  const groups = new Map<string, AlarmView[]>()
  for (const row of rows) groups.set(nameOf(row), [...(groups.get(nameOf(row)) ?? []), row])
  return groups
}

const nameOf = ({ tag, asset }: AlarmView): string => tag ?? asset

export function statisticsText(view: AlarmStatisticsView): string {
  const { since, lastHour, perHour, flood, assets, chattering, stale, longest } = view
  const lines = [
    `counted since ${localTime(since)}; drills and suppressed alarms do not count`,
    `last hour   ${lastHour}`,
    `per hour    ${perHour} over a day`,
    flood ? paint(`flood       ${flood.message}`, 'red') : 'flood       none',
    `chattering  ${chattering.length === 0 ? 'none' : chattering.map(c => `${c.asset} ${c.rule} ${c.times} times in ${c.withinS} s`).join(', ')}`,
    `stale       ${stale.length === 0 ? 'none' : stale.map(a => `${nameOf(a)} ${a.rule} since ${localTime(a.raised)}`).join(', ')}`,
    `longest     ${longest ? `${nameOf(longest)} ${longest.rule} since ${localTime(longest.raised)}` : 'none stands'}`,
  ]
  const rows = assets.map(a => [a.tag ?? a.asset, String(a.episodes), monthText(a), `${a.observedDays} d`])
  return `${lines.join('\n')}\n\n${table(['ASSET', 'EPISODES', 'A MONTH', 'OBSERVED'], rows)}`
}

/** Less than a day is no base for a month. */
function monthText({ perMonth, observedDays }: AlarmStatisticsView['assets'][number]): string {
  if (observedDays < 1) return '-'
  return perMonth > PER_MONTH_AIM ? paint(String(perMonth), 'yellow') : String(perMonth)
}
