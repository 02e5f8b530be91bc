import { chmod, unlink } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import Fastify, { type FastifyInstance } from 'fastify'
import { AgentError, messageOf } from '../core/errors.ts'
import { makeDir } from '../core/folders.ts'
import { addAlarmRoutes, BY_CHARS_MAX } from './alarm-routes.ts'
import type { BaselineRequest, ControlApi } from './contract.ts'
import { historyLines } from './history-lines.ts'

/** sun_path of unix(7) less its NUL; a longer path is cut in silence. */
const SOCKET_BYTES_MAX = 107
const BODY_BYTES_MAX = 64 * 1024
const HTTP_STATUS = { config: 400, refused: 409, transient: 503, corrupt: 500 } as const

/** The control server. The socket's file mode is its access control: owner and group. */
export class ControlServer {
  readonly #socket: string
  readonly #server: FastifyInstance

  constructor(socket: string, api: ControlApi) {
    this.#socket = socket
    this.#server = Fastify({ bodyLimit: BODY_BYTES_MAX, forceCloseConnections: true })
    this.#server.setErrorHandler((error, _request, reply) => {
      const known = error instanceof AgentError
      const status = known ? (error.code === 'NOT_FOUND' ? 404 : HTTP_STATUS[error.kind]) : 500
      return reply.code(status).send({ error: known ? error.code : 'INTERNAL', message: messageOf(error) })
    })
    addRoutes(this.#server, api)
  }

  /** Throws ALREADY_RUNNING when another daemon answers on the socket; a socket file left by a crash is replaced. */
  async start(): Promise<void> {
    if (Buffer.byteLength(this.#socket) > SOCKET_BYTES_MAX) {
      throw new AgentError(
        'CONFIG_INVALID',
        `control.socket ${this.#socket} is longer than the ${SOCKET_BYTES_MAX} bytes that the system allows; choose a shorter path`,
      )
    }
    await makeDir(dirname(this.#socket))
    if (await answers(this.#socket)) {
      throw new AgentError(
        'ALREADY_RUNNING',
        `another wearwatch daemon answers on ${this.#socket}; stop it first, or give this one another storage.dir`,
      )
    }
    await unlink(this.#socket).catch(() => {})
    await this.#server.listen({ path: this.#socket })
    await chmod(this.#socket, 0o660)
  }

  stop(): Promise<void> {
    return this.#server.close()
  }
}

function addRoutes(server: FastifyInstance, api: ControlApi): void {
  server.get('/v1/status', () => api.status())
  server.get('/v1/channels', async () => api.channels())
  addAlarmRoutes(server, api)
  server.post<{ Body: { by?: string } | undefined }>('/v1/sync', request => api.sync(request.body?.by ?? 'cli'))
  server.post<{ Params: { id: string }; Body: { by?: string; sinceUs?: number; revert?: boolean } | undefined }>(
    '/v1/assets/:id/baseline',
    request => api.setBaseline(baselineRequest(request.params.id, request.body ?? {})),
  )
  server.get<{ Params: { id: string } }>('/v1/assets/:id/spectrum', async request => api.spectrum(request.params.id))
  server.get<{ Querystring: Record<string, string> }>('/v1/history', (request, reply) =>
    reply.type('application/x-ndjson').send(Readable.from(historyLines(api, request.query))),
  )
}

function baselineRequest(
  asset: string,
  { by = 'cli', sinceUs, revert = false }: { by?: string; sinceUs?: number; revert?: boolean },
): BaselineRequest {
  const bad =
    by.length > BY_CHARS_MAX || (sinceUs !== undefined && !(sinceUs >= 0 && sinceUs <= Number.MAX_SAFE_INTEGER))
  if (bad || (revert && sinceUs !== undefined)) {
    throw new AgentError('USAGE', 'set-baseline wants either a time to learn from, in µs since 1970, or revert: true')
  }
  return { asset, by, revert, ...(sinceUs === undefined ? {} : { sinceUs }) }
}

function answers(socket: string): Promise<boolean> {
  return new Promise(resolve => {
    const probe = connect(socket)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', () => resolve(false))
  })
}
