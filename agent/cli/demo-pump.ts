import type { Cancel, Clock } from '../core/clock.ts'
import { isoFromUs } from '../core/types.ts'
import { PUMP_CHANNELS, PumpModel } from '../sources/pump-model.ts'

export interface DemoPumpOptions {
  /** In fast motion; the pump keeps up with it. */
  clock: Clock
  seed: number
  publish(topic: string, row: string): void
}

export const PUMP_TOPIC = 'plant/p-101'
const TICK_MS = 20
const ROW_US = 1_000_000
/** After a stall (a suspended laptop) older rows are left out. */
const CATCH_UP_ROWS = 2_000
/** The learning takes 60 min of running time; the strainer begins to clog well after it. */
const FAULT_AFTER_S = 80 * 60

/** Publishes the simulated pump as a PLC gateway would: one JSON message a second with all channels. */
export function startPump({ clock, seed, publish }: DemoPumpOptions): Cancel {
  const pump = new PumpModel(seed, { fault: 'clogged-strainer', faultAfterS: FAULT_AFTER_S })
  let nextUs = clock.nowUs()
  return clock.every(TICK_MS, () => {
    const nowUs = clock.nowUs()
    nextUs = Math.max(nextUs, nowUs - CATCH_UP_ROWS * ROW_US)
    for (; nextUs <= nowUs; nextUs += ROW_US) {
      pump.step(1)
      publish(PUMP_TOPIC, rowText(nextUs, pump.values))
    }
  })
}

function rowText(timeUs: number, values: Float64Array): string {
  const readings = PUMP_CHANNELS.map((channel, i) => [channel, Number(values[i]!.toFixed(4))])
  return JSON.stringify({ ts: isoFromUs(timeUs), ...Object.fromEntries(readings) })
}
