// A transition -> one PUBLISH of the alert stream: payload, MQTT 5 properties, cut to what the broker takes.
import type { AlarmTransition } from '../alarms/contract.ts'
import type { GatewayConfig } from '../config/contract.ts'
import type { Clock } from '../core/clock.ts'
import type { Counters } from '../core/counters.ts'
import type { Logger } from '../core/logger.ts'
import type { BrokerLimits, PublishProperties } from './broker-limits.ts'
import { explainRefusal } from './explain.ts'
import type { LaneFacts, LaneName, Round } from './lane-facts.ts'
import type { Flight } from './ordered-acks.ts'
import { type AlertGap, alertPayload, fitted, gapPayload } from './payloads.ts'
import type { PublishOptions } from './publishes.ts'
import type { Topics } from './topics.ts'

/** Of a lane: called for each PUBACK of the same round, and when the broker refused something. */
export interface Answers {
  acked(flight: Flight): void
  refused(): void
}

export interface AlertLink {
  publish(topic: string, payload: Buffer | string, options?: PublishOptions): Promise<void>
  readonly limits: BrokerLimits
}

export interface AlertOutOptions {
  link: AlertLink
  gateway: GatewayConfig
  topics: Topics
  /** MQTT 5. */
  expiryMs: number | undefined
  clock: Clock
  logger: Logger
  counters: Counters
}

const SCHEMA = 'wearwatch.alert/1'

export class AlertOut {
  /** Why the broker does not take what is sent, while it does not. */
  trouble: string | undefined
  readonly #options: AlertOutOptions

  constructor(options: AlertOutOptions) {
    this.#options = options
  }

  /** Publishes for `flight`. */
  alert(round: Round, flight: Flight, t: AlarmTransition, facts: LaneFacts, answers: Answers): void {
    const { gateway, topics, link, counters, logger } = this.#options
    const topic = topics.alert(t.asset)
    const properties = this.#properties(t, facts.lane)
    const room = link.limits.payloadBytesMax(topic, properties)
    const payload = fitted(t, room, shown => alertPayload(gateway, shown, facts))
    if (payload) {
      this.#send(round, flight, topic, payload, properties, answers)
      return
    }
    counters.get('uplink.too_large').n++
    const detail = `alert ${t.alertSeq} is larger than the broker takes (${link.limits.packetBytesMax} bytes), even cut`
    logger.error(`${detail}; see status for it, and raise the limit of the broker`)
    const gap = {
      from: t.alertSeq,
      to: t.alertSeq,
      journalFrom: null,
      journalTo: null,
      reason: 'size' as const,
      detail,
    }
    this.gap(round, flight, gap, answers)
  }

  gap(round: Round, flight: Flight | undefined, gap: AlertGap, answers: Answers): void {
    const { gateway, topics, clock, logger, link, counters } = this.#options
    logger.error(`alerts ${gap.from ?? '?'} to ${gap.to ?? '?'} are lost: ${gap.detail}; consumers are told`)
    const payload = gapPayload(gateway, gap, clock.nowUs())
    // A broker with less room than this takes nothing of ours; the numbers still show the gap.
    if (payload.length > link.limits.payloadBytesMax(topics.gap)) counters.get('uplink.too_large').n++
    else this.#send(round, flight, topics.gap, payload, {}, answers)
  }

  #properties(t: AlarmTransition, lane: LaneName): PublishProperties {
    const { gateway, expiryMs } = this.#options
    return {
      contentType: 'application/json',
      payloadFormatIndicator: true,
      correlationData: Buffer.from(t.id),
      ...(expiryMs === undefined ? {} : { messageExpiryInterval: Math.ceil(expiryMs / 1000) }),
      userProperties: {
        schema: SCHEMA,
        site: gateway.site,
        gateway: gateway.id,
        asset: t.asset,
        kind: t.kind,
        priority: String(t.priority),
        transition: t.transition,
        lane,
      },
    }
  }

  /** A refusal ends the work of the round, not the connection. */
  #send(
    round: Round,
    flight: Flight | undefined,
    topic: string,
    payload: Buffer,
    properties: PublishProperties,
    answers: Answers,
  ): void {
    const { link, clock } = this.#options
    const startedMs = clock.monotonicMs()
    if (flight) flight.left++
    link.publish(topic, payload, { properties }).then(
      () => {
        if (!round.alive || round.refused) return
        this.trouble = undefined
        if (!flight) return
        flight.pubackMs = clock.monotonicMs() - startedMs
        answers.acked(flight)
      },
      (error: unknown) => {
        if (!round.alive) return
        round.refused ??= error
        this.trouble = explainRefusal(error, topic)
        answers.refused()
      },
    )
  }
}
