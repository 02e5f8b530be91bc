// One POST over one connection: signed, bounded in time and in what is read of the answer. Redirects are not followed: the
// signed body belongs to the address that the configuration names.
import { createHmac } from 'node:crypto'
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { WebhookConfig } from '../config/contract.ts'
import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'

/** Of the answer; what is beyond is not read, and the connection ends. */
const ANSWER_BYTES_MAX = 4_096
const EXCERPT_CHARS_MAX = 160
const RETRY_AFTER_MS_MAX = 10 * 60_000
/** 4xx that say "later", not "never" (RFC 9110, 8470, 6585). */
/** Of the way or the login, or of the moment, not of the message: every other would fare the same. */
const LATER = [401, 403, 404, 405, 407, 408, 410, 425, 429]

/** `kept`: it is sent again until it is taken. `refused`: this message, as it is. */
export interface PostResult {
  outcome: 'delivered' | 'refused' | 'kept'
  status?: number
  /** What happened, and what to do. */
  problem?: string
  /** The receiver wants to be left alone for so long. */
  retryAfterMs?: number
}

/** `t=<unix>,v1=<hex>`: HMAC-SHA256 over `<unix>.<body>`, so that an old message cannot be sent again as a new one. */
export function signature(secret: string, unixS: number, body: Uint8Array): string {
  const hmac = createHmac('sha256', secret).update(`${unixS}.`).update(body)
  return `t=${unixS},v1=${hmac.digest('hex')}`
}

export class WebhookPost {
  readonly #config: WebhookConfig
  readonly #clock: Clock
  readonly #agent: HttpAgent | HttpsAgent
  readonly #secure: boolean

  constructor(config: WebhookConfig, clock: Clock) {
    this.#config = config
    this.#clock = clock
    this.#secure = new URL(config.url).protocol === 'https:'
    const options = { keepAlive: true, maxSockets: 1, maxFreeSockets: 1 }
    const { ca } = config
    this.#agent = this.#secure ? new HttpsAgent({ ...options, ...(ca ? { ca } : {}) }) : new HttpAgent(options)
  }

  /** Never rejects. An abort ends it with `kept`. */
  async send(body: Buffer, key: string, signal: AbortSignal): Promise<PostResult> {
    const first = await this.#once(body, key, signal)
    // A receiver may close a connection just as it is used again: that says nothing about the message.
    return first.stale && !signal.aborted ? this.#once(body, key, signal) : first
  }

  close(): void {
    this.#agent.destroy()
  }

  #once(body: Buffer, key: string, signal: AbortSignal): Promise<PostResult & { stale?: boolean }> {
    const { url, timeoutMs } = this.#config
    return new Promise(resolve => {
      const send = this.#secure ? httpsRequest : httpRequest
      const request = send(url, { method: 'POST', agent: this.#agent, headers: this.#headers(body, key) })
      let timedOut = false
      let answered = false
      const abort = (): void => void request.destroy(new Error('the agent stops'))
      const cancel = this.#clock.after(timeoutMs, () => {
        timedOut = true
        request.destroy(new Error('timeout'))
      })
      const done = (result: PostResult & { stale?: boolean }): void => {
        cancel()
        signal.removeEventListener('abort', abort)
        resolve(result)
      }
      request.on('error', error => {
        // With the status the outcome is known, however the rest of the answer ends.
        if (answered) return
        if (timedOut) return done({ outcome: 'kept', problem: `no answer within ${timeoutMs} ms; ${SLOW_ADVICE}` })
        const stale = request.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET'
        done({ outcome: 'kept', problem: explainError(error), stale })
      })
      request.on('response', response => {
        answered = true
        void readBounded(response).then(text => done(this.#judge(response, text)))
      })
      if (signal.aborted) abort()
      signal.addEventListener('abort', abort, { once: true })
      request.end(body)
    })
  }

  #headers(body: Buffer, key: string): Record<string, string | number> {
    const { headers, secret } = this.#config
    const unixS = Math.floor(this.#clock.nowUs() / 1e6)
    return {
      ...headers,
      'content-type': 'application/json',
      'content-length': body.length,
      'user-agent': 'wearwatch',
      'idempotency-key': key,
      ...(secret === undefined ? {} : { 'x-wearwatch-signature': signature(secret, unixS, body) }),
    }
  }

  #judge(response: IncomingMessage, text: string): PostResult {
    const status = response.statusCode ?? 0
    if (status >= 200 && status < 300) return { outcome: 'delivered', status }
    const said = `${status}${text === '' ? '' : ` "${text}"`}`
    if (status >= 300 && status < 400)
      return { outcome: 'kept', status, problem: `answered ${said}, a redirect; write its target as url` }
    const retryAfterMs = retryAfter(response.headers['retry-after'], this.#clock.nowUs())
    const later = retryAfterMs === undefined ? {} : { retryAfterMs }
    if (status >= 400 && status < 500 && !LATER.includes(status))
      return { outcome: 'refused', status, problem: `refused with ${said}; ${advice(status)}`, ...later }
    return { outcome: 'kept', status, problem: `answered ${said}; ${advice(status)}`, ...later }
  }
}

const SLOW_ADVICE = 'the receiver should answer first and work later; or raise timeout'

function advice(status: number): string {
  if (status === 401 || status === 403 || status === 407) return 'check secret and headers'
  if (status === 404 || status === 405 || status === 410) return 'check the path of url'
  return "look at the receiver's log"
}

/** The beginning of the answer in one line; whatever ends it, its status is known. */
function readBounded(response: IncomingMessage): Promise<string> {
  return new Promise(resolve => {
    const chunks: Buffer[] = []
    let bytes = 0
    const done = (): void => {
      const text = Buffer.concat(chunks).toString('utf8', 0, ANSWER_BYTES_MAX)
      // Control characters must not reach a terminal or a log.
      resolve(
        text
          .replace(/[\p{Cc}\s]+/gu, ' ')
          .trim()
          .slice(0, EXCERPT_CHARS_MAX),
      )
    }
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes > ANSWER_BYTES_MAX) response.destroy()
    })
    response.on('error', () => {})
    response.on('close', done)
  })
}

/** Seconds or a date (RFC 9110, 10.2.3), ms from now. */
export function retryAfter(value: string | undefined, nowUs: number): number | undefined {
  if (value === undefined) return undefined
  const ms = /^\d{1,9}$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - nowUs / 1000
  return Number.isFinite(ms) ? Math.min(RETRY_AFTER_MS_MAX, Math.max(0, ms)) : undefined
}

const ADVICE: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there: start the receiver, or check url',
  ENOTFOUND: 'the name is not known: check url and DNS',
  EAI_AGAIN: 'the name cannot be looked up: check DNS',
  ECONNRESET: 'the receiver ended the connection: look at its log',
  CERT_HAS_EXPIRED: "the receiver's certificate has expired: renew it",
  CERT_NOT_YET_VALID: "the receiver's certificate is not valid yet: check the clocks",
  DEPTH_ZERO_SELF_SIGNED_CERT: 'nobody known signed its certificate: name its authority in ca',
  SELF_SIGNED_CERT_IN_CHAIN: 'nobody known signed its certificate: name its authority in ca',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'nobody known signed its certificate: name its authority in ca',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'nobody known signed its certificate: name its authority in ca',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name: write that name in url, or renew it',
}

function explainError(error: Error): string {
  const { code } = error as NodeJS.ErrnoException
  return `cannot reach it (${code ?? messageOf(error)}); ${ADVICE[code ?? ''] ?? 'check the address and the network'}`
}
