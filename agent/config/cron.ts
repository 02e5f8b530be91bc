// Sanity of a cron expression, so that a slip shows at start and not on the night it should have run. The scheduler itself
// is node-cron; this accepts what it accepts, minus what nobody means.

interface Field {
  name: string
  low: number
  high: number
  words?: string[]
}

const MINUTE_ON: Field[] = [
  { name: 'minute', low: 0, high: 59 },
  { name: 'hour', low: 0, high: 23 },
  { name: 'day of month', low: 1, high: 31 },
  { name: 'month', low: 1, high: 12, words: 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ') },
  { name: 'day of week', low: 0, high: 7, words: 'sun mon tue wed thu fri sat'.split(' ') },
]
const SECOND: Field = { name: 'second', low: 0, high: 59 }

/** What is wrong with `text`, undefined when nothing. */
export function cronProblem(text: string): string | undefined {
  const parts = text.trim().split(/\s+/)
  if (parts.length !== 5 && parts.length !== 6)
    return `expected a cron expression of 5 or 6 fields, got ${text.trim() === '' ? 0 : parts.length}`
  const fields = parts.length === 6 ? [SECOND, ...MINUTE_ON] : MINUTE_ON
  for (const [i, field] of fields.entries()) {
    const part = parts[i] ?? ''
    if (!part.split(',').every(item => fits(item.toLowerCase(), field))) {
      return `"${part.slice(0, 40)}" is no ${field.name}; expected ${field.low}-${field.high}, *, lists, ranges or */n`
    }
  }
  return undefined
}

function fits(item: string, field: Field): boolean {
  const match = /^(\*|[a-z0-9]+)(?:-([a-z0-9]+))?(?:\/(\d{1,2}))?$/.exec(item)
  if (!match) return false
  const [, from = '', to, step] = match
  if (step !== undefined && Number(step) < 1) return false
  if (from === '*') return to === undefined
  const low = numberOf(from, field)
  const high = to === undefined ? low : numberOf(to, field)
  return low !== undefined && high !== undefined && low <= high
}

function numberOf(text: string, field: Field): number | undefined {
  const word = field.words?.findIndex(name => text.startsWith(name)) ?? -1
  if (word >= 0) return word + field.low
  const value = /^\d{1,2}$/.test(text) ? Number(text) : -1
  return value >= field.low && value <= field.high ? value : undefined
}
