// MQTT topic filters, MQTT 5 section 4.7.

/** True when `filter` (with + and #) takes `topic`. */
export function topicMatches(filter: string, topic: string): boolean {
  const wanted = levelsOf(filter)
  const levels = topic.split('/')
  // 4.7.2: wildcards at the first level do not take topics that begin with $.
  if (topic.startsWith('$') && (wanted[0] === '#' || wanted[0] === '+')) return false
  return takes(wanted, levels)
}

/** `filters` without those that another one covers, so that a broker does not deliver a message twice. */
export function withoutCovered(filters: Iterable<string>): string[] {
  const unique = [...new Set(filters)]
  return unique.filter(filter => !unique.some(other => other !== filter && takes(levelsOf(other), levelsOf(filter))))
}

export function hasWildcard(filter: string): boolean {
  return filter.includes('+') || filter.includes('#') || filter.startsWith('$share/')
}

function levelsOf(filter: string): string[] {
  const levels = filter.split('/')
  return levels[0] === '$share' ? levels.slice(2) : levels
}

function takes(wanted: readonly string[], levels: readonly string[]): boolean {
  for (let i = 0; i < wanted.length; i++) {
    // # also takes the parent level: sport/# takes sport.
    if (wanted[i] === '#') return true
    if (i >= levels.length || (levels[i] === '#' && wanted[i] !== '#')) return false
    if (wanted[i] !== '+' && wanted[i] !== levels[i]) return false
  }
  return wanted.length === levels.length
}
