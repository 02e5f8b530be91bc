// The pieces the schema is made of. Each says in its own words what was expected and what would do; zod carries both in
// one string, the hint after a newline (`withHint`), and `check.ts` takes them apart again.
import { z } from 'zod'
import type { ErrorCode } from '../core/errors.ts'
import { durationText, type Parsed, parseDuration, parseRate, parseSize, sizeText } from './quantities.ts'
import { isUnit, unitHint } from './units.ts'
import { didYouMean, expected, names, shown } from './wording.ts'

export const SLUG = /^[a-z0-9][a-z0-9-]*$/
export const SLUG_CHARS_MAX = 64

export function withHint(message: string, hint?: string): string {
  return hint === undefined || hint === '' ? message : `${message}\n${hint}`
}

/** A mapping that knows its keys. Unknown ones are errors: `check.ts` finds the known ones in the message. */
export function object<S extends z.ZodRawShape>(what: string, shape: S) {
  return z.strictObject(shape, {
    error: issue =>
      issue.code === 'unrecognized_keys'
        ? Object.keys(shape).join('\n')
        : withHint(expected(`${what}, a mapping of keys`, issue.input), `keys: ${names(Object.keys(shape))}`),
  })
}

export function text(what: string, charsMax = 256) {
  const problem = (input: unknown): string =>
    withHint(expected(what, input), typeof input === 'number' ? `put it in quotes: "${input}"` : undefined)
  return z
    .string({ error: issue => problem(issue.input) })
    .min(1, `is empty; expected ${what}`)
    .max(charsMax, `is longer than ${charsMax} characters; expected ${what}`)
}

export function slug(what: string) {
  return text(what, SLUG_CHARS_MAX).regex(SLUG, {
    error: issue => withHint(...slugProblem(String(issue.input), what)),
  })
}

/** Message and hint for an id that is not one. */
export function slugProblem(id: string, what: string): [message: string, hint: string | undefined] {
  const better = id
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, SLUG_CHARS_MAX)
  const rule = 'small letters, digits and hyphens, beginning with a letter or digit, 64 characters at most'
  return [
    `"${shown(id)}" cannot be ${what}: expected ${rule}`,
    SLUG.test(better)
      ? `write ${better}${what.includes('asset') ? '; the name people use goes into "tag"' : ''}`
      : undefined,
  ]
}

export function oneOf<const V extends readonly [string, ...string[]]>(values: V, hints: Record<string, string> = {}) {
  return z.enum(values, {
    error: issue => {
      const given = typeof issue.input === 'string' ? issue.input : ''
      const hint = Object.hasOwn(hints, given) ? hints[given] : given === '' ? undefined : didYouMean(given, values)
      return withHint(
        expected(`one of ${values.join(', ')}`, issue.input),
        hint?.startsWith('known') ? undefined : hint,
      )
    },
  })
}

export function number(what: string, low = -Number.MAX_VALUE, high = Number.MAX_VALUE) {
  return z
    .number({ error: issue => withHint(expected(what, issue.input), unquoted(issue.input)) })
    .gte(low, { error: issue => `expected ${what}, got ${issue.input}; the least is ${low}` })
    .lte(high, { error: issue => `expected ${what}, got ${issue.input}; the most is ${high}` })
}

export function integer(what: string, low: number, high: number) {
  const range = `${what}, a whole number from ${low} to ${high}`
  return z
    .number({ error: issue => withHint(expected(range, issue.input), unquoted(issue.input)) })
    .int(`expected ${range}, got a fraction`)
    .gte(low, { error: issue => `expected ${range}, got ${issue.input}` })
    .lte(high, { error: issue => `expected ${range}, got ${issue.input}` })
}

const unquoted = (input: unknown): string | undefined =>
  typeof input === 'string' && /^\s*-?\d+(\.\d+)?\s*$/.test(input)
    ? `write it without quotes: ${input.trim()}`
    : undefined

export function duration(what: string, lowMs = 0, highMs = 3650 * 86_400_000) {
  const problem = (input: unknown): string =>
    withHint(
      expected(`${what}, a duration with its unit, such as 10min`, input),
      typeof input === 'number' ? `write ${input}s, ${input}min or ${input}h` : undefined,
    )
  return z
    .string({ error: issue => problem(issue.input) })
    .meta({ pattern: '^[0-9]+(\\.[0-9]+)? ?(ms|s|min|h|d)$' })
    .transform((input, ctx) => bounded(ctx, input, parseDuration(input), lowMs, highMs, durationText))
}

