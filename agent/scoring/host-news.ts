// What the log says of loads and restarts.
import type { Logger } from '../core/logger.ts'
import type { LoadResult, Placement } from './contract.ts'

export class HostNews {
  readonly #logger: Logger
  /** Model and provider last logged, by key. */
  readonly #told = new Map<string, string>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** Every swap loads the complete set; only what is new in it is news. */
  tell(result: LoadResult): void {
    for (const { key, sha256, provider, windowUs, notTaken } of result.accepted) {
      if (this.#told.get(key) === `${sha256} ${provider}`) continue
      this.#told.set(key, `${sha256} ${provider}`)
      const reasons = notTaken.map(({ provider, reason }) => `${provider}: ${reason}`).join('; ')
      this.#logger.info('model loaded', { key, provider, windowUs, ...(reasons ? { notTaken: reasons } : {}) })
    }
    for (const { key, code, message } of result.refused)
      this.#logger.error('model refused', { key, code, reason: message })
  }

  /** Of a restart: what the old child scored and the new one does not. */
  missing({ refused }: LoadResult): void {
    for (const { key, message } of refused) this.#logger.error('not scored at present', { key, reason: message })
  }

  /** `placements`: what scores again, none when the child stays away. */
  recovered(placements: readonly Placement[], afterMs: number, restarts: number): void {
    if (placements.length > 0) {
      const scores = placements.map(({ key, provider }) => `${key} on ${provider}`).join(', ')
      this.#logger.info('scorer is back', { scores, afterMs, restarts })
    } else this.#logger.error('scorer stays away: none of its models can be scored', { afterMs, restarts })
  }
}
