// Runs one piece of the schema over one piece of the file and turns what zod finds into issues with a place.
import type { z } from 'zod'
import type { ErrorCode } from '../core/errors.ts'
import type { Issues, Path } from './issues.ts'
import { SLUG, SLUG_CHARS_MAX, slugProblem } from './schema-parts.ts'
import { didYouMean, expected, shown } from './wording.ts'

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * The checked value. What is wrong is reported and, where the piece still means something without the wrong keys, left
 * out, so that the rules that come later find their errors in the same run. Undefined when nothing can be made of it.
 */
export function check<S extends z.ZodType>(
  schema: S,
  value: unknown,
  path: Path,
  issues: Issues,
): z.output<S> | undefined {
  const whole = schema.safeParse(value)
  if (whole.success) return whole.data
  for (const issue of whole.error.issues) report(issue, path, issues)
  let problems = whole.error.issues
  const rest: unknown = structuredClone(value)
  // Each round takes something out, at the latest the parent of a key that is missing.
  for (let round = 0; round < ROUNDS_MAX; round++) {
    if (!problems.every(issue => prune(rest, issue))) return undefined
    const parsed = schema.safeParse(rest)
    if (parsed.success) return parsed.data
    problems = parsed.error.issues
  }
  return undefined
}

/** As many as there are levels in the schema. */
const ROUNDS_MAX = 8

/** Takes the wrong keys out of `root`, or the mapping or list around them; false when that is the root itself. */
function prune(root: unknown, issue: ZodIssue): boolean {
  if (issue.code === 'unrecognized_keys') return issue.keys.every(key => remove(root, [...issue.path, key]))
  return remove(root, issue.path)
}

function remove(root: unknown, path: readonly PropertyKey[]): boolean {
  for (let length = path.length; length > 0; length--) {
    let at: unknown = root
    for (const part of path.slice(0, length - 1)) at = isRecord(at) ? at[String(part)] : undefined
    const key = String(path[length - 1])
    if (!isRecord(at) || !Object.hasOwn(at, key)) continue
    delete at[key]
    return true
  }
  return false
}

/** Checks every entry of a mapping from ids to `schema`; reports ids that are none. */
export function checkEntries<S extends z.ZodType>(
  what: string,
  schema: S,
  value: unknown,
  path: Path,
  issues: Issues,
  entriesMax: number,
): Map<string, z.output<S>> {
  const found = new Map<string, z.output<S>>()
  if (value === undefined) return found
  if (!isRecord(value)) {
    issues.error(path, expected(`a mapping from ${what} id to what it is`, value))
    return found
  }
  const entries = Object.entries(value)
  if (entries.length > entriesMax) issues.error(path, `holds ${entries.length} entries; the most is ${entriesMax}`)
  for (const [id, entry] of entries.slice(0, entriesMax)) {
    if (!SLUG.test(id) || id.length > SLUG_CHARS_MAX)
      issues.error([...path, id], ...slugProblem(id, `the id of ${what}`))
    const parsed = check(schema, entry, [...path, id], issues)
    if (parsed !== undefined) found.set(id, parsed)
  }
  return found
}

type ZodIssue = z.core.$ZodIssue

function report(issue: ZodIssue, base: Path, issues: Issues): void {
  const path = [...base, ...issue.path.map(part => (typeof part === 'number' ? part : String(part)))]
  if (issue.code === 'unrecognized_keys') {
    const known = issue.message.split('\n')
    for (const key of issue.keys) issues.error([...path, key], `unknown key "${shown(key)}"`, didYouMean(key, known))
    return
  }
  const [message = '', hint] = issue.message.split('\n')
  const code = issue.code === 'custom' ? (issue.params?.code as ErrorCode | undefined) : undefined
  issues.error(path, message, hint, code)
}
