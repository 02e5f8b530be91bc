// The words that messages share: what a value is, lists of names, "did you mean".

const SHOWN_CHARS_MAX = 40
const NAMES_SHOWN_MAX = 14
/** Longer words are not compared: a suggestion for 64 characters helps nobody, and the comparison is quadratic. */
const COMPARED_CHARS_MAX = 64

/** `user:password@` of any URL inside `text` becomes `***@`: nothing secret is echoed in a message. */
export function hideUserinfo(text: string): string {
  return text.replace(/\/\/\S*@/g, '//***@')
}

/** Shortened, on one line, without the secrets of a URL. */
export function shown(text: string): string {
  const flat = hideUserinfo(text).replace(/\s+/g, ' ')
  return flat.length > SHOWN_CHARS_MAX ? `${flat.slice(0, SHOWN_CHARS_MAX)}…` : flat
}

/** What a value from the file is, for "expected …, got …". */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'nothing (an empty value)'
  if (typeof value === 'string') return `the text "${shown(value)}"`
  if (typeof value === 'number') return `the number ${value}`
  if (typeof value === 'boolean') return `${value}`
  return Array.isArray(value) ? 'a list' : 'a mapping'
}

/** "is missing; expected X" or "expected X, got Y". */
export function expected(what: string, value: unknown): string {
  return value === undefined ? `is missing; expected ${what}` : `expected ${what}, got ${describeValue(value)}`
}

/** `a, b, c` or, when there are many, `a, b, … (40 in all)`. */
export function names(all: readonly string[]): string {
  if (all.length <= NAMES_SHOWN_MAX) return all.join(', ')
  return `${all.slice(0, NAMES_SHOWN_MAX).join(', ')}, … (${all.length} in all)`
}

/** `did you mean "flow"?` where one is near, else the names there are; undefined where there are none. */
export function didYouMean(word: string, known: readonly string[]): string | undefined {
  const best = nearest(word, known)
  if (best !== undefined) return `did you mean "${best}"?`
  return known.length > 0 ? `known here: ${names(known)}` : undefined
}

/** The name closest to `word`, at most a third of its letters away, upper and lower case alike. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length > COMPARED_CHARS_MAX) return undefined
  let best: string | undefined
  let bestDistance = (word.length < 2 ? 0 : Math.max(1, Math.floor(word.length / 3))) + 1
  for (const name of known) {
    if (Math.abs(name.length - word.length) >= bestDistance) continue
    const distance = editDistance(word.toLowerCase(), name.toLowerCase())
    if (distance < bestDistance) {
      best = name
      bestDistance = distance
    }
  }
  return best
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + same)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1)
      }
      row.push(cost)
    }
    beforeLast = last
    last = row
  }
  return last[b.length] ?? 0
}
