// Bytes from a web server or a folder, within a size and two times: tuf-js asks through this and nothing else.
// Its own fetcher has no limit on the time of a body, goes through temporary files elsewhere, and cannot read folders.
import { constants } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Fetcher } from 'tuf-js'
import { DownloadError, DownloadHTTPError, DownloadLengthMismatchError } from 'tuf-js/dist/error.js'
import type { Clock } from '../core/clock.ts'
import type { Counter } from '../core/counters.ts'
import { messageOf } from '../core/errors.ts'
import { errnoOf } from './files.ts'

export interface FetchLimits {
  /** Silence of the server before it is given up. */
  idleMs: number
  /** All transfers of one check together: a server that drips a byte a second never goes silent. */
  totalMs: number
  /** Of any single file, whatever the metadata says. */
  bytesMax: number
}

export interface FetchFailure {
  url: string
  /** `missing`: 403, 404 or no such file. `oversize`: more than what was announced in signed metadata. */
  kind: 'missing' | 'oversize' | 'unreachable'
  message: string
}

type Chunks = AsyncIterator<Uint8Array, unknown>

/** Transfers of one check. The clock of the total starts at construction; call `end` when the check is over. */
export class RepositoryFetcher implements Fetcher {
  /** How the latest transfer failed, undefined when it worked: tuf-js flattens errors to text on their way up. */
  failure: FetchFailure | undefined
  readonly #clock: Clock
  readonly #limits: FetchLimits
  readonly #dir: string
  readonly #bytes: Counter
  readonly #whole = new AbortController()
  readonly #cancelTotal: () => void

  /** `dir` holds the file being received; `bytes` counts what came in. */
  constructor(options: { clock: Clock; limits: FetchLimits; dir: string; bytes: Counter }) {
    this.#clock = options.clock
    this.#limits = options.limits
    this.#dir = options.dir
    this.#bytes = options.bytes
    const tooLong = `the time for one check (${Math.round(options.limits.totalMs / 1000)} s) is used up`
    this.#cancelTotal = this.#clock.after(options.limits.totalMs, () => this.abort(tooLong))
  }

  abort(reason: string): void {
    this.#whole.abort(new Error(reason))
  }

  end(): void {
    this.#cancelTotal()
  }

  async downloadBytes(url: string, maxLength: number): Promise<Buffer> {
    const chunks: Uint8Array[] = []
    await this.#receive(url, maxLength, chunk => void chunks.push(chunk))
    return Buffer.concat(chunks)
  }

