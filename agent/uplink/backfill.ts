// Alerts once more, for a consumer that lost what the broker had acknowledged: read from the journal, sent beside the stream,
// marked, one after the other and slowly, so that fresh alerts never wait for them.
import type { GatewayConfig } from '../config/contract.ts'
import { type Clock, sleep } from '../core/clock.ts'
import { AgentError } from '../core/errors.ts'
import type { Journal } from '../journal/contract.ts'
import type { CommandReport } from './contract.ts'
import type { MqttLink } from './link.ts'
import { alertPayload, fitted } from './payloads.ts'
import { decode } from './standing.ts'
import type { Topics } from './topics.ts'

export interface BackfillOptions {
  journal: Journal
  gateway: GatewayConfig
  topics: Topics
  link: MqttLink
  clock: Clock
  /** What came later is still on its way by itself. */
  deliveredAlertSeq: () => number
}

/** Alerts of one command. */
const ALERTS_MAX = 10_000
/** Between two: 200 a second at most. */
const PAUSE_MS = 5
const READ_RECORDS = 128

export class Backfill {
  readonly #options: BackfillOptions
  readonly #stopping = new AbortController()
  #busy = false

  constructor(options: BackfillOptions) {
    this.#options = options
  }

  stop(): void {
    this.#stopping.abort()
  }

  /** Alerts `from` to `to`, both included. Throws COMMAND_REFUSED; UPLINK_UNAVAILABLE where the broker goes away, or refuses. */
  async send(from: number, to = this.#options.deliveredAlertSeq()): Promise<CommandReport> {
    const delivered = this.#options.deliveredAlertSeq()
    if (this.#busy) throw refused('alerts are being sent once more already; wait for that')
    if (to > delivered || from > delivered)
      throw refused(`the last alert delivered is ${delivered}; what comes after it is sent by itself`)
    if (to - from >= ALERTS_MAX)
      throw refused(`at most ${ALERTS_MAX} alerts at once; ask for ${from} to ${from + ALERTS_MAX - 1}`)
    this.#busy = true
    try {
      return report(from, to, await this.#sendAll(from, to))
    } finally {
      this.#busy = false
    }
  }

  async #sendAll(from: number, to: number): Promise<number> {
    const { journal, gateway, topics, link, clock } = this.#options
    let sent = 0
    let last = from - 1
    let records = await journal.read(journal.status().firstSeq, READ_RECORDS)
    while (records.length > 0 && last < to) {
      for (const record of records) {
        const decoded = decode(record)
        // Only upward: a transition folded in twice is one alert.
        if (decoded.kind !== 'transition' || decoded.transition.alertSeq <= last) continue
        last = decoded.transition.alertSeq
        if (last > to) break
        if (this.#stopping.signal.aborted) throw refused(`the agent is stopping; ${sent} were sent`)
        const topic = topics.alert(decoded.transition.asset)
        const room = link.limits.payloadBytesMax(topic)
        const payload = fitted(decoded.transition, room, shown => alertPayload(gateway, shown, { backfill: true }))
        if (!payload) continue
        await link.publish(topic, payload)
        sent++
        await sleep(clock, PAUSE_MS, this.#stopping.signal)
      }
      records = await journal.read(records[records.length - 1]!.seq + 1, READ_RECORDS)
    }
    return sent
  }
}

function report(from: number, to: number, sent: number): CommandReport {
  const gone = to - from + 1 - sent
  const lost = gone === 0 ? '' : `; ${gone} are not in the journal any more`
  return { message: `${sent} of alerts ${from} to ${to} sent once more${lost}`, detail: { from, to, sent, gone } }
}

function refused(message: string): AgentError {
  return new AgentError('COMMAND_REFUSED', message)
}
