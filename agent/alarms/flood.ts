// A flood (ISA-18.2, EEMUA 191): ten alarms or more within ten minutes, until fewer than five come in ten minutes. It is an
// alarm of the gateway itself, and what is raised meanwhile carries its id: one finding to a person, with a list below it.
import type { Clock } from '../core/clock.ts'
import type { AlarmBook } from './book.ts'
import type { AlarmRule, AlarmTransition, Evidence } from './contract.ts'
import { EVIDENCE_MAX } from './message.ts'
import { type AlarmState, standingOf } from './state.ts'
import { counts } from './statistics.ts'
import { durationText } from './text.ts'

/** Not an asset: ids of assets begin with a letter or digit. */
export const GATEWAY_LEVEL = '_gateway'
const WITHIN_MS = 10 * 60_000
const BEGINS_AT = 10
const ENDS_BELOW = 5
/** A flood of thousands is told apart by asset, not by alarm. */
const TIMES_MAX = 1_000

export const FLOOD_RULE: AlarmRule = {
  id: 'flood',
  asset: GATEWAY_LEVEL,
  kind: 'system',
  priority: 2,
  setpoint: BEGINS_AT,
  side: 'above',
  deadband: BEGINS_AT - ENDS_BELOW,
  onDelayUs: 0,
  offDelayUs: 0,
  action: 'Look for one cause of all: power, network, a common machine; wearwatch alarms list --grouped',
}

export interface FloodWatchOptions {
  book: AlarmBook
  state: AlarmState
  clock: Clock
}

export class FloodWatch {
  readonly #options: FloodWatchOptions
  /** Monotonic ms of alarms within the last ten minutes, oldest first: a step of the clock makes and ends no flood. */
  #timesMs: number[] = []
  /** Alarms of this flood by asset. */
  readonly #byAsset = new Map<string, number>()
  #quietFromMs: number

  constructor(options: FloodWatchOptions) {
    this.#options = options
    // After a restart nothing is known of the ten minutes before: a flood that stands holds for as long.
    this.#quietFromMs = options.clock.monotonicMs() + WITHIN_MS
  }

  /** Id of the flood that stands. */
  get id(): string | undefined {
    const alarm = this.#standing
    return alarm?.active ? alarm.id : undefined
  }

  get #standing(): AlarmTransition | undefined {
    return standingOf(this.#options.state, GATEWAY_LEVEL, FLOOD_RULE.id)
  }

  /** Every transition, once it is made. */
  made(t: AlarmTransition): void {
    if (!counts(t)) return
    this.#timesMs.push(this.#options.clock.monotonicMs())
    if (this.#timesMs.length > TIMES_MAX) this.#timesMs.shift()
    this.#byAsset.set(t.asset, (this.#byAsset.get(t.asset) ?? 0) + 1)
    this.#forget()
    if (this.id === undefined && this.#timesMs.length >= BEGINS_AT) this.#begin()
  }

  /** Every second. */
  tick(): void {
    this.#forget()
    if (this.id === undefined) {
      if (this.#timesMs.length === 0) this.#byAsset.clear()
      return
    }
    if (this.#timesMs.length < ENDS_BELOW && this.#options.clock.monotonicMs() >= this.#quietFromMs) this.#end()
  }

  #forget(): void {
    const fromMs = this.#options.clock.monotonicMs() - WITHIN_MS
    while (this.#timesMs.length > 0 && this.#timesMs[0]! <= fromMs) this.#timesMs.shift()
  }

  #begin(): void {
    const { book, clock } = this.#options
    const spanUs = (clock.monotonicMs() - this.#timesMs[0]!) * 1000
    const message = `flood: ${this.#timesMs.length} alarms within ${durationText(spanUs)}, ${this.#shares()}; those that follow are grouped under this one`
    const timeUs = clock.nowUs()
    const finding = { timeUs, value: this.#timesMs.length, message, evidence: this.#evidence() }
    book.raise(FLOOD_RULE, timeUs - spanUs, finding)
  }

  #end(): void {
    const { book, clock } = this.#options
    const total = [...this.#byAsset.values()].reduce((a, b) => a + b, 0)
    const timeUs = clock.nowUs()
    const lastedUs = timeUs - (this.#standing?.onsetUs ?? timeUs)
    const message = `flood is over after ${durationText(lastedUs)}: ${total} alarms, ${this.#shares()}`
    book.clear(FLOOD_RULE, { timeUs, value: this.#timesMs.length, message, evidence: this.#evidence() })
    this.#byAsset.clear()
  }

  #ranked(): [asset: string, alarms: number][] {
    return [...this.#byAsset].sort((a, b) => b[1] - a[1])
  }

  /** `p-101 8, p-102 2 and 3 more assets`. */
  #shares(): string {
    const ranked = this.#ranked()
    const named = ranked.slice(0, 3).map(([asset, alarms]) => `${asset} ${alarms}`)
    return ranked.length > 3 ? `${named.join(', ')} and ${ranked.length - 3} more assets` : named.join(', ')
  }

  #evidence(): Evidence[] {
    const total = Math.max(
      1,
      [...this.#byAsset.values()].reduce((a, b) => a + b, 0),
    )
    return this.#ranked()
      .slice(0, EVIDENCE_MAX)
      .map(([asset, alarms]) => {
        return { channel: asset, feature: 'alarms', value: alarms, baseline: 0, unit: '1', share: alarms / total }
      })
  }
}
