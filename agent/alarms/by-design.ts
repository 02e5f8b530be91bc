// Suppression by design: what was decided when the plant was planned, not by a person at the time. Windows of the calendar
// (maintenance) and operating states in which an alarm would mean nothing (cleaning in place, a mode of a test).
//
//   minute of the clock ──► cron matched within the last `for`? ──┐
//                                                                 ├─► wanted ≠ recorded ──► suppressed / unsuppressed
//   last row of a block ──► condition holds? (unknown: as it was) ┘
import type { AssetConfig, RunningTerm, SuppressConfig } from '../config/contract.ts'
import type { Clock } from '../core/clock.ts'
import type { AlarmBook, Target } from './book.ts'
import { WHOLE_ASSET, type Who } from './contract.ts'
import { nameOf } from './desk.ts'
import { type AlarmState, ruleKey } from './state.ts'

const MINUTE_MS = 60_000

export interface ByDesignOptions {
  book: AlarmBook
  state: AlarmState
  assets: readonly AssetConfig[]
  clock: Clock
  /** Whether a minute (ms since 1970) matches; the calendar is the gateway's local one. */
  cronMatcher: (cron: string) => (minuteMs: number) => boolean
  isRunning: (asset: number) => boolean
  /** Undefined for a rule that is not watched. */
  targetOf: (asset: string, rule: string) => Target | undefined
}

/** One entry of `suppress` of an asset. */
interface Design {
  asset: AssetConfig
  config: SuppressConfig
  matches: ((minuteMs: number) => boolean) | undefined
  /** The newest minute that matched, and the last one looked at. */
  matchedMs: number
  lookedMs: number
  /** What the entry wants. */
  on: boolean
}

export class ByDesign {
  readonly #options: ByDesignOptions
  readonly #designs: Design[][]

  constructor(options: ByDesignOptions) {
    this.#options = options
    this.#designs = options.assets.map(asset =>
      asset.suppress.map(config => ({
        asset,
        config,
        matches: config.cron === undefined ? undefined : options.cronMatcher(config.cron),
        matchedMs: Number.NEGATIVE_INFINITY,
        lookedMs: Number.NEGATIVE_INFINITY,
        on: false,
      })),
    )
  }

  /** Rules that `suppress` names and nothing watches: `p-101 flow.mni`. */
  unknown(): string[] {
    return this.#options.assets.flatMap(({ id, suppress }) =>
      suppress.flatMap(({ rules = [] }) =>
        rules.filter(rule => !this.#options.targetOf(id, rule)).map(rule => `${id} ${rule}`),
      ),
    )
  }

  /** Call every second; a step of the clock is a new look at the calendar. */
  tick(): void {
    const nowMs = this.#options.clock.nowUs() / 1000
    for (const [asset, designs] of this.#designs.entries()) {
      for (const design of designs) if (design.matches) design.on = inWindow(design, nowMs)
      this.#settle(asset)
    }
  }

  /** The newest row of an asset; NaN where a value is not known: then it stays as it was. */
  row(asset: number, values: Float64Array, offset: number): void {
    const designs = this.#designs[asset]
    if (!designs || designs.length === 0) return
    let changed = false
    for (let i = 0; i < designs.length; i++) {
      const design = designs[i]!
      if (!design.config.anyOf) continue
      const holds = condition(design.config.anyOf, values, offset)
      if (holds === undefined || holds === design.on) continue
      design.on = holds
      changed = true
    }
    if (changed) this.#settle(asset)
  }

  /** Brings the record in line with what the entries of the asset want. */
  #settle(index: number): void {
    const asset = this.#options.assets[index]!
    const wanted = new Map<string, string>()
    const rules = new Set<string>()
    for (const { config, on } of this.#designs[index] ?? []) {
      for (const rule of config.rules ?? [WHOLE_ASSET]) {
        rules.add(rule)
        if (on && !wanted.has(rule)) wanted.set(rule, config.note)
      }
    }
    for (const rule of this.#recorded(asset.id)) rules.add(rule)
    for (const rule of rules) this.#record(asset, rule, wanted.get(rule))
  }

  /** Rules of the asset suppressed by design: those of a configuration before among them. */
  *#recorded(asset: string): Iterable<string> {
    const prefix = `${asset}/`
    for (const [key, { byDesign }] of this.#options.state.suppressions) {
      if (byDesign && key.startsWith(prefix)) yield key.slice(prefix.length)
    }
  }

  #record(asset: AssetConfig, rule: string, note: string | undefined): void {
    const { state, book, clock, isRunning, targetOf } = this.#options
    const before = state.suppressions.get(ruleKey(asset.id, rule))?.byDesign
    if ((before === undefined) === (note === undefined)) return
    const target = targetOf(asset.id, rule)
    if (!target) return
    const why = note ?? before?.note ?? ''
    const who: Who = { actor: 'agent', by: 'agent', note: why }
    const moment = { atUs: clock.nowUs(), running: isRunning(asset.index), who }
    if (note === undefined) {
      const message = `${nameOf(target)} no longer suppressed by design: ${why} is over`
      book.suppress(target, 'unsuppressed', ['byDesign', undefined], { ...moment, message })
    } else {
      const message = `${nameOf(target)} suppressed by design: ${why}`
      book.suppress(target, 'suppressed', ['byDesign', { ...who, sinceUs: moment.atUs }], { ...moment, message })
    }
  }
}

/** Whether a minute within the last `forMs` matched: [match, match + forMs). */
function inWindow(design: Design, nowMs: number): boolean {
  const forMs = design.config.forMs ?? 0
  const minute = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS
  // After a step back what was seen is in the future.
  if (design.lookedMs > minute) design.matchedMs = design.lookedMs = Number.NEGATIVE_INFINITY
  const from = Math.max(design.lookedMs + MINUTE_MS, minute - Math.ceil(forMs / MINUTE_MS) * MINUTE_MS)
  for (let at = minute; at >= from; at -= MINUTE_MS) {
    if (!design.matches!(at)) continue
    design.matchedMs = at
    break
  }
  design.lookedMs = minute
  return nowMs < design.matchedMs + forMs
}

/** Undefined: a value that decides is not known. */
function condition(
  anyOf: readonly (readonly RunningTerm[])[],
  values: Float64Array,
  offset: number,
): boolean | undefined {
  let unknown = false
  for (const allOf of anyOf) {
    let holds: boolean | undefined = true
    for (const { channel, op, value } of allOf) {
      const seen = values[offset + channel]!
      if (Number.isNaN(seen)) holds = holds === false ? false : undefined
      else if (!compare(seen, op, value)) holds = false
    }
    if (holds) return true
    if (holds === undefined) unknown = true
  }
  return unknown ? undefined : false
}

function compare(seen: number, op: RunningTerm['op'], value: number): boolean {
  if (op === '>') return seen > value
  if (op === '>=') return seen >= value
  return op === '<' ? seen < value : seen <= value
}
