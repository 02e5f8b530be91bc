// What the gateway itself measures of captures: kept in the history, the newest at hand for status, features and severity.
import type { AgentConfig, AssetConfig } from '../config/contract.ts'
import type { Clock } from '../core/clock.ts'
import type { Counters } from '../core/counters.ts'
import type { Logger } from '../core/logger.ts'
import type { History } from '../history/contract.ts'
import { type CapturePlan, capturePlan } from '../models/live/captures.ts'
import { vibrationColumns, vibrationRow } from '../models/live/vibration-rows.ts'
import type { AxisOut } from '../models/vibration/analyse.ts'
import type { SpeedOfCapture } from '../models/vibration/velocity.ts'
import type { ScoredBatch, WindowDoubt } from '../scoring/contract.ts'
import { CaptureWatch, type Unwatched } from './capture-watch.ts'

/** A capture that has been analysed. */
export interface LookedCapture {
  /** Of its last sample. */
  endUs: number
  speed?: SpeedOfCapture
  /** In the order of the plan's channels. */
  axes: readonly AxisOut[]
  /** Why it says nothing of the machine, unless its score is beyond the setpoint: `de-h dead`; empty where an axis is well. */
  unusable: string
  /** As far as the speed is to blame for that. */
  notScored: string
  /** Where it is scored although some sensor has a fault. */
  doubt?: WindowDoubt
}

/** Of every score. */
const SETPOINT = 1

interface Kept {
  asset: AssetConfig
  plan: CapturePlan
  columns: string[]
  watch: CaptureWatch
  latest?: LookedCapture
  /** Channel and fault of the capture before: each is told once as it begins. */
  troubles: Set<string>
  noVelocity?: string
  /** The capture before could not be held against a baseline; told as it begins. */
  notScored: boolean
}

interface Deps {
  config: Pick<AgentConfig, 'assets'>
  clock: Clock
  history: Pick<History, 'append'>
  counters: Counters
  logger: Logger
}

export class Vibration {
  readonly #deps: Deps
  /** By asset index; undefined where there are no captures. */
  readonly #kept: (Kept | undefined)[]

  constructor(deps: Deps) {
    this.#deps = deps
    this.#kept = deps.config.assets.map(asset => {
      const plan = capturePlan(asset)
      if (!plan) return undefined
      const watch = new CaptureWatch(deps.clock, plan.everyUs / 1000, (1000 * plan.samples) / plan.rateHz)
      return {
        asset,
        plan,
        watch,
        columns: vibrationColumns(plan.channels),
        troubles: new Set<string>(),
        notScored: false,
      }
    })
  }

  /** The newest capture of an asset and what its axes are; undefined before the first. */
  latest(asset: number): { looked: LookedCapture; plan: CapturePlan } | undefined {
    const kept = this.#kept[asset]
    return kept?.latest && { looked: kept.latest, plan: kept.plan }
  }

  unwatched(asset: number, stopped: boolean): Unwatched | undefined {
    return this.#kept[asset]?.watch.unwatched(stopped)
  }

  /** Samples of the asset came. */
  stream(asset: number, running: boolean): void {
    this.#kept[asset]?.watch.stream(running)
  }

  keep(asset: number, looked: LookedCapture): void {
    const kept = this.#kept[asset]
    if (!kept) return
    const { id } = kept.asset
    kept.latest = looked
    this.#deps.history.append(
      id,
      'vibration',
      kept.columns,
      1,
      Float64Array.of(looked.endUs),
      vibrationRow(looked.axes, looked.speed),
    )
    kept.watch.captured(looked.endUs, looked.unusable)
    this.#tell(kept, looked)
    this.#tellSpeed(kept, looked)
  }

  /** Captures were scored. One whose sensors all clip tells something after all when it is beyond the setpoint. */
  scored({ tags, scores, doubts }: ScoredBatch): void {
    doubts?.forEach((doubt, i) => {
      if (doubt && scores[i]! >= SETPOINT) this.#kept[tags[i]!]?.watch.told()
    })
  }

  /** It could not be analysed. */
  lost(asset: number, endUs: number): void {
    this.#kept[asset]?.watch.captured(endUs, 'not analysed: the gateway was too busy, or its log says more')
  }

  #tellSpeed(kept: Kept, { notScored }: LookedCapture): void {
    const { counters, logger } = this.#deps
    if (notScored !== '') {
      counters.get(`vibration.${kept.asset.id}.not_scored`).n++
      if (!kept.notScored) logger.room('vibration').info(`${kept.asset.id}: capture not scored: ${notScored}`)
    }
    kept.notScored = notScored !== ''
  }

  #tell(kept: Kept, { axes, doubt }: LookedCapture): void {
    const { counters } = this.#deps
    const logger = this.#deps.logger.room('vibration')
    const now = new Set<string>()
    axes.forEach(({ findings, figures }, c) => {
      const { id } = kept.plan.channels[c]!
      for (const { fault, text } of findings) {
        counters.get(`vibration.${kept.asset.id}.${id}.${fault}`).n++
        now.add(`${id} ${fault}`)
        if (kept.troubles.has(`${id} ${fault}`)) continue
        logger.warn(`${kept.asset.id} ${id}: ${fault}, ${text}; ${becomesOf(id, doubt)}`)
      }
      const reason = figures && 'reason' in figures.velocity ? figures.velocity.reason : undefined
      if (reason === undefined || kept.noVelocity !== undefined) return
      kept.noVelocity = reason
      logger.info(
        `${kept.asset.id} ${id} has no vibration velocity: ${reason}; \`wearwatch status\` shows it from now on`,
      )
    })
    kept.troubles = now
  }
}

/** What becomes of a capture with a fault in the axis. */
function becomesOf(id: string, doubt: WindowDoubt | undefined): string {
  if (doubt?.clipped.includes(id)) return 'it shows the least there is: scored as that, and not learnt from'
  if (doubt?.unwatched.includes(id))
    return 'the axis is not watched, the capture is scored on the others and not learnt from'
  return 'the capture is neither scored nor learnt from'
}
