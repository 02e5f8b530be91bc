// The trend of each asset's score, worked out now and then from what the history has summed up by the hour.
import { type Trend, trendOf } from '../alarms/trend.ts'
import type { AgentConfig } from '../config/contract.ts'
import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { isoFromUs } from '../core/types.ts'
import type { History } from '../history/contract.ts'
import type { AssetScoring } from '../models/live/asset-scoring.ts'
import type { Records } from './records.ts'

const DAY_US = 86_400e6
/** As far back as a trend is looked for. */
const SEEN_US = 30 * DAY_US
const POINTS = 720
/** Models made of the same first baseline: their scores go on from one to the next. */
const CARRIED: ReadonlySet<string | undefined> = new Set(['rebaseline', 'reduced', 'whole'])

interface Parts {
  config: AgentConfig
  clock: Clock
  history: History
  records: Records
  scoring: readonly AssetScoring[]
  logger: Logger
}

export class Trends {
  readonly #parts: Parts
  readonly #trends: (Trend | undefined)[]
  #running = false

  constructor(parts: Parts) {
    this.#parts = parts
    this.#trends = parts.config.assets.map(() => undefined)
  }

  /** Undefined: no rise beyond doubt, no baseline, or switched off. */
  of(asset: number): Trend | undefined {
    return this.#trends[asset]
  }

  /** One asset after the other; a call while one is under way does nothing. Never throws. */
  async refresh(): Promise<void> {
    if (this.#running) return
    this.#running = true
    try {
      for (const asset of this.#parts.config.assets) this.#trends[asset.index] = await this.#look(asset.index)
    } catch (error) {
      this.#parts.logger.room('alarms').warn(`no trends: ${messageOf(error)}; looked for again in a while`)
    } finally {
      this.#running = false
    }
  }

  async #look(index: number): Promise<Trend | undefined> {
    const { config, clock, history } = this.#parts
    const { id, alarm } = config.assets[index]!
    const baselineUs = this.#baselineUs(index)
    if (baselineUs === undefined || alarm.trendHorizonMs === 0) return undefined
    const nowUs = clock.nowUs()
    const fromUs = Math.max(baselineUs, nowUs - SEEN_US)
    if (fromUs >= nowUs) return undefined
    const query = { asset: id, class: 'scores', fromUs, toUs: nowUs, columns: ['score'], points: POINTS } as const
    const { startsUs, mean, bucketUs } = await history.summary(query)
    const timesUs = startsUs.map(startUs => startUs + bucketUs / 2)
    return trendOf(timesUs, mean, nowUs, { setpoint: alarm.setpoint ?? 1, horizonUs: alarm.trendHorizonMs * 1000 })
  }

  /** Since when scores can be compared; undefined while there is no baseline, or a provisional one. */
  #baselineUs(index: number): number | undefined {
    const { config, records, scoring } = this.#parts
    const manifest = scoring[index]?.model?.manifest
    const binding = records.models.bindings.get(config.assets[index]!.id)
    if (!manifest || manifest.provisional || !binding) return undefined
    const first = CARRIED.has(binding.kind) ? records.models.lineage(binding.asset).reference : undefined
    return Math.min(binding.atUs, first?.atUs ?? binding.atUs)
  }
}

/** For `status` and the features topic. */
export function trendView(trend: Trend | undefined): { trend?: Record<string, unknown> } {
  if (!trend) return {}
  const { sinceUs, perDay, perDayRange, level, reach } = trend
  const setpoint = {
    at: isoFromUs(reach.atUs),
    earliest: isoFromUs(reach.earliestUs),
    ...(reach.latestUs === undefined ? {} : { latest: isoFromUs(reach.latestUs) }),
  }
  const rounded = (value: number): number => Number(value.toPrecision(3))
  const range = perDayRange.map(rounded)
  return {
    trend: { since: isoFromUs(sinceUs), perDay: rounded(perDay), perDayRange: range, level: rounded(level), setpoint },
  }
}
