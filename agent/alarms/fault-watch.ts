// A rule on a fault of a sensor: its decision becomes a transition.
import type { AlarmBook } from './book.ts'
import type { AlarmRule, RuleState } from './contract.ts'
import { type FaultFacts, faultCleared, faultEvidence, faultRaised } from './message-sensors.ts'
import { newRuleState, stepRule } from './rule.ts'

export interface FaultWatch {
  rule: AlarmRule
  state: RuleState
  /** Of the channel as people know it; empty: of the asset, or of the gateway. */
  name: string
  /** For the evidence: id of the channel or of the source, or `*` for all channels. */
  channel: string
  fault: string
}

export function newFaultWatch(rule: AlarmRule, name: string, channel: string, fault: string): FaultWatch {
  return { rule, state: newRuleState(), name, channel, fault }
}

/**
 * `value` 1 while there is the fault, 0 while there is none, NaN while nothing can be said; `elapsedUs` since the value before. `facts` is
 * asked only when the alarm is raised or cleared, so that nothing is allocated while nothing happens.
 */
export function stepFault(
  book: AlarmBook,
  watch: FaultWatch,
  value: number,
  timeUs: number,
  elapsedUs: number,
  running: boolean,
  facts: (watch: FaultWatch) => FaultFacts,
): void {
  const { rule, state, name, channel, fault } = watch
  const decision = stepRule(rule, state, value, timeUs, elapsedUs, running)
  if (decision === 'none') return
  const found = facts(watch)
  const evidence = faultEvidence(channel, found)
  const finding = { timeUs, value, evidence }
  if (decision === 'raise') book.raise(rule, state.onsetUs, { ...finding, message: faultRaised(name, found) })
  else book.clear(rule, { ...finding, message: faultCleared(name, fault, timeUs - state.onsetUs) })
}
