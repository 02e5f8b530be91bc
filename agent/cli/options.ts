// How commands read the values of their options.
import { InvalidArgumentError } from 'commander'

/** Half-open. */
export interface RowRange {
  from: number
  to: number
}

export function parseRange(text: string): RowRange {
  const match = /^(\d*):(\d*)$/.exec(text)
  const from = Number(match?.[1] || 0)
  const to = match?.[2] ? Number(match[2]) : Number.POSITIVE_INFINITY
  if (!match || from >= to) throw new InvalidArgumentError(`expected A:B with A below B, such as 0:3600`)
  return { from, to }
}

export function parseList(text: string): string[] {
  return text.split(',').map(item => item.trim())
}

export function parsePair(text: string, before: Map<string, string>): Map<string, string> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError(`expected ID=VALUE, such as flow=m3/h`)
  return new Map(before).set(text.slice(0, at), text.slice(at + 1))
}

export function parseCount(text: string): number {
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1 || count > 10_000) {
    throw new InvalidArgumentError(`expected a whole number from 1 to 10000`)
  }
  return count
}
