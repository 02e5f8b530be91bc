// Alarms as people list and count them.
import { type AlarmTransition, isaState } from '../alarms/contract.ts'
import { FLOOD_RULE, GATEWAY_LEVEL } from '../alarms/flood.ts'
import { isoFromUs } from '../core/types.ts'
import type { AlarmStatisticsView, AlarmView } from '../http/contract.ts'
import type { AgentParts } from './parts.ts'

export function alarmView({ engine }: Pick<AgentParts, 'engine'>, alarm: AlarmTransition): AlarmView {
  const fact = engine.suppressedBy(alarm)
  return {
    id: alarm.id,
    asset: alarm.asset,
    ...(alarm.tag === undefined ? {} : { tag: alarm.tag }),
    rule: alarm.rule,
    isaState: isaState(alarm.active, alarm.acked, alarm.suppression),
    active: alarm.active,
    acked: alarm.acked,
    suppression: alarm.suppression,
    ...(alarm.shelvedUntilUs === undefined ? {} : { shelvedUntil: isoFromUs(alarm.shelvedUntilUs) }),
    ...(fact === undefined ? {} : { suppressedBy: fact.by }),
    ...(fact?.note === undefined ? {} : { suppressedNote: fact.note }),
    ...(alarm.latched ? { latched: true } : {}),
    ...(alarm.flood === undefined ? {} : { flood: alarm.flood }),
    priority: alarm.priority,
    onset: isoFromUs(alarm.onsetUs),
    raised: isoFromUs(alarm.raisedUs),
    message: alarm.message,
    ...(alarm.action === undefined ? {} : { action: alarm.action }),
  }
}

/** Highest priority first, then longest standing. */
export function standingAlarms(parts: AgentParts): AlarmView[] {
  const rows = [...parts.engine.standing()].sort((a, b) => a.priority - b.priority || a.raisedUs - b.raisedUs)
  return rows.map(alarm => alarmView(parts, alarm))
}

export function alarmStatistics(parts: AgentParts): AlarmStatisticsView {
  const { config, clock, engine, records } = parts
  const ids = config.assets.map(asset => asset.id)
  const { since, lastHour, perHour, assets, chattering, stale, longest } = records.counts.statistics(
    clock.nowUs(),
    ids,
    engine.standing(),
  )
  const flood = floodOf(parts)
  const view = (alarm: AlarmTransition): AlarmView => alarmView(parts, alarm)
  return {
    since: isoFromUs(since),
    lastHour,
    perHour: rounded(perHour),
    ...(flood ? { flood: view(flood) } : {}),
    assets: assets.map(({ asset, episodes, perMonth, observedDays }, i) => {
      const { tag } = config.assets[i] ?? {}
      const named = { asset, ...(tag === undefined ? {} : { tag }) }
      return { ...named, episodes, perMonth: rounded(perMonth), observedDays: rounded(observedDays) }
    }),
    chattering: chattering.map(({ withinUs, ...rest }) => ({ ...rest, withinS: rounded(withinUs / 1e6) })),
    stale: stale.map(view),
    ...(longest ? { longest: view(longest) } : {}),
  }
}

/** What `status` and `health` say in a line. */
export function statisticsLine(parts: AgentParts): Record<string, unknown> {
  const { lastHour, perHour, chattering, stale, flood } = alarmStatistics(parts)
  const counts = { lastHour, perHour, chattering: chattering.length, stale: stale.length }
  return flood ? { ...counts, flood: flood.message } : counts
}

function floodOf({ engine }: AgentParts): AlarmTransition | undefined {
  return engine
    .standing()
    .find(({ asset, rule, active }) => asset === GATEWAY_LEVEL && rule === FLOOD_RULE.id && active)
}

const rounded = (value: number): number => Number(value.toPrecision(3))
