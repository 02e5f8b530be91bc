import type { Cancel, Clock } from '../core/clock.ts'
import { isoFromUs } from '../core/types.ts'
import { PUMP_CHANNELS, PumpModel } from '../sources/pump-model.ts'

export interface DemoPumpOptions {
  /** In fast motion; the pump keeps up with it. */
  clock: Clock
  seed: number
  /** True once a model scores the pump: the strainer begins to clog then, however long the learning took. */
  learnt(): boolean
  /** `taken` is called when the broker has passed it on. */
  publish(topic: string, row: string, taken: () => void): void
}

export const PUMP_TOPIC = 'plant/p-101'
const TICK_MS = 20
const ROW_US = 1_000_000
/** What a tick catches up at most: after a stall, or a lid that was closed, the pump goes on where it was. */
const ROWS_PER_TICK_MAX = 200
/** Messages in the broker beyond which the pump waits: a machine too slow for the fast motion shows a slower one. */
const WAITING_MAX = 500
/** From the model's first score to the fault. */
const FAULT_AFTER_S = 8 * 60

/** Publishes the simulated pump as a PLC gateway would: one JSON message a second with all channels, none left out. */
export function startPump({ clock, seed, learnt, publish }: DemoPumpOptions): Cancel {
  const pump = new PumpModel(seed, { fault: 'clogged-strainer', faultAfterS: Number.POSITIVE_INFINITY })
  let beforeUs = clock.nowUs()
  let rowUs = beforeUs
  let dueUs = beforeUs
  let waiting = 0
  const taken = (): void => {
    waiting--
  }
  return clock.every(TICK_MS, () => {
    const nowUs = clock.nowUs()
    if (learnt()) pump.beginFaultIn(FAULT_AFTER_S)
    if (waiting < WAITING_MAX) dueUs += Math.min(nowUs - beforeUs, ROWS_PER_TICK_MAX * ROW_US)
    beforeUs = nowUs
    for (; rowUs <= dueUs; rowUs += ROW_US) {
      pump.step(1)
      waiting++
      publish(PUMP_TOPIC, rowText(rowUs, pump.values), taken)
    }
  })
}

function rowText(timeUs: number, values: Float64Array): string {
  const readings = PUMP_CHANNELS.map((channel, i) => [channel, Number(values[i]!.toFixed(4))])
  return JSON.stringify({ ts: isoFromUs(timeUs), ...Object.fromEntries(readings) })
}
