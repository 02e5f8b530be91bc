import { sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Path of the built JavaScript of an entry that runs in a process or thread of its own, e.g. `scoring/child.js`.
 * Node 20 cannot run TypeScript, so from the sources (tests) it leads to `dist/`.
 */
export function builtFile(entry: string): string {
  const root = fileURLToPath(new URL('../', import.meta.url))
  const fromSources = root.endsWith(`${sep}agent${sep}`)
  return fromSources ? `${root.slice(0, -`agent${sep}`.length)}dist${sep}${entry}` : `${root}${entry}`
}
