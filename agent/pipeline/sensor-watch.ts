// Gathers what the alarms of sensors look at by the clock: when values came, how machines stand, how links are.
import type { SensorTick, SourceTick } from '../alarms/arrival-faults.ts'
import type { AgentParts } from './parts.ts'

/** Counters of a source that stand for frames, lines or messages that could not be read. */
const ERRORS = ['crc_errors', 'bad_frames', 'oversize', 'bad_json', 'bad_lines'] as const

type Parts = Pick<AgentParts, 'config' | 'clock' | 'clockState' | 'counters' | 'engine' | 'lines' | 'sources'>

export class SensorWatch {
  readonly #parts: Parts
  /** Of each source: whether it was up, and since when. */
  readonly #links = new Map<string, { up: boolean; sinceMs: number }>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  check(): void {
    const { engine, clock, clockState, lines } = this.#parts
    engine.looked({
      nowUs: clock.nowUs(),
      nowMs: clock.monotonicMs(),
      clock: clockState(),
      assets: lines.map(({ arrivals, state }) => ({ arrivals, state })),
      sources: this.#sources(),
    })
  }

  /** Recordings and simulators end, and nothing is wrong then. */
  #sources(): SensorTick['sources'] {
    const { sources, counters, clock } = this.#parts
    const nowMs = clock.monotonicMs()
    const found = new Map<string, SourceTick>()
    for (const source of sources) {
      const { state, detail, kind } = source.status()
      if (state === 'stopped' || state === 'ended' || kind === 'replay' || kind === 'simulator') continue
      const up = state === 'up'
      let link = this.#links.get(source.id)
      if (link?.up !== up) this.#links.set(source.id, (link = { up, sinceMs: nowMs }))
      const errors = ERRORS.reduce((sum, what) => sum + counters.get(`decode.${source.id}.${what}`).n, 0)
      found.set(source.id, { up, sinceMs: link.sinceMs, detail, errors })
    }
    return found
  }
}
