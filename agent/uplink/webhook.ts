// Journal -> one address, by POST. The journal is the queue and the cursor `webhook-<name>` says how far it is settled, as for
// the broker (delivery.ts); here one message is on its way at a time, so that order needs no window.
//
//   2xx                      delivered, the cursor moves
//   400, 413, 422 and such   refused: REFUSED_TRIES times, then stated and passed over, for it must not hold up the others
//   all else, 401, 403, 404  kept: tried again for ever, ever more slowly
//
// After a crash between an answer and its cursor the message comes again: at least once; its Idempotency-Key is the same.
import type { GatewayConfig, WebhookConfig } from '../config/contract.ts'
import { Backoff } from '../core/backoff.ts'
import { type Clock, sleep } from '../core/clock.ts'
import type { Counters } from '../core/counters.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Prng } from '../core/prng.ts'
import { isoFromUs } from '../core/types.ts'
import type { Cursor, Journal, JournalRecord } from '../journal/contract.ts'
import type { Webhook, WebhookStatus } from './contract.ts'
import { GapWatch } from './gap-watch.ts'
import { alertPayload, gapPayload } from './payloads.ts'
import { Signal } from './signal.ts'
import { decode } from './standing.ts'
import { WebhookFilter } from './webhook-filter.ts'
import { type PostResult, WebhookPost } from './webhook-post.ts'

export interface WebhookOptions {
  config: WebhookConfig
  gateway: GatewayConfig
  journal: Journal
  /** Number of the last alert made. */
  lastAlertSeq: () => number
  clock: Clock
  prng: Prng
  logger: Logger
  counters: Counters
}

export const CURSOR_PREFIX = 'webhook-'
const READ_RECORDS = 64
/** Some half a minute, by the backoff. */
const REFUSED_TRIES = 6
const BACKOFF_FIRST_MS = 1_000
const BACKOFF_CAP_MS = 60_000

export function createWebhook(options: WebhookOptions): Webhook {
  return new WebhookSink({ ...options, logger: options.logger.room('webhook') })
}

/** Positions of webhooks that the configuration names no more hold nothing back. Never throws: it is tried at each start. */
export async function dropUnusedCursors(
  journal: Journal,
  webhooks: readonly WebhookConfig[],
  logger: Logger,
): Promise<void> {
  const used = new Set(webhooks.map(({ name }) => `${CURSOR_PREFIX}${name}`))
  for (const name of journal.cursorNames()) {
    if (!name.startsWith(CURSOR_PREFIX) || used.has(name)) continue
    const webhook = name.slice(CURSOR_PREFIX.length)
    try {
      await journal.dropCursor(name)
      logger.warn(
        `webhook ${webhook} is not in the configuration any more: what it had not sent yet is not kept for it`,
      )
    } catch (error) {
      logger.warn(`cannot forget the position of webhook ${webhook}: ${messageOf(error)}`)
    }
  }
}

class WebhookSink implements Webhook {
  readonly #options: WebhookOptions
  readonly #filter: WebhookFilter
  readonly #post: WebhookPost
  readonly #backoff: Backoff
  readonly #wake = new Signal()
  readonly #stopping = new AbortController()
  readonly #status: WebhookStatus
  #cursor: Cursor | undefined
  /** Where a new one begins: what is journalled from the start on is its own. */
  #headSeq = 0
  #draining = false
  #loop: Promise<void> | undefined
  #unsubscribe: (() => void) | undefined

  constructor(options: WebhookOptions) {
    this.#options = options
    const { config, clock, prng } = options
    this.#filter = new WebhookFilter(config)
    this.#post = new WebhookPost(config, clock)
    this.#backoff = new Backoff(prng, BACKOFF_FIRST_MS, BACKOFF_CAP_MS)
    const url = new URL(config.url).origin
    this.#status = { name: config.name, url, state: 'starting', pending: 0, delivered: 0, leftOut: 0, refused: 0 }
  }

  start(): void {
    const { journal } = this.#options
    this.#headSeq = journal.status().nextSeq - 1
    this.#unsubscribe = journal.onAppend(() => this.#wake.notify())
    this.#loop = this.#run()
  }