/** `daily`, `off`, or ms of a duration. */
export function rebaseline() {
  const what = 'daily, off, or a span of running time such as 12h'
  return z
    .string({ error: issue => expected(what, issue.input) })
    .meta({ pattern: '^(daily|off|[0-9]+(\\.[0-9]+)? ?(ms|s|min|h|d))$' })
    .transform((input, ctx): 'daily' | 'off' | number => {
      if (input === 'daily' || input === 'off') return input
      const parsed = parseDuration(input)
      if (!('value' in parsed)) return refuse(ctx, expected(what, input), 'write rebaseline: daily')
      return bounded(ctx, input, parsed, 60_000, 3650 * 86_400_000, durationText)
    })
}

/** ms of a duration, or `off`. */
export function spanOrOff(what: string, lowMs: number, highMs: number) {
  const wanted = `${what}, a duration such as 10min, or off`
  return z
    .string({
      error: issue =>
        withHint(expected(wanted, issue.input), typeof issue.input === 'number' ? `write ${issue.input}s` : undefined),
    })
    .meta({ pattern: '^(off|[0-9]+(\\.[0-9]+)? ?(ms|s|min|h|d))$' })
    .transform((input, ctx): number | 'off' =>
      input === 'off' ? input : bounded(ctx, input, parseDuration(input), lowMs, highMs, durationText),
    )
}

export function size(what: string, low: number, high: number) {
  const problem = (input: unknown): string =>
    withHint(
      expected(`${what}, a size with its unit, such as 512MiB`, input),
      typeof input === 'number' ? `write ${input}MiB or ${input}GiB` : undefined,
    )
  return z
    .string({ error: issue => problem(issue.input) })
    .meta({ pattern: '^[0-9]+(\\.[0-9]+)? ?(B|[kMGT]B|[KMGT]iB)$' })
    .transform((input, ctx) => bounded(ctx, input, parseSize(input), low, high, sizeText))
}

/** Hz. */
export function rate(what: string, low: number, high: number) {
  return z
    .union([z.number(), z.string()], { error: issue => expected(`${what}, a rate such as 10Hz or 25600`, issue.input) })
    .transform((input, ctx) => bounded(ctx, input, parseRate(input), low, high, hz => `${hz}Hz`))
}

/** Events a second: `50/s`. */
export function perSecond(what: string, low: number, high: number) {
  const problem = (input: unknown): string =>
    withHint(
      expected(`${what}, a rate such as 50/s`, input),
      typeof input === 'number' ? `write ${input}/s` : undefined,
    )
  return z
    .string({ error: issue => problem(issue.input) })
    .meta({ pattern: '^[0-9]+(\\.[0-9]+)? ?/s$' })
    .transform((input, ctx) => {
      const digits = /^(\d{1,9}(?:\.\d{1,6})?) ?\/s$/.exec(input.trim())?.[1]
      if (digits === undefined) return refuse(ctx, expected(`${what}, a rate such as 50/s`, input), 'write 50/s')
      return bounded(ctx, input, { value: Number(digits) }, low, high, n => `${n}/s`)
    })
}

type Context = z.RefinementCtx<unknown>

function bounded(
  ctx: Context,
  input: string | number,
  parsed: Parsed,
  low: number,
  high: number,
  show: (value: number) => string,
): number {
  if (!('value' in parsed)) return refuse(ctx, parsed.message, parsed.hint)
  if (parsed.value < low) return refuse(ctx, `${input} is too small; the least is ${show(low)}`)
  if (parsed.value > high) return refuse(ctx, `${input} is too large; the most is ${show(high)}`)
  return parsed.value
}

export function unit() {
  return z
    .union([z.string(), z.number()], { error: issue => expected('a UCUM unit such as bar or "1/min"', issue.input) })
    .transform((input, ctx) => {
      const code = String(input)
      if (isUnit(code)) return code
      return refuse(ctx, `unknown unit "${shown(code)}"; expected a UCUM code`, unitHint(code), 'UNIT_UNKNOWN')
    })
}

/** A key of a later version that the agent would have to act on: refused, since ignoring it would be a lie. */
export function notYet(what: string, hint?: string) {
  return z.never({ error: () => withHint(`${what} is not supported yet by this version`, hint) })
}

export function refuse(ctx: Context, message: string, hint?: string, code?: ErrorCode): never {
  ctx.addIssue({ code: 'custom', message: withHint(message, hint), params: { code }, input: undefined })
  return z.NEVER
}
