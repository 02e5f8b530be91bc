// Alarms of the links that values come over. A source feeds any number of assets, so these are alarms of the gateway itself, as floods are.
import type { SourceConfig } from '../config/contract.ts'
import type { SensorTick, SourceTick } from './arrival-faults.ts'
import type { AlarmBook } from './book.ts'
import { type FaultWatch, newFaultWatch, stepFault } from './fault-watch.ts'
import { downFacts, errorFacts } from './message-sensors.ts'
import { type SourceFault, sourceRule, sourceWatch } from './rules-sensors.ts'

const MINUTE_MS = 60_000

interface SourceWatch extends FaultWatch {
  source: string
  fault: SourceFault
  limit: number
  /** Of the last time that it was judged, monotonic ms, and the errors up to then. */
  judgedMs: number
  errors: number
}

export class SourceFaults {
  readonly #book: AlarmBook
  readonly #watches: SourceWatch[]

  constructor(book: AlarmBook, sources: readonly SourceConfig[]) {
    this.#book = book
    this.#watches = sources.flatMap(source => {
      const { downMs, errorsPerMin } = sourceWatch(source)
      const limits = { down: downMs, 'frame-errors': errorsPerMin }
      return (['down', 'frame-errors'] as const).flatMap(fault => {
        const limit = limits[fault]
        if (limit === undefined) return []
        const watch = newFaultWatch(sourceRule(source, fault), source.id, source.id, fault)
        return [{ ...watch, source: source.id, fault, limit, judgedMs: Number.NaN, errors: 0 }]
      })
    })
  }

  get all(): readonly FaultWatch[] {
    return this.#watches
  }

  tick(tick: SensorTick): void {
    for (const watch of this.#watches) {
      const source = tick.sources.get(watch.source)
      if (!source) continue
      if (watch.fault === 'down') this.#down(watch, source, tick)
      else this.#errors(watch, source, tick)
    }
  }

  #down(watch: SourceWatch, { up, sinceMs, detail }: SourceTick, { nowMs, nowUs }: SensorTick): void {
    const downForMs = nowMs - sinceMs
    const value = up ? 0 : downForMs >= watch.limit ? 1 : Number.NaN
    const elapsedUs = Number.isNaN(watch.judgedMs) ? 0 : (nowMs - watch.judgedMs) * 1000
    watch.judgedMs = nowMs
    stepFault(this.#book, watch, value, nowUs, elapsedUs, true, () => downFacts(downForMs, watch.limit, detail))
  }

  /** Minute by minute. A line that brings nothing at all has no errors either, and nothing is said of it. */
  #errors(watch: SourceWatch, { up, errors }: SourceTick, { nowMs, nowUs }: SensorTick): void {
    const elapsedMs = nowMs - watch.judgedMs
    if (elapsedMs < MINUTE_MS) return
    const perMin = ((errors - watch.errors) * MINUTE_MS) / elapsedMs
    const first = Number.isNaN(watch.judgedMs)
    watch.judgedMs = nowMs
    watch.errors = errors
    if (first || !up) return
    const value = perMin > watch.limit ? 1 : 0
    stepFault(this.#book, watch, value, nowUs, elapsedMs * 1000, true, () => errorFacts(perMin, watch.limit))
  }
}
