// Decisions -> transitions. Every one gets the next number of the alert stream, is folded into the state at once and
// handed to `commit`, whose owner appends it to the journal; only that makes it exist for others.
import type { Prng } from '../core/prng.ts'
import {
  type AlarmRule,
  type AlarmTransition,
  type Evidence,
  type ModelRef,
  type Suppressions,
  type TransitionKind,
  type Verdict,
  WHOLE_ASSET,
  type Who,
} from './contract.ts'
import { fitRecord } from './fit-record.ts'
import { alarmId } from './id.ts'
import { type AlarmState, applyTransition, ruleKey, standingOf } from './state.ts'
import { type SuppressionKind, suppressionOf, withFact } from './suppression.ts'

export interface AlarmBookOptions {
  state: AlarmState
  prng: Prng
  clockState: () => AlarmTransition['clock']
  commit: (transition: AlarmTransition) => void
  /** Id of the flood that stands. */
  floodId?: () => string | undefined
}

/** What a decision adds to the rule's own facts. */
export interface Finding {
  timeUs: number
  value: number
  message: string
  evidence: Evidence[]
  model?: ModelRef
  /** Where it was not the agent, following the values. */
  who?: Who
}

/** What is suppressed: a rule, or WHOLE_ASSET. */
export type Target = Pick<AlarmRule, 'id' | 'asset' | 'kind' | 'priority'> & { tag?: string }

/** When it happened and whether the machine ran. */
export interface Moment {
  atUs: number
  running: boolean
}

const AGENT: Who = { actor: 'agent', by: 'agent' }

export class AlarmBook {
  readonly #state: AlarmState
  readonly #options: AlarmBookOptions

  constructor(options: AlarmBookOptions) {
    this.#state = options.state
    this.#options = options
  }

  raise(rule: AlarmRule, onsetUs: number, finding: Finding, test = false): AlarmTransition {
    const previous = standingOf(this.#state, rule.asset, rule.id)
    const id = previous?.neverRaised ? previous.id : this.#freshId(finding.timeUs)
    // A new occurrence takes the place of one that nobody acknowledged: two of a rule side by side would tell nothing more.
    if (previous && !previous.neverRaised) this.supersede(previous, { atUs: finding.timeUs, running: true }, id)
    const { timeUs: atUs, value, message, evidence, model, who } = finding
    const flood = this.#options.floodId?.()
    return this.#commit({
      id,
      transition: 'raised',
      rule: rule.id,
      asset: rule.asset,
      ...(rule.tag === undefined ? {} : { tag: rule.tag }),
      kind: rule.kind,
      priority: rule.priority,
      active: true,
      acked: false,
      ...suppressionOf(this.#state, rule.asset, rule.id),
      onsetUs,
      raisedUs: atUs,
      atUs,
      clock: this.#options.clockState(),
      running: true,
      test,
      ...(flood === undefined || rule.kind === 'system' ? {} : { flood }),
      message,
      value,
      setpoint: rule.setpoint,
      evidence,
      ...(rule.action === undefined ? {} : { action: rule.action }),
      ...(model === undefined ? {} : { model }),
      ...who,
    })
  }

