import type { Logger } from '../core/logger.ts'
import type { SourceStatus } from './contract.ts'

/** What a source shows of itself; each change of its detail is logged once, so a broker that stays away is one line. */
export class StatusBoard {
  readonly #status: SourceStatus
  readonly #logger: Logger

  constructor(id: string, kind: string, logger: Logger) {
    this.#status = { id, kind, state: 'starting', detail: 'not started', lastDataUs: undefined, reconnects: 0 }
    this.#logger = logger
  }

  set(state: SourceStatus['state'], detail: string): void {
    const changed = detail !== this.#status.detail || state !== this.#status.state
    this.#status.state = state
    this.#status.detail = detail
    if (!changed) return
    const fields = { source: this.#status.id, state }
    if (state === 'waiting') this.#logger.warn(detail, fields)
    else this.#logger.info(detail, fields)
  }

  /** Something wrong that does not stop the source: logged, and shown until the next set(). */
  warn(detail: string): void {
    if (detail !== this.#status.detail) this.#logger.warn(detail, { source: this.#status.id })
    this.#status.detail = detail
  }

  dataAt(timeUs: number): void {
    this.#status.lastDataUs = timeUs
  }

  reconnecting(): void {
    this.#status.reconnects++
  }

  get(): SourceStatus {
    return { ...this.#status }
  }
}
