import type { WebhookStatus } from '../uplink/contract.ts'

/** `tickets https://tickets.example idle: 12 delivered, 0 pending, last answer 200`. */
export function webhookText(webhook: WebhookStatus): string {
  const { name, url, state, delivered, pending, leftOut, refused, lastStatus, problem } = webhook
  const counts = [`${delivered} delivered`, `${pending} pending`]
  if (leftOut > 0) counts.push(`${leftOut} left out by its filter`)
  if (refused > 0) counts.push(`${refused} refused and passed over`)
  if (lastStatus !== undefined) counts.push(`last answer ${lastStatus}`)
  return `${name} ${url} ${state}: ${counts.join(', ')}${problem === undefined ? '' : `; ${problem}`}`
}
