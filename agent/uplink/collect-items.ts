// What a consumer makes of messages.
import type { LaneView } from './alert-ledger.ts'
import type { ReceiptLedger } from './receipt-ledger.ts'

/** `late`: new, but after a higher number of the same gateway. `text` is the payload as received. */
export type CollectItem =
  | { kind: 'alert'; alert: AlertView; text: string; late: boolean }
  | { kind: 'standing'; alert: AlertView; text: string }
  | { kind: 'gap'; gateway: string; from: number; to: number }
  | { kind: 'stated-gap'; gateway: string; text: string }
  | { kind: 'malformed'; topic: string }

/** What a line needs of an alert; docs/schemas/alert.schema.json has the rest. */
export interface AlertView extends LaneView {
  id: string
  seq: number
  site: string
  gateway: string
  asset: string
  transition: string
  priority: number
  at: string
  message: string
  by?: string
  model?: { name: string; release: number }
}

export interface ReceiptOptions {
  /** Name of the consumer. */
  consumer: string
  /** What is stored already. */
  ledger: ReceiptLedger
  /** Makes what `onItem` wrote durable; a receipt goes out after it. */
  sync: () => void
}

export function parseAlert(text: string): AlertView | undefined {
  try {
    const value = JSON.parse(text) as Partial<AlertView> | null
    const whole = typeof value?.id === 'string' && Number.isSafeInteger(value.seq) && typeof value.message === 'string'
    return whole ? (value as AlertView) : undefined
  } catch {
    return undefined
  }
}
