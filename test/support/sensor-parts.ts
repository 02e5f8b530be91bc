// Assets with watched sensors, and what a tick of the clock sees of them.
import type { SensorTick, SourceTick } from '../../agent/alarms/arrival-faults.ts'
import type { AssetConfig, SensorConfig } from '../../agent/config/contract.ts'
import { ArrivalTable } from '../../agent/windows/arrivals.ts'
import type { GatedBlock, RowState } from '../../agent/windows/contract.ts'
import { gated, MINUTE_US, SECOND_US, START_US, type TestEngine } from './alarm-parts.ts'

export const MIN_MS = 60_000
export const SENSOR: SensorConfig = { priority: 4, offDelayMs: MIN_MS }

/** Rows a second apart like `gated`, with a quality of their own: NaN is missing, a value in brackets is out of range. */
export function judged(
  values: readonly (readonly (number | [number])[])[],
  options: Parameters<typeof gated>[1] = {},
): { block: GatedBlock; raw: GatedBlock } {
  const plain = values.map(row => row.map(value => (typeof value === 'number' ? value : Number.NaN)))
  const block = gated(plain, options)
  const raw = gated(
    values.map(row => row.map(value => (typeof value === 'number' ? value : value[0]))),
    options,
  )
  values.flat().forEach((value, i) => {
    block.quality[i] = typeof value !== 'number' ? 2 : Number.isNaN(value) ? 1 : 0
  })
  return { block, raw }
}

/** A gateway whose clock is turned by hand: values arrive, seconds pass, the engine looks every second. */
export class Bench {
  readonly arrivals: ArrivalTable
  readonly #engine: TestEngine['engine']
  readonly #asset: AssetConfig
  state: RowState = 'running'
  clock: SensorTick['clock'] = 'synced'
  /** By id. */
  readonly sources = new Map<string, SourceTick>([['plant', { up: true, sinceMs: 0, detail: '', errors: 0 }]])
  nowMs = 0

  constructor(engine: TestEngine['engine'], asset: AssetConfig) {
    this.#engine = engine
    this.#asset = asset
    this.arrivals = new ArrivalTable(asset.channels.length)
  }

  get nowUs(): number {
    return START_US + this.nowMs * 1000
  }

  /** `seconds` of one value a second of each column in `alive`, stamped `aheadUs` from the gateway's time, `pace` as fast as it passes. */
  run(
    seconds: number,
    alive: readonly number[],
    { aheadUs = 0, pace = 1 }: { aheadUs?: number; pace?: number } = {},
  ): void {
    const columns = this.#asset.channels.length
    const fromUs = this.nowUs
    for (let s = 0; s < seconds; s++) {
      this.nowMs += 1000
      const timeUs = fromUs + aheadUs + (this.nowUs - fromUs) * pace
      for (const column of alive) {
        const values = new Float64Array(columns).fill(Number.NaN)
        values[column] = 1
        const block = { asset: 0, rows: 1, columns, timesUs: Float64Array.of(timeUs), values }
        this.arrivals.samples(block, this.nowUs, this.nowMs)
      }
      const { nowUs, nowMs, clock, state, arrivals, sources } = this
      this.#engine.looked({ nowUs, nowMs, clock, assets: [{ arrivals, state }], sources })
    }
  }

  link(id: string, change: Partial<SourceTick>): void {
    const before = this.sources.get(id) ?? { up: true, sinceMs: 0, detail: '', errors: 0 }
    this.sources.set(id, { ...before, ...change })
  }
}

export { MINUTE_US, SECOND_US, START_US }
