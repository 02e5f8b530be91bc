// What an alarm of the model rests on: of which model, and which scores of captures may raise or end it where sensors have faults.
import type { ScoredBatch, WindowDoubt } from '../scoring/contract.ts'
import type { AlarmRule, Evidence, ModelRef, RuleState } from './contract.ts'
import { modelEvidence } from './message.ts'

export interface Blame {
  rule: AlarmRule
  state: RuleState
  /** Axes that captures beyond the setpoint were about, since the first of them. */
  blamed: Set<string>
}

/** `evidence`: largest share first. The part of a score that won is of one axis. */
export function blame({ blamed }: Blame, [top]: readonly Evidence[]): void {
  if (top) blamed.add(top.channel)
}

/**
 * Of a capture. Beyond the setpoint it is, whatever its sensors are like: what clips is louder still, and an axis that is not looked at
 * only lowers a score. Below it, it says nothing of health where a sensor clips, nor where an axis that the alarm is about, or is coming
 * to be about, is not looked at. Such a capture neither clears nor goes back to normal, and its time counts for no delay.
 */
export function isEvidence(watch: Blame, batch: ScoredBatch, i: number): boolean {
  const { rule, state, blamed } = watch
  if (state.phase === 'normal') blamed.clear()
  if (batch.scores[i]! >= rule.setpoint) {
    blame(watch, modelEvidence(batch, i))
    return true
  }
  const doubt: WindowDoubt | undefined = batch.doubts?.[i]
  return !doubt || (doubt.clipped.length === 0 && !doubt.unwatched.some(id => blamed.has(id)))
}

export function modelRef(batch: ScoredBatch): ModelRef {
  const { manifest, sha256, origin } = batch.model
  const provisional = manifest.provisional ? { provisional: true as const } : {}
  return { name: manifest.name, release: manifest.release, sha256, origin, ...provisional }
}

export function isActive(watch: Pick<Blame, 'state'> | undefined): boolean {
  return watch?.state.phase === 'active' || watch?.state.phase === 'returning'
}
