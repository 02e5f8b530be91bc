// Numbered steps from one version of the file format to the next. Empty: there has been one version only.
import type { Issues } from './issues.ts'
import { describeValue } from './wording.ts'

export const VERSION = 1

export interface Migration {
  /** Version it starts from; it leads to the next one. */
  from: number
  /** Returns the new file; says in `issues` what an operator should change. Never edits the file on disk. */
  apply(file: Record<string, unknown>, issues: Issues): Record<string, unknown>
}

export const MIGRATIONS: readonly Migration[] = []

/** The file in the current version; undefined when its version cannot be read, which is reported. */
export function migrate(file: Record<string, unknown>, issues: Issues): Record<string, unknown> | undefined {
  const { version } = file
  if (version === undefined) {
    issues.warn(['version'], `is missing; read as version ${VERSION}`, `write version: ${VERSION} at the top`)
    return { ...file, version: VERSION }
  }
  if (typeof version !== 'number' || !Number.isInteger(version) || version < 1) {
    issues.error(['version'], `expected ${VERSION}, got ${describeValue(version)}`, `write version: ${VERSION}`)
    return undefined
  }
  if (version > VERSION) {
    issues.error(
      ['version'],
      `this agent understands version ${VERSION}, the file has version ${version}`,
      'update the agent, or use the file that belongs to it',
    )
    return undefined
  }
  return MIGRATIONS.filter(step => step.from >= version).reduce((at, step) => step.apply(at, issues), file)
}
