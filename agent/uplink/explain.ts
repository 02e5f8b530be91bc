// A publish that the broker answered with a refusal, and what a person can do about it. Connections: core/mqtt/explain.ts.
import { parts, REASON } from '../core/mqtt/explain.ts'

export function explainRefusal(error: unknown, topic: string): string {
  const { code, text } = parts(error)
  const advice =
    code === REASON.notAuthorized
      ? "allow this gateway to write there in the broker's access list"
      : 'see the log of the broker'
  return `the broker refuses messages on ${topic} (${text}); ${advice}; nothing is lost, it is tried again`
}
