// How commands read the values of their options.
import { InvalidArgumentError } from 'commander'
import { parseDuration } from '../config/quantities.ts'
import { SLUG, SLUG_CHARS_MAX, slugProblem } from '../config/schema-parts.ts'
import { isUnit, unitHint } from '../config/units.ts'
import { numberOf } from '../decode/numbers.ts'

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

export function parsePair(text: string, before: Map<string, string> = new Map()): Map<string, string> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError(`expected ID=VALUE, such as flow=m3/h`)
  const id = text.slice(0, at)
  if (before.has(id)) throw new InvalidArgumentError(`${id} is given twice; keep one of the two`)
  return new Map(before).set(id, text.slice(at + 1))
}

/** ID=COLUMN; the id must be one that the configuration takes. */
export function parseChannel(text: string, before?: Map<string, string>): Map<string, string> {
  const pairs = parsePair(text, before)
  const id = [...pairs.keys()].at(-1) ?? ''
  if (SLUG.test(id) && id.length <= SLUG_CHARS_MAX) return pairs
  throw new InvalidArgumentError(slugProblem(id, 'the id of a channel').filter(Boolean).join('; '))
}

/** ID=UNIT; the unit must be one that the configuration takes. */
export function parseUnit(text: string, before?: Map<string, string>): Map<string, string> {
  const pairs = parsePair(text, before)
  const unit = [...pairs.values()].at(-1) ?? ''
  if (isUnit(unit)) return pairs
  throw new InvalidArgumentError(`unknown unit "${unit}"; ${unitHint(unit)}`)
}

/** Counted from 0; a recording of a year of seconds has 31 million. */
export function parseRow(text: string): number {
  const row = Number(text)
  if (text.trim() === '' || !Number.isInteger(row) || row < 0 || row > 1e9) {
    throw new InvalidArgumentError('expected a row number, 0 or more')
  }
  return row
}

/** `5s`, `10min`, as in the configuration; ms. */
export function parseDelay(text: string): number {
  const parsed = parseDuration(text)
  if ('value' in parsed) return parsed.value
  throw new InvalidArgumentError([parsed.message, parsed.hint].filter(Boolean).join('; '))
}

export function parsePositive(text: string): number {
  const value = numberOf(text)
  if (!(value > 0)) throw new InvalidArgumentError('expected a number above 0')
  return value
}

export function parseCount(text: string): number {
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1 || count > 10_000) {
    throw new InvalidArgumentError(`expected a whole number from 1 to 10000`)
  }
  return count
}
