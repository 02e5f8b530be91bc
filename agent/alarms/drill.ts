// A drill: an alarm that is marked as a test and goes the whole way of a real one, to see who hears of it. It ends by itself,
// leaves nothing behind to acknowledge, and counts nowhere.
import type { AssetConfig } from '../config/contract.ts'
import type { Clock } from '../core/clock.ts'
import { AgentError } from '../core/errors.ts'
import type { AlarmBook } from './book.ts'
import type { AlarmRule, AlarmTransition, Who } from './contract.ts'
import { type AlarmState, standingOf } from './state.ts'
import { durationText } from './text.ts'

export const DRILL_RULE = 'test'
const OVER: Who = { actor: 'agent', by: 'agent', note: 'the drill is over' }
/** Long enough to walk to the control room, too short to be forgotten. */
export const DRILL_MS_MAX = 10 * 60_000

export interface DrillsOptions {
  book: AlarmBook
  state: AlarmState
  clock: Clock
  assets: readonly AssetConfig[]
  isRunning: (asset: number) => boolean
}

export class Drills {
  readonly #options: DrillsOptions
  /** Monotonic ms of the end, by id. One that this process did not begin has none: its end went with the process that did. */
  readonly #endsMs = new Map<string, number>()

  constructor(options: DrillsOptions) {
    this.#options = options
  }

  /** Throws NOT_FOUND for an asset that is not, COMMAND_REFUSED while one of it stands or for a wrong time. */
  raise(name: string, forMs: number, who: Who): AlarmTransition {
    const { assets, book, state, clock } = this.#options
    const asset = assets.find(({ id, tag }) => id === name || tag === name)
    if (!asset) {
      const known = assets.slice(0, 20).map(({ id }) => id)
      throw new AgentError('NOT_FOUND', `no asset ${name}; assets: ${known.join(', ')}`)
    }
    if (!(forMs > 0) || forMs > DRILL_MS_MAX)
      throw new AgentError('COMMAND_REFUSED', `a drill lasts at most ${durationText(DRILL_MS_MAX * 1000)}`)
    const standing = standingOf(state, asset.id, DRILL_RULE)
    if (standing)
      throw new AgentError('COMMAND_REFUSED', `a drill of ${asset.id} goes on (${standing.id}); it ends by itself`)
    const timeUs = clock.nowUs()
    const message = `TEST by ${who.by}: this is a drill, nothing is wrong with ${asset.tag ?? asset.id}`
    const finding = { timeUs, value: 1, message, evidence: [], who }
    const made = book.raise(ruleOf(asset), timeUs, finding, true)
    this.#endsMs.set(made.id, clock.monotonicMs() + forMs)
    return made
  }

  /** Every second, and at start: ends those whose time is up or that somebody has acknowledged. */
  tick(): void {
    const { assets, state, clock } = this.#options
    for (const alarm of [...state.standing.values()]) {
      if (!alarm.test) continue
      const endsMs = this.#endsMs.get(alarm.id) ?? Number.NEGATIVE_INFINITY
      if (!alarm.acked && clock.monotonicMs() < endsMs) continue
      this.#endsMs.delete(alarm.id)
      this.#end(
        alarm,
        assets.find(({ id }) => id === alarm.asset),
      )
    }
  }

  #end(alarm: AlarmTransition, asset: AssetConfig | undefined): void {
    const { book, clock, state, isRunning } = this.#options
    const timeUs = clock.nowUs()
    const lasted = durationText(Math.max(0, timeUs - alarm.raisedUs))
    const message = `TEST is over after ${lasted}`
    // Of an asset that is gone from the configuration the record says enough.
    const rule = asset ? ruleOf(asset) : { ...alarm, ...TIMELESS, id: alarm.rule }
    if (alarm.active) book.clear(rule, { timeUs, value: 0, message, evidence: [], who: OVER })
    const left = standingOf(state, alarm.asset, alarm.rule)
    if (left && !left.acked)
      book.acknowledge(left, { atUs: timeUs, running: asset ? isRunning(asset.index) : false }, OVER)
  }
}

const TIMELESS = { setpoint: 1, side: 'above', deadband: 0, onDelayUs: 0, offDelayUs: 0 } as const

function ruleOf(asset: AssetConfig): AlarmRule {
  return {
    ...TIMELESS,
    id: DRILL_RULE,
    asset: asset.id,
    ...(asset.tag === undefined ? {} : { tag: asset.tag }),
    kind: 'machine',
    priority: asset.alarm.priority,
  }
}
