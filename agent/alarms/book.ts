// Decisions -> transitions. Every one gets the next number of the alert stream, is folded into the state at once and
// handed to `commit`, whose owner appends it to the journal; only that makes it exist for others.
import type { Prng } from '../core/prng.ts'
import type { AlarmRule, AlarmTransition, Evidence, ModelRef } from './contract.ts'
import { fitRecord } from './fit-record.ts'
import { alarmId } from './id.ts'
import { type AlarmState, applyTransition, standingOf } from './state.ts'

export interface AlarmBookOptions {
  state: AlarmState
  prng: Prng
  clockState: () => AlarmTransition['clock']
  commit: (transition: AlarmTransition) => void
}

/** What a decision adds to the rule's own facts. */
export interface Finding {
  timeUs: number
  value: number
  message: string
  evidence: Evidence[]
  model?: ModelRef
}

export class AlarmBook {
  readonly #state: AlarmState
  readonly #options: AlarmBookOptions

  constructor(options: AlarmBookOptions) {
    this.#state = options.state
    this.#options = options
  }

  raise(rule: AlarmRule, onsetUs: number, finding: Finding): void {
    const id = this.#freshId(finding.timeUs)
    const previous = standingOf(this.#state, rule.asset, rule.id)
    // A new occurrence supersedes one that nobody acknowledged: two of the same rule side by side would tell nothing more.
    if (previous && !previous.acked) this.acknowledge(previous, finding.timeUs, true, 'agent', `superseded by ${id}`)
    const { timeUs: atUs, value, message, evidence, model } = finding
    this.#commit({
      id,
      transition: 'raised',
      rule: rule.id,
      asset: rule.asset,
      ...(rule.tag === undefined ? {} : { tag: rule.tag }),
      kind: rule.kind,
      priority: rule.priority,
      active: true,
      acked: false,
      suppression: 'none',
      onsetUs,
      raisedUs: atUs,
      atUs,
      clock: this.#options.clockState(),
      running: true,
      test: false,
      message,
      value,
      setpoint: rule.setpoint,
      evidence,
      ...(rule.action === undefined ? {} : { action: rule.action }),
      ...(model === undefined ? {} : { model }),
    })
  }

  clear(rule: AlarmRule, finding: Finding): void {
    const alarm = standingOf(this.#state, rule.asset, rule.id)
    if (!alarm?.active) return
    const { timeUs, value, message, evidence, model } = finding
    this.#follow(alarm, 'cleared', timeUs, {
      active: false,
      running: true,
      message,
      value,
      evidence,
      ...(model === undefined ? {} : { model }),
    })
  }

  /** The configuration does not watch for it any more, so nothing would ever clear it. */
  clearRemoved(alarm: AlarmTransition, atUs: number): void {
    this.#follow(alarm, 'cleared', atUs, {
      active: false,
      running: false,
      message: `${alarm.rule} is not watched any more: its rule is gone from the configuration`,
      evidence: [],
      note: 'rule removed',
    })
  }

  acknowledge(alarm: AlarmTransition, atUs: number, running: boolean, by: string, note?: string): AlarmTransition {
    const change = { acked: true, running, by, ...(note === undefined ? {} : { note }) }
    return this.#follow(alarm, 'acknowledged', atUs, change)
  }

  /** The next transition of a standing alarm: what is not in `change` stays as it was. */
  #follow(
    alarm: AlarmTransition,
    transition: AlarmTransition['transition'],
    atUs: number,
    change: Partial<AlarmTransition>,
  ): AlarmTransition {
    return this.#commit({ ...alarm, transition, atUs, clock: this.#options.clockState(), ...change })
  }

  #commit(facts: Omit<AlarmTransition, 'alertSeq'>): AlarmTransition {
    const transition = { ...fitRecord(facts), alertSeq: this.#state.alertSeq + 1 }
    applyTransition(this.#state, transition)
    this.#options.commit(transition)
    return transition
  }

  /** Chance alone would do; an id that stands already would merge two alarms for good. */
  #freshId(timeUs: number): string {
    let id = alarmId(timeUs, this.#options.prng)
    while (this.#state.standing.has(id)) id = alarmId(timeUs, this.#options.prng)
    return id
  }
}