  /** A latching alarm that nobody acknowledged stays active, and says that its condition went. */
  clear(rule: AlarmRule, finding: Finding): void {
    const alarm = standingOf(this.#state, rule.asset, rule.id)
    if (!alarm?.active || alarm.latched) return
    const { timeUs, value, message, evidence, model, who } = finding
    const seen = { running: true, value, evidence, ...(model === undefined ? {} : { model }), ...who }
    if (rule.latching && !alarm.acked) {
      const latched = `${message}; latched until acknowledged`
      this.#follow(alarm, 'latched', timeUs, { ...seen, latched: true, message: latched })
    } else this.#follow(alarm, 'cleared', timeUs, { ...seen, active: false, message })
  }

  /** The configuration does not watch for it any more, so nothing would ever clear it. */
  clearRemoved(alarm: AlarmTransition, atUs: number): void {
    const { latched: _gone, ...rest } = alarm
    this.#follow(rest, 'cleared', atUs, {
      ...AGENT,
      active: false,
      running: false,
      message: `${alarm.rule} is not watched any more: its rule is gone from the configuration`,
      evidence: [],
      note: 'rule removed',
    })
  }

  /** Lets a latched alarm go as well. Returns the last of the transitions. */
  acknowledge(alarm: AlarmTransition, { atUs, running }: Moment, who: Who): AlarmTransition {
    const acked = this.#follow(alarm, 'acknowledged', atUs, { acked: true, running, ...who })
    if (!acked.latched) return acked
    const { latched: _reset, ...rest } = acked
    return this.#follow(rest, 'cleared', atUs, { active: false, running, ...who })
  }

  supersede(alarm: AlarmTransition, { atUs, running }: Moment, id: string): void {
    const { suppressions: _overtaken, latched: _gone, ...rest } = alarm
    const note = `superseded by ${id}`
    this.#follow(rest, 'superseded', atUs, { active: false, acked: true, running, ...AGENT, note })
  }

  label(alarm: AlarmTransition, verdict: Verdict, { atUs, running }: Moment, who: Who): AlarmTransition {
    return this.#follow(alarm, 'labelled', atUs, { running, ...who, label: verdict })
  }

  /**
   * Sets a fact about a rule or a whole asset, or takes it away (`fact` undefined), and says so in a record of its own; alarms
   * of the asset that stand are told what that comes to for them.
   */
  suppress<K extends SuppressionKind>(
    target: Target,
    transition: TransitionKind,
    [kind, fact]: [kind: K, fact: Suppressions[K]],
    { message, running, atUs, who }: Moment & { message: string; who: Who },
  ): AlarmTransition {
    const key = ruleKey(target.asset, target.id)
    const facts = withFact(this.#state.suppressions.get(key), kind, fact)
    // What is in effect is worked out from the facts as they will be.
    if (facts) this.#state.suppressions.set(key, facts)
    else this.#state.suppressions.delete(key)
    const { shelvedUntilUs: _until, suppressions: _own, ...before } = this.#of(target, { atUs, running, message })
    const own = suppressionOf(this.#state, target.asset, target.id)
    const made = this.#commit({
      ...before,
      ...own,
      transition,
      atUs,
      clock: this.#options.clockState(),
      running,
      ...who,
    })
    if (target.id === WHOLE_ASSET) this.#tellStanding(target.asset, transition, { atUs, running, message, who })
    return made
  }

  /** The alarm of a rule that stands, else the record of one that is normal. */
  #of({ id, asset, tag, kind, priority }: Target, at: Moment & { message: string }): Omit<AlarmTransition, 'alertSeq'> {
    const standing = standingOf(this.#state, asset, id)
    // The message of an alarm that stands for its own sake says what is wrong with the machine.
    if (standing) return standing.active || !standing.acked ? standing : { ...standing, message: at.message }
    return {
      id: this.#freshId(at.atUs),
      transition: 'suppressed',
      rule: id,
      asset,
      ...(tag === undefined ? {} : { tag }),
      kind,
      priority,
      active: false,
      acked: true,
      suppression: 'none',
      onsetUs: at.atUs,
      raisedUs: at.atUs,
      atUs: at.atUs,
      clock: this.#options.clockState(),
      running: at.running,
      test: false,
      message: at.message,
      neverRaised: true,
      value: 0,
      setpoint: 0,
      evidence: [],
    }
  }

  #tellStanding(
    asset: string,
    transition: TransitionKind,
    { atUs, running, who }: Moment & { message: string; who: Who },
  ): void {
    for (const alarm of [...this.#state.standing.values()]) {
      if (alarm.asset !== asset || alarm.rule === WHOLE_ASSET) continue
      const now = suppressionOf(this.#state, asset, alarm.rule)
      if (now.suppression === alarm.suppression && now.shelvedUntilUs === alarm.shelvedUntilUs) continue
      this.#follow(alarm, transition, atUs, { running, ...who })
    }
  }

  /** The next transition of a standing alarm: what is not in `change` stays as it was. */
  #follow(
    alarm: Omit<AlarmTransition, 'alertSeq'>,
    transition: TransitionKind,
    atUs: number,
    change: Partial<AlarmTransition>,
  ): AlarmTransition {
    // Who did the last thing did not do this one.
    const { actor: _a, by: _b, note: _n, label: _l, shelvedUntilUs: _u, suppressions: _s, ...facts } = alarm
    // What supersedes an alarm takes its suppression over.
    const gone = transition === 'superseded'
    const own = gone ? { suppression: 'none' as const } : suppressionOf(this.#state, alarm.asset, alarm.rule)
    return this.#commit({ ...facts, ...own, transition, atUs, clock: this.#options.clockState(), ...change })
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
