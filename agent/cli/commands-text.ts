const REFUSED = 'uplink.commands_refused'

/** `3 executed, 12 refused (9 signature, 3 replayed)`; undefined while none came. */
export function commandsText(counters: Readonly<Record<string, number>>): string | undefined {
  const executed = counters['uplink.commands'] ?? 0
  const refused = counters[REFUSED] ?? 0
  if (executed + refused === 0) return undefined
  const why = Object.entries(counters)
    .filter(([name]) => name.startsWith(`${REFUSED}_`))
    .sort(([, a], [, b]) => b - a)
    .map(([name, n]) => `${n} ${name.slice(REFUSED.length + 1).replaceAll('_', ' ')}`)
  return `${executed} executed, ${refused} refused${why.length > 0 ? ` (${why.join(', ')})` : ''}`
}