  async downloadFile<T>(url: string, maxLength: number, handler: (path: string) => Promise<T>): Promise<T> {
    const path = join(this.#dir, '.receiving')
    const file = await open(path, 'w')
    try {
      await this.#receive(url, maxLength, async chunk => void (await file.writeFile(chunk)))
    } finally {
      await file.close()
    }
    try {
      return await handler(path)
    } finally {
      await rm(path, { force: true })
    }
  }

  async #receive(url: string, maxLength: number, take: (chunk: Uint8Array) => void | Promise<void>): Promise<void> {
    this.failure = undefined
    const bytesMax = Math.min(maxLength, this.#limits.bytesMax)
    const watch = new IdleWatch(this.#clock, this.#limits.idleMs, this.#whole.signal)
    let body: Chunks | undefined
    try {
      body = url.startsWith('file:') ? readChunks(url) : await watch.race(openHttp(url, watch.signal))
      for (let received = 0; ; ) {
        const { done, value } = await watch.race(body.next())
        if (done) return
        received += value.length
        this.#bytes.n += value.length
        if (received > bytesMax) throw new DownloadLengthMismatchError(`more than ${bytesMax} bytes came`)
        await take(value)
      }
    } catch (error) {
      this.failure = describe(url, error)
      throw error instanceof DownloadError ? error : new DownloadError(this.failure.message)
    } finally {
      watch.end()
      // Not awaited: the end of a hung stream would hang as well.
      body?.return?.().catch(() => {})
    }
  }
}

/** Aborts `signal` when nothing arrives for `idleMs` or when the whole check is aborted. */
class IdleWatch {
  readonly #controller = new AbortController()
  readonly #clock: Clock
  readonly #idleMs: number
  readonly #whole: AbortSignal
  readonly #onWhole = (): void => this.#controller.abort(this.#whole.reason)

  constructor(clock: Clock, idleMs: number, whole: AbortSignal) {
    this.#clock = clock
    this.#idleMs = idleMs
    this.#whole = whole
    if (whole.aborted) this.#onWhole()
    else whole.addEventListener('abort', this.#onWhole, { once: true })
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** `promise`, unless the watch ends it first: file reads on a hung mount obey no signal. */
  race<T>(promise: Promise<T>): Promise<T> {
    const { signal } = this
    const late = new Error(`nothing came for ${Math.round(this.#idleMs / 1000)} s`)
    const cancel = this.#clock.after(this.#idleMs, () => this.#controller.abort(late))
    let onAbort = (): void => {}
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => reject(signal.reason)
      if (signal.aborted) onAbort()
      else signal.addEventListener('abort', onAbort, { once: true })
    })
    return Promise.race([promise, aborted]).finally(() => {
      cancel()
      signal.removeEventListener('abort', onAbort)
    })
  }

  /** Lets go of whatever is still open. */
  end(): void {
    this.#whole.removeEventListener('abort', this.#onWhole)
    this.#controller.abort(new Error('done'))
  }
}

async function openHttp(url: string, signal: AbortSignal): Promise<Chunks> {
  const { address, authorization } = splitCredentials(url)
  // identity: with compression the limit would still hold, but progress on a slow line would not show.
  const headers = { 'accept-encoding': 'identity', 'user-agent': 'wearwatch', ...authorization }
  const response = await fetch(address, { signal, headers })
  if (response.ok && response.body) return response.body[Symbol.asyncIterator]()
  response.body?.cancel().catch(() => {})
  throw new DownloadHTTPError(`HTTP status ${response.status}`, response.status)
}

async function* readChunks(url: string): AsyncGenerator<Uint8Array, void> {
  // O_NONBLOCK: opening a FIFO would otherwise hold one of libuv's four threads for ever.
  const file = await open(fileURLToPath(url), constants.O_RDONLY | constants.O_NONBLOCK).catch(error => {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') throw new DownloadHTTPError('no such file', 404)
    throw error
  })
  try {
    if (!(await file.stat()).isFile()) throw new Error('not a regular file')
    for (;;) {
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(64 * 1024))
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}

/** fetch() refuses `user:password@host`; static servers ask for it. */
function splitCredentials(url: string): { address: string; authorization: Record<string, string> } {
  const parsed = new URL(url)
  if (!parsed.username) return { address: url, authorization: {} }
  const pair = `${decodeURIComponent(parsed.username)}:${decodeURIComponent(parsed.password)}`
  parsed.username = parsed.password = ''
  return { address: parsed.href, authorization: { authorization: `Basic ${Buffer.from(pair).toString('base64')}` } }
}

/** A URL as it may be shown and logged. */
export function withoutCredentials(url: string): string {
  return url.replace(/^(https?:\/\/)[^/@]*@/i, '$1')
}

function describe(url: string, error: unknown): FetchFailure {
  // undici says "fetch failed" and hides ECONNREFUSED in the cause.
  const cause = error instanceof Error && error.cause ? `: ${messageOf(error.cause)}` : ''
  const missing = error instanceof DownloadHTTPError && [403, 404].includes(error.statusCode)
  const kind = missing ? 'missing' : error instanceof DownloadLengthMismatchError ? 'oversize' : 'unreachable'
  return { url: withoutCredentials(url), kind, message: `${messageOf(error)}${cause}` }
}
