import { messageOf } from '../core/errors.ts'
import type { LearnRecord } from '../models/learn-meter.ts'
import type { AgentParts } from './parts.ts'

const PERIOD_MS = 60_000
const STEP = 0.1

/**
 * When learning progress goes to the journal: as soon as it begins (a restart must know since when), then at every tenth
 * and every minute, whichever comes first. A crash costs no more than that.
 */
export class LearnRecorder {
  readonly #parts: Pick<AgentParts, 'scoring' | 'records' | 'history' | 'clock' | 'logger'>
  readonly #last = new Map<string, { share: number; atMs: number; uptoUs: number }>()
  #busy: Promise<void> | undefined

  constructor(parts: Pick<AgentParts, 'scoring' | 'records' | 'history' | 'clock' | 'logger'>) {
    this.#parts = parts
  }

  /** Called every second or so. */
  check(): void {
    this.#busy ??= this.#record(this.#due(PERIOD_MS)).finally(() => {
      this.#busy = undefined
    })
  }

  /** At the end: whatever has not been recorded. */
  async finish(): Promise<void> {
    await this.#busy
    await this.#record(this.#due(0))
  }

  #due(periodMs: number): LearnRecord[] {
    const nowMs = this.#parts.clock.monotonicMs()
    const due: LearnRecord[] = []
    for (const scoring of this.#parts.scoring) {
      const record = scoring.learnRecord
      if (!record) continue
      const last = this.#last.get(record.asset)
      const { share } = scoring.progress()
      if (last?.uptoUs === record.uptoUs) continue
      if (last && share < last.share + STEP && nowMs < last.atMs + periodMs) continue
      this.#last.set(record.asset, { share, atMs: nowMs, uptoUs: record.uptoUs })
      due.push({ ...record })
    }
    return due
  }

  async #record(due: readonly LearnRecord[]): Promise<void> {
    if (due.length === 0) return
    try {
      // First the rows, then the claim to have learnt from them.
      await this.#parts.history.flush()
    } catch (error) {
      this.#parts.logger.room('models').warn(`learning progress is not recorded: ${messageOf(error)}`)
      return
    }
    for (const record of due) void this.#parts.records.learn(record)
  }
}
