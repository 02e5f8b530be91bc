// The consumer's side of `receipt: consumer`: what came is stored, made durable, then confirmed; a burst in one receipt.
import type { Cancel, Clock } from '../core/clock.ts'
import type { AlertView, CollectItem, ReceiptOptions } from './collect-items.ts'
import { json } from './payloads.ts'
import { TOPIC_ROOT } from './topics.ts'

/** From the first alert of a burst to its receipt. */
const GATHER_MS = 5
/** What is missing is asked for so often, per consumer. */
const ASK_MS = 500

export class ReceiptSender {
  readonly #options: ReceiptOptions
  readonly #clock: Clock
  readonly #publish: (message: [topic: string, payload: Buffer]) => Promise<void>
  /** Gateways with something to confirm. */
  readonly #due = new Set<string>()
  readonly #asking = new Set<string>()
  #askedMs = Number.NEGATIVE_INFINITY
  #cancel: Cancel | undefined

  constructor(
    options: ReceiptOptions,
    clock: Clock,
    publish: (message: [topic: string, payload: Buffer]) => Promise<void>,
  ) {
    this.#options = options
    this.#clock = clock
    this.#publish = publish
  }

  /** After a connect: what was published meanwhile went past, so all gateways are asked to go on from what is here. */
  announce(): void {
    for (const gateway of this.#options.ledger.gateways) this.#asking.add(gateway)
    this.#askedMs = Number.NEGATIVE_INFINITY
    this.#later()
  }

  /** What of it is new. */
  take(gateway: string, alert: AlertView, text: string): CollectItem[] {
    const { verdict, gap } = this.#options.ledger.take(gateway, alert.id, alert.seq, alert)
    if (verdict === 'early') this.#asking.add(gateway)
    this.#due.add(gateway)
    this.#later()
    const gaps: CollectItem[] = gap ? [{ kind: 'gap', gateway, ...gap }] : []
    return verdict === 'new' ? [...gaps, { kind: 'alert', alert, text, late: false }] : gaps
  }

  stated(gateway: string, text: string): void {
    const range = statedRange(text)
    if (!range) return
    this.#options.ledger.stated(gateway, range.from, range.to)
    this.#due.add(gateway)
    this.#later()
  }

  /** The last receipts, of what is stored by now. */
  async stop(): Promise<void> {
    this.#cancel?.()
    this.#cancel = undefined
    await Promise.all(this.#send())
  }

  #later(): void {
    this.#cancel ??= this.#clock.after(GATHER_MS, () => {
      this.#cancel = undefined
      this.#send()
    })
  }

  #send(): Promise<void>[] {
    const { ledger, consumer, sync } = this.#options
    sync()
    const nowMs = this.#clock.monotonicMs()
    const asks = this.#asking.size > 0 && nowMs - this.#askedMs >= ASK_MS ? [...this.#asking] : []
    if (asks.length > 0) {
      this.#askedMs = nowMs
      this.#asking.clear()
    }
    const gateways = new Set([...this.#due, ...asks])
    this.#due.clear()
    return [...gateways].flatMap(gateway => {
      const position = ledger.position(gateway)
      const [site, id] = gateway.split('/')
      if (!position || id === undefined) return []
      const resend = asks.includes(gateway) ? { resend: true } : {}
      const head = { schema: 'wearwatch.alert-receipt/1', site, gateway: id, consumer }
      // Lost receipts are no harm: the gateway sends again what has none, and that is confirmed again.
      const sent = this.#publish([`${TOPIC_ROOT}/${gateway}/alert-receipt`, json({ ...head, ...position, ...resend })])
      return [sent.catch(() => {})]
    })
  }
}

/** Undefined when it is no statement of a gap. */
export function statedRange(text: string): { from: number | null; to: number | null } | undefined {
  try {
    const { alerts } = JSON.parse(text) as { alerts?: { from?: unknown; to?: unknown } }
    const from = alerts?.from ?? null
    const to = alerts?.to ?? null
    const isNumber = (value: unknown): value is number | null => value === null || Number.isSafeInteger(value)
    return alerts && isNumber(from) && isNumber(to) ? { from, to } : undefined
  } catch {
    return undefined
  }
}
