import { AgentError } from '../../core/errors.ts'

const NOTE_CHARS_MAX = 1_000

/** Reads the arguments of a command one by one. Every call throws COMMAND_INVALID with what was expected. */
export class Arguments {
  readonly #given: Record<string, unknown>
  readonly #read: string[] = []

  constructor(given: Record<string, unknown>) {
    this.#given = given
  }

  text(key: string, charsMax = 128): string {
    return this.#require(key, this.optionalText(key, charsMax), `text of 1 to ${charsMax} characters`)
  }

  optionalText(key: string, charsMax = 128): string | undefined {
    const value = this.#take(key)
    if (value === undefined) return undefined
    if (typeof value === 'string' && value !== '' && value.length <= charsMax && isPrintable(value)) return value
    throw wrong(key, `text of 1 to ${charsMax} characters, on one line`)
  }

  /** The key, or nothing: for optional properties. */
  note(): { note?: string } {
    const note = this.optionalText('note', NOTE_CHARS_MAX)
    return note === undefined ? {} : { note }
  }

  number(key: string, least: number, most: number): number {
    return this.#require(key, this.optionalNumber(key, least, most), `a number from ${least} to ${most}`)
  }

  optionalNumber(key: string, least: number, most: number): number | undefined {
    const value = this.#take(key)
    if (value === undefined) return undefined
    if (typeof value === 'number' && value >= least && value <= most) return value
    throw wrong(key, `a number from ${least} to ${most}`)
  }

  integer(key: string, least: number): number {
    return this.#require(key, this.optionalInteger(key, least), `a whole number from ${least} on`)
  }

  optionalInteger(key: string, least: number): number | undefined {
    const value = this.#take(key)
    if (value === undefined) return undefined
    if (Number.isSafeInteger(value) && (value as number) >= least) return value as number
    throw wrong(key, `a whole number from ${least} on`)
  }

  oneOf<const V extends readonly string[]>(key: string, values: V): V[number] {
    const value = this.#take(key)
    if (typeof value === 'string' && values.includes(value)) return value
    throw wrong(key, `one of ${values.join(', ')}`)
  }

  flag(key: string): boolean {
    const value = this.#take(key)
    if (value === undefined || typeof value === 'boolean') return value ?? false
    throw wrong(key, 'true or false')
  }

  /** ISO 8601 with a zone, as µs since 1970. */
  optionalTimeUs(key: string): number | undefined {
    const value = this.optionalText(key, 40)
    if (value === undefined) return undefined
    const timeMs = /^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(value) ? Date.parse(value) : Number.NaN
    if (Number.isFinite(timeMs)) return timeMs * 1000
    throw wrong(key, 'a time such as 2026-11-22T06:14:00Z')
  }

  /** After all were read: what is left is a mistake, and the command is not what its sender thinks it is. */
  done(): void {
    const left = Object.keys(this.#given).find(key => !this.#read.includes(key))
    if (left === undefined) return
    const known = this.#read.length > 0 ? `it takes ${this.#read.join(', ')}` : 'it takes none'
    throw new AgentError(
      'COMMAND_INVALID',
      `the command knows no argument ${JSON.stringify(left.slice(0, 40))}; ${known}`,
    )
  }

  #take(key: string): unknown {
    this.#read.push(key)
    return Object.hasOwn(this.#given, key) ? this.#given[key] : undefined
  }

  #require<T>(key: string, value: T | undefined, what: string): T {
    if (value === undefined) throw wrong(key, what)
    return value
  }
}

/** Records and logs are read on terminals: no control characters. */
function isPrintable(text: string): boolean {
  return !/\p{Cc}|\p{Cs}/u.test(text)
}

function wrong(key: string, expected: string): AgentError {
  return new AgentError('COMMAND_INVALID', `argument "${key}" must be ${expected}`)
}
