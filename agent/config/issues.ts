// Everything wrong with a file is gathered here and thrown once, so that nobody repairs a file one error at a time.
import { AgentError, type ErrorCode } from '../core/errors.ts'
import type { ConfigIssue } from './contract.ts'
import { shown } from './wording.ts'

/** Keys and list positions from the top of the file. */
export type Path = readonly (string | number)[]

/** A megabyte of garbage has a hundred thousand errors; nobody reads past a few. */
const ISSUES_MAX = 500

/** The file as a whole is refused; `issues` are in the order of the file. Nothing was started. */
export class ConfigError extends AgentError {
  readonly file: string
  readonly issues: readonly ConfigIssue[]

  constructor(file: string, issues: readonly ConfigIssue[]) {
    const count = issues.length === 1 ? '1 error' : `${issues.length} errors`
    super(
      'CONFIG_INVALID',
      [`${file} has ${count}; nothing was started`, ...issues.map(i => formatIssue(file, i))].join('\n'),
    )
    this.name = 'ConfigError'
    this.file = file
    this.issues = issues
  }
}

/** `file:line  path  message`, the hint indented below. */
export function formatIssue(file: string, issue: ConfigIssue): string {
  const where = `${file}:${issue.line}  ${issue.path}  ${issue.message}`
  return issue.hint === undefined ? where : `${where}\n     ${issue.hint}`
}

/** `assets.p-101.channels.flow`, `sources.rec.replay.files[0]`; keys with other characters are quoted. */
export function pathText(path: Path): string {
  if (path.length === 0) return '(file)'
  let text = ''
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`
    else text += `${text === '' ? '' : '.'}${/^[\w<-]+$/.test(part) ? part : JSON.stringify(shown(part))}`
  }
  return text
}

export class Issues {
  readonly #lineOf: (path: Path) => number
  readonly #errors: ConfigIssue[] = []
  readonly #warnings: ConfigIssue[] = []
  readonly #seen = new Set<string>()

  constructor(lineOf: (path: Path) => number) {
    this.#lineOf = lineOf
  }

  error(path: Path, message: string, hint?: string, code?: ErrorCode): void {
    this.#add(this.#errors, path, message, hint, code)
  }

  /** Loads all the same; shown by `check-config` and logged at start. */
  warn(path: Path, message: string, hint?: string): void {
    this.#add(this.#warnings, path, message, hint, undefined)
  }

  get errors(): ConfigIssue[] {
    return byLine(this.#errors)
  }

  get warnings(): ConfigIssue[] {
    return byLine(this.#warnings)
  }

  // Forty pumps of one type repeat what is wrong with the type: said once.
  #add(list: ConfigIssue[], path: Path, message: string, hint: string | undefined, code: ErrorCode | undefined): void {
    if (list.length > ISSUES_MAX) return
    const key = `${pathText(path)}\n${message}`
    if (this.#seen.has(key)) return
    this.#seen.add(key)
    const line = this.#lineOf(path)
    if (list.length === ISSUES_MAX) {
      list.push({ line, path: pathText([]), message: `there are more than ${ISSUES_MAX}; the rest is not shown` })
      return
    }
    const issue: ConfigIssue = { line, path: pathText(path), message }
    if (hint !== undefined) issue.hint = hint
    if (code !== undefined) issue.code = code
    list.push(issue)
  }
}

function byLine(list: readonly ConfigIssue[]): ConfigIssue[] {
  return [...list].sort((a, b) => a.line - b.line)
}
