// Certificates and login of a link, read again from their files: whoever renews them replaces the files, and nobody restarts
// the agent. What is new is used from the next connection on, once it is whole; until then the one before stays in use, and
// `note` says why. Files are compared by content: mtime says nothing after a restore, and inotify nothing over some mounts.
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { type Checked, checkPems, dayOf, type Pems } from './certificates.ts'

export interface Login extends Pems {
  username?: string
  password?: string
}

export interface CredentialsOptions {
  /** As read when the configuration was. */
  initial: Login
  /** Absolute paths of what came from files. */
  files: Login
  nowUs: () => number
  /** Throws when it cannot; for tests. */
  read?: (path: string) => string
}

const PARTS = ['ca', 'cert', 'key', 'username', 'password'] as const
const SECRETS = ['username', 'password']
const FILE_BYTES_MAX = 2 ** 20
const WARN_BEFORE_MS = 14 * 86_400_000

export class Credentials {
  readonly #options: CredentialsOptions
  #current: Login
  /** Why files that were changed are not used, or what will have to be done soon. */
  note: string | undefined

  constructor(options: CredentialsOptions) {
    this.#options = options
    this.#current = options.initial
    this.#judgeCurrent()
  }

  get current(): Login {
    return this.#current
  }

  get fromFiles(): boolean {
    return PARTS.some(part => this.#options.files[part] !== undefined)
  }

  /** Looks at the files; true when what they hold is new, whole, and from now on current. */
  refresh(): boolean {
    if (!this.fromFiles) return false
    const read = this.#readAll()
    if (typeof read === 'string') {
      this.note = `${read}; the one before stays in use`
      return false
    }
    if (PARTS.every(part => read[part] === this.#current[part])) {
      this.#judgeCurrent()
      return false
    }
    const { problem } = this.#check(read)
    if (problem !== undefined) {
      this.note = `${problem}; the one before stays in use, put a certificate and key there that belong together and are in their time`
      return false
    }
    this.#current = read
    this.#judgeCurrent()
    return true
  }

  #readAll(): Login | string {
    const { files, initial, read = readSmall } = this.#options
    const found: Login = { ...initial }
    for (const part of PARTS) {
      const path = files[part]
      if (path === undefined) continue
      try {
        found[part] = SECRETS.includes(part) ? oneLine(read(path)) : read(path)
      } catch (error) {
        return `${path} cannot be read (${(error as { code?: string }).code ?? (error as Error).message})`
      }
    }
    return found
  }

  #check({ ca, cert, key }: Login): Checked {
    const pems = { ...(ca === undefined ? {} : { ca }), ...(cert === undefined ? {} : { cert }) }
    return checkPems({ ...pems, ...(key === undefined ? {} : { key }) }, this.#options.files, this.#nowMs)
  }

  /** Of what is in use there is no better: it is told, not refused. */
  #judgeCurrent(): void {
    const { problem, validToMs } = this.#check(this.#current)
    const { cert, ca } = this.#options.files
    if (problem !== undefined) this.note = `${problem}; replace it, it is read again by itself`
    else if (validToMs !== undefined && validToMs - this.#nowMs < WARN_BEFORE_MS)
      this.note = `the certificate ${cert ?? ca ?? 'in use'} expires on ${dayOf(validToMs)}; replace the file, it is read again by itself`
    else this.note = undefined
  }

  get #nowMs(): number {
    return this.#options.nowUs() / 1000
  }
}

/** Throws when it is no secret: half-written files are empty. */
function oneLine(text: string): string {
  const line = text.replace(/\r?\n$/, '')
  if (line === '' || /[\n\0]/.test(line)) throw new Error(line === '' ? 'it is empty' : 'it holds more than one line')
  return line
}

function readSmall(path: string): string {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const { size } = fstatSync(fd)
    if (size > FILE_BYTES_MAX) throw new Error(`it has ${size} bytes, ${FILE_BYTES_MAX} are taken at most`)
    const bytes = Buffer.alloc(size)
    return bytes.toString('utf8', 0, readSync(fd, bytes, 0, size, 0))
  } finally {
    closeSync(fd)
  }
}
