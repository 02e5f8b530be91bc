import { type IncomingMessage, request } from 'node:http'
import { createInterface } from 'node:readline'
import { AgentError, ERROR_KINDS, type ErrorCode } from '../core/errors.ts'

/** Asks the daemon on its socket. Throws DAEMON_NOT_RUNNING when nobody answers there, or the daemon's own error. */
export async function askDaemon<T>(socket: string, method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
  const response = await send(socket, method, path, body)
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString()
  const parsed = parse(text)
  if (response.statusCode !== 200) throw daemonError(parsed)
  return parsed as T
}

/** The lines of an NDJSON answer, parsed one by one, never the whole in memory. */
export async function* streamDaemon(socket: string, path: string): AsyncIterable<unknown> {
  const response = await send(socket, 'GET', path, undefined)
  const failed = response.statusCode !== 200
  for await (const line of createInterface({ input: response })) {
    if (failed) throw daemonError(parse(line))
    yield JSON.parse(line)
  }
}

function send(socket: string, method: string, path: string, body: unknown): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' }
    const outgoing = request({ socketPath: socket, method, path, headers }, resolve)
    outgoing.on('error', error => {
      reject(
        new AgentError(
          'DAEMON_NOT_RUNNING',
          `no daemon answers on ${socket}: start it with \`wearwatch run\`, or name its config with --config`,
          {
            cause: error,
          },
        ),
      )
    })
    outgoing.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return { error: 'INTERNAL', message: `the daemon answered something unreadable: ${text.slice(0, 200)}` }
  }
}

function daemonError(answer: unknown): Error {
  const { error, message } = answer as { error?: string; message?: string }
  if (error && error in ERROR_KINDS) return new AgentError(error as ErrorCode, message ?? error)
  return new Error(message ?? 'the daemon failed without a reason')
}
