// How many alarms there are, by the measures of ISA-18.2 and EEMUA 191: episodes per asset and month, alarms per hour,
// chattering, stale, longest standing. A fold over transitions, kept in checkpoints, bounded whatever comes.
import { type AlarmTransition, WHOLE_ASSET } from './contract.ts'

const HOUR_US = 3600e6
export const DAY_US = 24 * HOUR_US
/** A month of 30 days is what episodes are given for. */
const MONTH_DAYS = 30
/** A checkpoint is a record of the journal, 16 KiB at most in the smallest one: these bounds keep the counts below 9 kB. */
const HOURS_KEPT = 48
const EPISODES_KEPT = 400
/** ISA-18.2: three times within a minute; rules that wait before they alarm repeat more slowly, so ten. */
const CHATTER_TIMES = 3
const CHATTER_WITHIN_US = 10 * 60e6
/** Of the rules that alarmed most lately. */
const RULES_KEPT = 40
/** Active for longer than a day: nobody acts on it, or nobody can. */
export const STALE_US = DAY_US

/** What a checkpoint holds. */
export interface AlarmCountsSnapshot {
  /** When counting began. */
  sinceUs: number
  /** [hour since 1970, alarms] in order. */
  hours: [hour: number, alarms: number][]
  /** Of machines: by day since 1970 in order, episodes by asset. */
  days: [day: number, episodes: Record<string, number>][]
  /** The first day of which all episodes are in `days`. */
  daysFrom: number
  /** By `asset/rule`: the latest raises, µs. */
  rules: Record<string, number[]>
}

export interface AlarmStatistics {
  since: number
  /** Raised in the last hour and day; the day as a rate. */
  lastHour: number
  perHour: number
  assets: { asset: string; episodes: number; perMonth: number; observedDays: number }[]
  chattering: { asset: string; rule: string; times: number; withinUs: number }[]
  stale: AlarmTransition[]
  longest: AlarmTransition | undefined
}

/** Nobody is to be called for a drill, for what is suppressed, or for a record about suppression. */
export function counts(t: AlarmTransition): boolean {
  return (
    t.transition === 'raised' && !t.test && t.suppression === 'none' && t.rule !== WHOLE_ASSET && t.kind !== 'system'
  )
}

export class AlarmCounts {
  #sinceUs = Number.NaN
  readonly #hours = new Map<number, number>()
  readonly #days = new Map<number, Map<string, number>>()
  #daysFrom = 0
  readonly #rules = new Map<string, number[]>()

