import { messageOf } from '../core/errors.ts'
import type { LearnRecord } from '../models/live/learn-meter.ts'
import type { AgentParts } from './parts.ts'

const PERIOD_MS = 60_000
const STEP = 0.1
/** Rows of longer than this are left out of a re-baselining after a crash; each time costs 50 assets 50 records. */
const REBASELINE_PERIOD_MS = 3_600_000

interface Due {
  copy: LearnRecord
  /** Still what is learnt by, when the history has been written: `set-baseline` may have begun anew. */
  live: LearnRecord
}

/**
 * When learning progress goes to the journal: as soon as it begins (a restart must know since when), then at every tenth
 * and every minute, whichever comes first. A crash costs no more than that. What re-baselining counts goes there every hour.
 */
export class LearnRecorder {
  readonly #parts: Pick<AgentParts, 'scoring' | 'records' | 'history' | 'clock' | 'logger'>
  readonly #last = new Map<string, { share: number; atMs: number; uptoUs: number }>()
  readonly #rebaselined = new WeakMap<AgentParts['scoring'][number], { atMs: number; text: string }>()
  #busy: Promise<void> | undefined

  constructor(parts: Pick<AgentParts, 'scoring' | 'records' | 'history' | 'clock' | 'logger'>) {
    this.#parts = parts
  }

  /** Called every second or so. */
  check(): void {
    this.#recordRebaselining(REBASELINE_PERIOD_MS)
    this.#busy ??= this.#record(this.#due(PERIOD_MS)).finally(() => {
      this.#busy = undefined
    })
  }

  /** At the end: whatever has not been recorded. */
  async finish(): Promise<void> {
    await this.#busy
    this.#recordRebaselining(0)
    await this.#record(this.#due(0))
  }

  #due(periodMs: number): Due[] {
    const nowMs = this.#parts.clock.monotonicMs()
    const due: Due[] = []
    for (const scoring of this.#parts.scoring) {
      const live = scoring.learnRecord
      if (!live) continue
      const last = this.#last.get(live.asset)
      const { share } = scoring.progress()
      if (last?.uptoUs === live.uptoUs) continue
      if (last && share < last.share + STEP && nowMs < last.atMs + periodMs) continue
      this.#last.set(live.asset, { share, atMs: nowMs, uptoUs: live.uptoUs })
      due.push({ copy: { ...live }, live })
    }
    return due
  }

  async #record(due: readonly Due[]): Promise<void> {
    if (due.length === 0) return
    try {
      // First the rows, then the claim to have learnt from them.
      await this.#parts.history.flush()
    } catch (error) {
      this.#parts.logger.room('models').warn(`learning progress is not recorded: ${messageOf(error)}`)
      return
    }
    const current = new Set(this.#parts.scoring.map(scoring => scoring.learnRecord))
    for (const { copy, live } of due) if (current.has(live)) void this.#parts.records.learn(copy)
  }

  #recordRebaselining(periodMs: number): void {
    const nowMs = this.#parts.clock.monotonicMs()
    for (const scoring of this.#parts.scoring) {
      const last = this.#rebaselined.get(scoring)
      if (last && nowMs < last.atMs + periodMs) continue
      const record = scoring.rebaselineRecord
      if (!record) continue
      const text = JSON.stringify(record)
      this.#rebaselined.set(scoring, { atMs: nowMs, text })
      if (text !== last?.text) void this.#parts.records.learn(record)
    }
  }
}
