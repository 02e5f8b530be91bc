// One rule's timing, the hot path of the room: thousands of rows a second step through here, nothing is allocated.
//
//            beyond                 beyond for onDelay
//   normal ─────────► pending ─────────────────────────► active ◄────────┐
//     ▲ ▲                │ good                            │ good        │ beyond
//     │ └────────────────┘                                 ▼             │
//     └────────────────────────────────────────────── returning ─────────┘
//                     good for offDelay
//
// "beyond": at or past the setpoint. "good": past the deadband on the other side. In between, nothing moves: neither
// delay counts there, so a value that lingers inside the deadband can neither raise nor clear.
import type { AlarmRule, RuleState } from './contract.ts'

export type Decision = 'none' | 'raise' | 'clear'

export function newRuleState(): RuleState {
  return { phase: 'normal', elapsedUs: 0, onsetUs: 0, peak: 0 }
}

/**
 * Takes one value into `state`, in place. `running` is false while the machine is stopped or settling: then everything is
 * held. `runningUs` is the running time since the previous row; delays are sums of it, over rows beyond (on-delay) or
 * good (off-delay), so the row that starts a delay adds nothing and a delay of 0 decides at once. A value that is not
 * finite (bad quality) holds too. On 'clear', `onsetUs` and `peak` still tell of the occurrence that ended.
 */
export function stepRule(
  rule: AlarmRule,
  state: RuleState,
  value: number,
  timeUs: number,
  runningUs: number,
  running: boolean,
): Decision {
  if (!running || !Number.isFinite(value)) return 'none'
  const above = rule.side === 'above'
  if (above ? value >= rule.setpoint : value <= rule.setpoint) return stepBeyond(rule, state, value, timeUs, runningUs)
  if (state.phase === 'normal') return 'none'
  const good = above ? value <= rule.setpoint - rule.deadband : value >= rule.setpoint + rule.deadband
  return good ? stepGood(rule, state, runningUs) : 'none'
}

function stepBeyond(rule: AlarmRule, state: RuleState, value: number, timeUs: number, runningUs: number): Decision {
  if (state.phase === 'normal') {
    state.phase = 'pending'
    state.elapsedUs = 0
    state.onsetUs = timeUs
    state.peak = value
  } else {
    if (rule.side === 'above' ? value > state.peak : value < state.peak) state.peak = value
    if (state.phase === 'pending') state.elapsedUs += runningUs
  }
  if (state.phase !== 'pending') {
    state.phase = 'active'
    state.elapsedUs = 0
    return 'none'
  }
  if (state.elapsedUs < rule.onDelayUs) return 'none'
  state.phase = 'active'
  return 'raise'
}

function stepGood(rule: AlarmRule, state: RuleState, runningUs: number): Decision {
  if (state.phase === 'pending') {
    state.phase = 'normal'
    state.elapsedUs = 0
    return 'none'
  }
  if (state.phase === 'active') {
    state.phase = 'returning'
    state.elapsedUs = 0
  } else {
    state.elapsedUs += runningUs
  }
  if (state.elapsedUs < rule.offDelayUs) return 'none'
  state.phase = 'normal'
  state.elapsedUs = 0
  return 'clear'
}