  status(): WebhookStatus {
    const seen = this.#filter.alertSeq
    const pending = seen === undefined ? 0 : Math.max(0, this.#options.lastAlertSeq() - seen)
    // The one on its way is seen and not settled.
    const onItsWay = this.#status.state === 'sending' || this.#status.state === 'retrying' ? 1 : 0
    return { ...this.#status, pending: pending + onItsWay }
  }

  async stop(drainMs: number): Promise<void> {
    this.#draining = true
    this.#wake.notify()
    const cancel = this.#options.clock.after(drainMs, () => this.#stopping.abort())
    await this.#loop
    cancel()
    this.#unsubscribe?.()
    this.#post.close()
    this.#status.state = 'stopped'
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        this.#cursor ??= await this.#load()
        return await this.#deliver(this.#cursor)
      } catch (error) {
        this.#options.counters.get('webhook.errors').n++
        this.#trouble(`the journal cannot be read or its position not be stored: ${messageOf(error)}`)
        if (this.#draining) return
        await sleep(this.#options.clock, this.#backoff.nextMs(), this.#stopping.signal)
      }
    }
  }

  async #load(): Promise<Cursor> {
    const { journal, config, logger } = this.#options
    const { cursor, began } = await journal.cursorFrom(`${CURSOR_PREFIX}${config.name}`, this.#headSeq)
    if (began) logger.info(`webhook ${config.name} is new: it is sent what happens from now on, and nothing older`)
    const { firstSeq } = journal.status()
    if (firstSeq <= 1) this.#filter.alertSeq = 0
    for (let from = firstSeq; from <= cursor.seq; ) {
      const records = await journal.read(from, READ_RECORDS)
      if (records.length === 0) break
      for (const record of records) if (record.seq <= cursor.seq) this.#filter.fold(decode(record))
      from = records.at(-1)!.seq + 1
    }
    return cursor
  }

  /** From the cursor on, until it stops. Throws what the journal throws; then it begins at the cursor again. */
  async #deliver(cursor: Cursor): Promise<void> {
    const { journal } = this.#options
    let nextSeq = cursor.seq + 1
    const gaps = new GapWatch(nextSeq, this.#filter.alertSeq, () => journal.status().losses)
    while (!this.#stopping.signal.aborted) {
      const records = await journal.read(nextSeq, READ_RECORDS)
      for (const record of records) {
        const sent = await this.#settle(record, gaps)
        if (sent === 'stopped') return
        nextSeq = record.seq + 1
        // Durable before the next is sent: what comes twice after a crash is one message.
        if (sent === 'sent') await cursor.advance(record.seq)
      }
      if (records.length > 0) {
        await cursor.advance(nextSeq - 1)
        continue
      }
      const gap = gaps.atHead()
      if (gap && !(await this.#send(...this.#gap(gap)))) return
      if (this.#draining) return
      this.#status.state = 'idle'
      await this.#wake.wait()
    }
  }

  async #settle(record: JournalRecord, gaps: GapWatch): Promise<'sent' | 'nothing' | 'stopped'> {
    const decoded = decode(record)
    gaps.record(record)
    if (decoded.kind === 'damaged') this.#options.counters.get('webhook.damaged_records').n++
    if (decoded.kind !== 'transition' && decoded.kind !== 'checkpoint') return 'nothing'
    const upTo = decoded.kind === 'transition' ? decoded.transition.alertSeq - 1 : decoded.checkpoint.alarms.alertSeq
    const gap = gaps.alertsUpTo(upTo)
    if (gap && !(await this.#send(...this.#gap(gap)))) return 'stopped'
    if (decoded.kind === 'checkpoint') {
      this.#filter.fold(decoded)
      return gap ? 'sent' : 'nothing'
    }
    const t = decoded.transition
    gaps.alert(t.alertSeq)
    if (!this.#filter.takes(t)) {
      this.#status.leftOut++
      return gap ? 'sent' : 'nothing'
    }
    const body = alertPayload(this.#options.gateway, t)
    return (await this.#send(body, `${t.alertSeq}`, `alert ${t.alertSeq} (${t.id})`)) ? 'sent' : 'stopped'
  }

  #gap(gap: Parameters<typeof gapPayload>[1]): [Buffer, string, string] {
    const { gateway, clock } = this.#options
    const body = gapPayload(gateway, gap, clock.nowUs())
    return [body, `gap-${gap.from ?? 'unknown'}-${gap.to ?? 'unknown'}`, 'the message about lost alerts']
  }

  /** Until it is taken or passed over; false: stopped before. */
  async #send(body: Buffer, key: string, what: string): Promise<boolean> {
    const { gateway, clock, counters } = this.#options
    for (let refusals = 0; !this.#stopping.signal.aborted; ) {
      if (this.#status.state !== 'retrying') this.#status.state = 'sending'
      const result = await this.#post.send(body, `${gateway.id}-${key}`, this.#stopping.signal)
      if (result.status !== undefined) this.#status.lastStatus = result.status
      if (result.outcome === 'delivered') return this.#delivered()
      if (this.#stopping.signal.aborted) return false
      counters.get('webhook.failed_tries').n++
      if (result.outcome === 'refused' && ++refusals >= REFUSED_TRIES) return this.#passOver(what, result)
      this.#trouble(result.problem ?? 'failed')
      // A stop does not wait for a receiver that is away: the journal keeps it.
      if (this.#draining) return false
      const waitMs = Math.max(this.#backoff.nextMs(), result.retryAfterMs ?? 0)
      await sleep(clock, waitMs, this.#stopping.signal)
    }
    return false
  }

  #delivered(): true {
    const { clock, logger, config } = this.#options
    if (this.#status.state === 'retrying') logger.info(`webhook ${config.name}: delivered again`)
    this.#backoff.reset()
    this.#status.delivered++
    this.#status.deliveredAt = isoFromUs(clock.nowUs())
    this.#status.state = 'sending'
    delete this.#status.problem
    return true
  }

  #passOver(what: string, { problem }: PostResult): true {
    const { counters, logger, config } = this.#options
    counters.get('webhook.refused').n++
    this.#status.refused++
    this.#backoff.reset()
    this.#status.state = 'sending'
    this.#status.problem = `${what} was ${problem}; it was tried ${REFUSED_TRIES} times and passed over`
    logger.error(`webhook ${config.name}: ${this.#status.problem}`)
    return true
  }

  /** Logged when it is new: a receiver that is away for a week is one line. */
  #trouble(problem: string): void {
    const { logger, config } = this.#options
    if (this.#status.problem !== problem || this.#status.state !== 'retrying')
      logger.warn(`webhook ${config.name}: ${problem}; kept and tried again`)
    this.#status.problem = problem
    this.#status.state = 'retrying'
  }
}