  /** Each transition once, in the order of alertSeq. */
  add(t: AlarmTransition): void {
    if (Number.isNaN(this.#sinceUs)) this.#sinceUs = t.atUs
    if (!counts(t)) return
    bump(this.#hours, Math.floor(t.atUs / HOUR_US), HOURS_KEPT)
    if (t.kind === 'machine') this.#episode(t.asset, Math.floor(t.atUs / DAY_US))
    const key = `${t.asset}/${t.rule}`
    const raises = [...(this.#rules.get(key) ?? []), t.atUs].slice(-CHATTER_TIMES)
    this.#rules.delete(key)
    this.#rules.set(key, raises)
    if (this.#rules.size > RULES_KEPT) this.#rules.delete(this.#rules.keys().next().value!)
  }

  #episode(asset: string, day: number): void {
    const episodes = this.#days.get(day) ?? new Map<string, number>()
    this.#days.set(day, episodes)
    episodes.set(asset, (episodes.get(asset) ?? 0) + 1)
    while (this.#days.size > MONTH_DAYS || this.#kept() > EPISODES_KEPT) {
      const oldest = Math.min(...this.#days.keys())
      this.#days.delete(oldest)
      this.#daysFrom = oldest + 1
    }
  }

  #kept(): number {
    let kept = 0
    for (const episodes of this.#days.values()) kept += episodes.size
    return kept
  }

  /** @param assets all that are watched, so that the quiet ones are listed, too */
  statistics(nowUs: number, assets: readonly string[], standing: readonly AlarmTransition[]): AlarmStatistics {
    const sinceUs = Number.isNaN(this.#sinceUs) ? nowUs : Math.min(this.#sinceUs, nowUs)
    const countedUs = Math.max(sinceUs, this.#daysFrom * DAY_US)
    const observedDays = Math.min(MONTH_DAYS, Math.max(0, (nowUs - countedUs) / DAY_US))
    const hour = Math.floor(nowUs / HOUR_US)
    const dayHours = Math.min(24, Math.max(1, (nowUs - sinceUs) / HOUR_US))
    const active = standing.filter(t => t.active && t.suppression === 'none' && !t.test && t.rule !== WHOLE_ASSET)
    const oldest = [...active].sort((a, b) => a.raisedUs - b.raisedUs)
    return {
      since: sinceUs,
      lastHour: sum(this.#hours, hour, hour),
      perHour: sum(this.#hours, hour - 23, hour) / dayHours,
      assets: assets.map(asset => this.#episodes(asset, nowUs, observedDays)),
      chattering: this.#chattering(nowUs),
      stale: oldest.filter(t => nowUs - t.raisedUs > STALE_US),
      longest: oldest[0],
    }
  }

  #episodes(asset: string, nowUs: number, observedDays: number): AlarmStatistics['assets'][number] {
    const today = Math.floor(nowUs / DAY_US)
    let episodes = 0
    for (const [day, byAsset] of this.#days)
      if (day > today - MONTH_DAYS && day <= today) episodes += byAsset.get(asset) ?? 0
    // Less than a day is no base for a month.
    const perMonth = (episodes * MONTH_DAYS) / Math.max(1, observedDays)
    return { asset, episodes, perMonth, observedDays }
  }

  #chattering(nowUs: number): AlarmStatistics['chattering'] {
    return [...this.#rules].flatMap(([key, raises]) => {
      const [first = 0, last = 0] = [raises[0], raises.at(-1)]
      const fast = raises.length >= CHATTER_TIMES && last - first <= CHATTER_WITHIN_US
      if (!fast || nowUs - last > DAY_US) return []
      const slash = key.indexOf('/')
      return [{ asset: key.slice(0, slash), rule: key.slice(slash + 1), times: raises.length, withinUs: last - first }]
    })
  }

  snapshot(): AlarmCountsSnapshot {
    return {
      sinceUs: Number.isNaN(this.#sinceUs) ? 0 : this.#sinceUs,
      hours: [...this.#hours],
      days: [...this.#days].map(([day, episodes]) => [day, Object.fromEntries(episodes)]),
      daysFrom: this.#daysFrom,
      rules: Object.fromEntries(this.#rules),
    }
  }

  /** In place of what was counted. Absent in checkpoints of versions before. */
  restore(from: AlarmCountsSnapshot | undefined): void {
    if (!from) return
    this.#sinceUs = from.sinceUs > 0 ? from.sinceUs : Number.NaN
    refill(this.#hours, from.hours)
    refill(this.#rules, Object.entries(from.rules))
    const days = from.days.map(([day, episodes]) => [day, new Map(Object.entries(episodes))] as const)
    refill(this.#days, days)
    this.#daysFrom = from.daysFrom
  }
}

function refill<K, V>(map: Map<K, V>, entries: readonly (readonly [K, V])[]): void {
  map.clear()
  for (const [key, value] of entries) map.set(key, value)
}

/** A clock that stepped leaves entries in the future: the oldest by number go first, whichever came first. */
function bump(map: Map<number, number>, key: number, most: number): void {
  map.set(key, (map.get(key) ?? 0) + 1)
  if (map.size > most) map.delete(Math.min(...map.keys()))
}

function sum(map: ReadonlyMap<number, number>, from: number, to: number): number {
  let total = 0
  for (const [key, count] of map) if (key >= from && key <= to) total += count
  return total
}
