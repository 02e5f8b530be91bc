// What would have kept a false alarm quiet: the rule stepped through the rows of the alarm as the live engine did, at other
// setpoints. A setpoint further out can only raise later or not at all, so the nearest quiet one is found by bisection.
import type { AlarmRule } from './contract.ts'
import { newRuleState, stepRule } from './rule.ts'

/** Of running rows with a value, in order. */
export interface RuleRows {
  timesUs: Float64Array
  values: Float64Array
  /** Running time since the row before. */
  runningUs: Float64Array
}

/** A setpoint is rounded to a step of 1, 2 or 5 times a power of ten that is at most this share of it. */
const STEP_SHARE = 0.05

/** The rule at another setpoint; `share`: its deadband is a share of the setpoint. */
export function atSetpoint(rule: AlarmRule, setpoint: number, share: boolean): AlarmRule {
  const deadband = share && rule.setpoint !== 0 ? (rule.deadband * setpoint) / rule.setpoint : rule.deadband
  return { ...rule, setpoint, deadband }
}

/** When the rule would raise first in these rows, beginning from normal; undefined: it stays quiet. */
export function raisedAt(rule: AlarmRule, { timesUs, values, runningUs }: RuleRows): number | undefined {
  const state = newRuleState()
  for (let row = 0; row < values.length; row++) {
    if (stepRule(rule, state, values[row]!, timesUs[row]!, runningUs[row]!, true) === 'raise') return timesUs[row]
  }
  return undefined
}

/** The nearest rounded setpoint at which these rows raise nothing; undefined where they raise nothing as it is. */
export function quietSetpoint(rule: AlarmRule, rows: RuleRows, share: boolean): number | undefined {
  if (raisedAt(rule, rows) === undefined) return undefined
  const above = rule.side === 'above'
  const beyond = rows.values.filter(value => (above ? value >= rule.setpoint : value <= rule.setpoint)).sort()
  // Nearest first.
  if (!above) beyond.reverse()
  let [low, high] = [0, beyond.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    const setpoint = roundedPast(beyond[middle]!, rule)
    if (raisedAt(atSetpoint(rule, setpoint, share), rows) === undefined) high = middle
    else low = middle + 1
  }
  return roundedPast(beyond[low]!, rule)
}

/** The next round number further out than `value`. */
export function roundedPast(value: number, { side, setpoint }: Pick<AlarmRule, 'side' | 'setpoint'>): number {
  const size = Math.max(Math.abs(value), Math.abs(setpoint)) || 1
  const exponent = Math.floor(Math.log10(size * STEP_SHARE))
  const power = 10 ** Math.abs(exponent)
  const unit = exponent < 0 ? 1 / power : power
  const factor = [5, 2, 1].find(candidate => candidate * unit <= size * STEP_SHARE) ?? 1
  const steps = value / (factor * unit)
  const next = side === 'above' ? Math.floor(steps + 1e-9) + 1 : Math.ceil(steps - 1e-9) - 1
  // Multiplied or divided by a whole power of ten, 10.5 is 10.5 and not 10.500000000000002.
  return exponent < 0 ? (next * factor) / power : next * factor * power
}
