// Which times go into a data set: those around labelled alarms, and beside each as long a time of a healthy machine.
import type { AlarmCaseView } from '../http/contract.ts'

export interface Span {
  fromUs: number
  toUs: number
}

/** Of an alarm that took weeks, a day of health is enough beside it. */
const HEALTHY_US_MAX = 86_400e6
/** How many times that are near are looked at for rows before it is given up. */
const TRIES_MAX = 48

export const spanOf = ({ rows }: AlarmCaseView): Span => ({
  fromUs: 1000 * Date.parse(rows.from),
  toUs: 1000 * Date.parse(rows.to),
})

/**
 * Times as long as that of the alarm, the nearest before it first, then those after it, none of which touches one that is `taken`
 * (those of all alarms of the asset, and of health that is used already) or the future.
 */
export function* healthyBeside(alarm: Span, taken: readonly Span[], nowUs: number): Generator<Span> {
  const lengthUs = Math.min(alarm.toUs - alarm.fromUs, HEALTHY_US_MAX)
  const free = ({ fromUs, toUs }: Span): boolean =>
    toUs <= nowUs && !taken.some(other => other.fromUs < toUs && fromUs < other.toUs)
  let tries = 0
  for (const way of [-1, 1] as const) {
    let at = way < 0 ? alarm.fromUs - lengthUs : alarm.toUs
    for (let step = 0; step < TRIES_MAX && tries < 2 * TRIES_MAX; step++, at += way * lengthUs) {
      const span = { fromUs: at, toUs: at + lengthUs }
      if (!free(span)) continue
      tries++
      yield span
    }
  }
}
