// A time as people type it: ISO 8601, or how long ago.
import { AgentError } from '../core/errors.ts'

const SPAN_MS: Record<string, number> = { s: 1e3, min: 60e3, h: 3600e3, d: 86_400e3 }

/** µs since 1970. Throws USAGE. */
export function timeUs(text: string): number {
  const span = /^(\d+(?:\.\d+)?)(s|min|h|d)$/.exec(text)
  if (span) return (Date.now() - Number(span[1]) * SPAN_MS[span[2] ?? 's']!) * 1000
  const parsed = Date.parse(text)
  if (Number.isNaN(parsed))
    throw new AgentError(
      'USAGE',
      `cannot read the time "${text}": give ISO 8601 (2026-11-22T06:00:00Z) or a span such as 1h, 30min, 7d`,
    )
  return parsed * 1000
}
