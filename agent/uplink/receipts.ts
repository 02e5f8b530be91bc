// Receipts of consumers, from whoever may write `alert-receipt`: checked, counted, never trusted beyond what was made.
import type { IPublishPacket } from 'mqtt'
import type { GatewayConfig } from '../config/contract.ts'
import type { Clock } from '../core/clock.ts'
import type { Counters } from '../core/counters.ts'
import type { Logger } from '../core/logger.ts'

/** docs/schemas/alert-receipt.schema.json */
export interface Receipt {
  consumer: string
  /** The consumer has stored every alert up to it, or knows it to be lost. */
  seq: number
  /** Beside a backlog: the same of the fresh lane. */
  fresh?: number
  /** Send again what is not confirmed: something is missing there. */
  resend?: true
}

export interface ReceiptDeskOptions {
  gateway: GatewayConfig
  /** Only its receipts count; undefined: those of any. */
  consumer: string | undefined
  clock: Clock
  counters: Counters
  logger: Logger
  /** Returns why not, when it cannot be. */
  accept: (receipt: Receipt) => string | undefined
}

const RECEIPT_BYTES_MAX = 1_024
const CONSUMER = /^[\x20-\x7e]{1,64}$/
/** A flood of refused receipts is one line in the log. */
const LOG_EVERY_MS = 60_000

export class ReceiptDesk {
  /** Who confirmed last. */
  consumer: string | undefined
  readonly #options: ReceiptDeskOptions
  #loggedMs = Number.NEGATIVE_INFINITY

  constructor(options: ReceiptDeskOptions) {
    this.#options = options
  }

  /** Never throws. */
  receive(payload: Buffer, packet: Pick<IPublishPacket, 'retain'>): void {
    const { counters, clock, logger } = this.#options
    const refused = this.#take(payload, packet.retain)
    counters.get(refused === undefined ? 'uplink.receipts' : 'uplink.receipts_refused').n++
    if (refused === undefined || clock.monotonicMs() - this.#loggedMs < LOG_EVERY_MS) return
    this.#loggedMs = clock.monotonicMs()
    logger.warn(`a receipt was refused: ${refused}; others within a minute are only counted`)
  }

  #take(payload: Buffer, retained: boolean): string | undefined {
    const { gateway, consumer, accept } = this.#options
    if (retained) return 'it is a retained message, which may be of any age'
    if (payload.length > RECEIPT_BYTES_MAX) return `it has ${payload.length} bytes, more than ${RECEIPT_BYTES_MAX}`
    const receipt = parseReceipt(payload, gateway)
    if (typeof receipt === 'string') return receipt
    if (consumer !== undefined && receipt.consumer !== consumer)
      return `it is of consumer "${receipt.consumer}", not of "${consumer}"`
    const refused = accept(receipt)
    if (refused === undefined) this.consumer = receipt.consumer
    return refused
  }
}

function parseReceipt(payload: Buffer, gateway: GatewayConfig): Receipt | string {
  let value: unknown
  try {
    value = JSON.parse(payload.toString('utf8'))
  } catch {
    return 'it is no JSON'
  }
  if (typeof value !== 'object' || value === null) return 'it is no object'
  const { schema, site, gateway: id, consumer, seq, fresh, resend } = value as Record<string, unknown>
  if (schema !== 'wearwatch.alert-receipt/1') return 'its schema is not wearwatch.alert-receipt/1'
  if (site !== gateway.site || id !== gateway.id) return 'it is for another gateway'
  if (typeof consumer !== 'string' || !CONSUMER.test(consumer)) return 'it does not name its consumer'
  if (!isNumber(seq) || !(fresh === undefined || isNumber(fresh))) return 'its numbers are none'
  if (!(resend === undefined || resend === true)) return 'resend is not true'
  return { consumer, seq, ...(fresh === undefined ? {} : { fresh }), ...(resend ? { resend } : {}) }
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
