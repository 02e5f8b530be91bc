// Internal records -> what is published. docs/schemas holds a JSON Schema for each; tests hold real messages against them.
import { type AlarmTransition, isaState } from '../alarms/contract.ts'
import type { GatewayConfig } from '../config/contract.ts'
import { isoFromUs } from '../core/types.ts'
import type { LaneFacts } from './lane-facts.ts'

/** Bytes; the broker's limit is often 64 KiB or more, and a person reads this. */
const MESSAGE_CHARS_MAX = 500

const MESSAGE_CHARS_LEAST = 80

/** A transition as it is told; `shortened`: not all of it, for want of room at the broker. */
export type Shown = AlarmTransition & { shortened?: true }

/** Alert numbers that consumers will never see. */
export interface AlertGap {
  /** Null when the gateway does not know itself what it delivered before. */
  from: number | null
  /** Null when nothing after the loss tells its end yet. */
  to: number | null
  journalFrom: number | null
  journalTo: number | null
  reason: 'space' | 'damage' | 'unknown' | 'size'
  detail: string
}

/** @param facts of its delivery; `backfill`: it was delivered before, and somebody asked for it once more */
export function alertPayload(gateway: GatewayConfig, t: Shown, facts: LaneFacts | { backfill?: true } = {}): Buffer {
  return json({ schema: 'wearwatch.alert/1', ...alarmBody(gateway, t), ...facts })
}

/** The retained twin of the last alert of an alarm: same fields, own schema. */
export function alarmPayload(gateway: GatewayConfig, t: Shown): Buffer {
  return json({ schema: 'wearwatch.alarm/1', ...alarmBody(gateway, t) })
}

function alarmBody(gateway: GatewayConfig, t: Shown): Record<string, unknown> {
  return {
    id: t.id,
    seq: t.alertSeq,
    test: t.test,
    site: gateway.site,
    gateway: gateway.id,
    asset: t.asset,
    // JSON.stringify leaves undefined fields out.
    tag: t.tag,
    kind: t.kind,
    transition: t.transition,
    active: t.active,
    acked: t.acked,
    suppression: t.suppression,
    isaState: isaState(t.active, t.acked, t.suppression),
    priority: t.priority,
    onset: isoFromUs(t.onsetUs),
    raised: isoFromUs(t.raisedUs),
    at: isoFromUs(t.atUs),
    clock: t.clock,
    running: t.running,
    message: t.message.slice(0, MESSAGE_CHARS_MAX),
    rule: t.rule,
    ...(t.neverRaised ? {} : { ...scoreOrValue(t), setpoint: t.setpoint }),
    evidence: t.evidence,
    action: t.action,
    model: t.model,
    shelvedUntil: t.shelvedUntilUs === undefined ? undefined : isoFromUs(t.shelvedUntilUs),
    latched: t.latched,
    flood: t.flood,
    actor: t.actor,
    by: t.by,
    note: t.note,
    label: t.label,
    shortened: t.shortened,
  }
}

/**
 * The payload that `encode` makes of `t` within `bytesMax`: whole, else without evidence, else also with the shortest words, which
 * it then says. Undefined when even that is too large.
 */
export function fitted(t: AlarmTransition, bytesMax: number, encode: (t: Shown) => Buffer): Buffer | undefined {
  const cut: Shown = { ...t, evidence: [], shortened: true }
  const { action: _action, note: _note, model: _model, ...least } = cut
  for (const shown of [t, cut, { ...least, message: t.message.slice(0, MESSAGE_CHARS_LEAST) }]) {
    const payload = encode(shown)
    if (payload.length <= bytesMax) return payload
  }
  return undefined
}

/** The model's rule watches a score, a fixed limit the value of its channel. */
function scoreOrValue({ rule, value }: AlarmTransition): { score: number } | { value: number } {
  return rule === 'model' ? { score: value } : { value }
}

export function gapPayload(gateway: GatewayConfig, gap: AlertGap, nowUs: number): Buffer {
  return json({
    schema: 'wearwatch.gap/1',
    site: gateway.site,
    gateway: gateway.id,
    at: isoFromUs(nowUs),
    alerts: { from: gap.from, to: gap.to },
    journal: { from: gap.journalFrom, to: gap.journalTo },
    reason: gap.reason,
    detail: gap.detail.slice(0, MESSAGE_CHARS_MAX),
  })
}

/** `state`, `health`, `features`: what the pipeline says, under a head that it cannot change. */
export function statusPayload(
  kind: 'state' | 'health' | 'features',
  gateway: GatewayConfig,
  nowUs: number,
  body: Record<string, unknown>,
  asset?: string,
): Buffer {
  const head = {
    schema: `wearwatch.${kind}/1`,
    site: gateway.site,
    gateway: gateway.id,
    ...(asset === undefined ? {} : { asset }),
  }
  // A body that knows better when it was (the time of a score) says so.
  return json({ ...head, at: isoFromUs(nowUs), ...body, ...head })
}

/** Without a time of its own: the broker sends it long after it was written, and knows better when. */
export function willPayload(gateway: GatewayConfig, version: string): Buffer {
  return json({
    schema: 'wearwatch.state/1',
    site: gateway.site,
    gateway: gateway.id,
    state: 'offline',
    reason: 'connection lost',
    version,
  })
}

export function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}
