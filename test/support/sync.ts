// A published repository, a web server that can misbehave, and a gateway's view of it.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, normalize } from 'node:path'
import type { Clock } from '../../agent/core/clock.ts'
import { systemClock } from '../../agent/core/clock.ts'
import { Counters } from '../../agent/core/counters.ts'
import { silentLogger } from '../../agent/core/logger.ts'
import type { Manifest } from '../../agent/models/contract.ts'
import { GraphBuilder } from '../../agent/models/file/graph.ts'
import { parseModelFile, writeModelFile } from '../../agent/models/file/model-file.ts'
import type { SyncWish } from '../../agent/sync/contract.ts'
import { Publisher, type PublisherOptions } from '../../agent/sync/publisher.ts'
import { createModelRepository, type RepositoryOptions, type SyncRepository } from '../../agent/sync/repository.ts'

export const CHANNELS = [
  { id: 'flow', unit: 'm3/h' },
  { id: 'current', unit: 'A' },
]
const DAY_MS = 86_400_000

/** A valid model of a few hundred bytes: the mean of the window as its score. */
export function tinyModel(manifest: Partial<Manifest> = {}): Uint8Array {
  const channels = manifest.channels ?? CHANNELS
  const graph = new GraphBuilder('tiny')
  graph.input('window', ['batch', channels.length, 4])
  graph.node('ReduceMean', ['window'], { axes: [1, 2], keepdims: 0 }, 'score')
  graph.output('score', ['batch'])
  return writeModelFile(graph, {
    schema: 'wearwatch.model/1',
    name: 'pump-mean',
    release: 1,
    family: 'mean',
    channels,
    samples: 4,
    hop: 1,
    alarm: { onDelayMs: 0, offDelayMs: 0, deadband: 0.1 },
    contributions: [],
    features: [],
    quantiles: { '0.5': 0.1 },
    selfTest: { windows: Buffer.alloc(channels.length * 16).toString('base64'), scores: [0], tolerance: 0.01 },
    ...manifest,
  })
}

export interface Site {
  dir: string
  repo: string
  publisher: Publisher
  /** Publishes a model with that manifest. */
  publish(manifest?: Partial<Manifest>, assetClass?: string): Promise<string>
  /** A gateway with storage of its own; `name` the same = the same storage. */
  gateway(options?: GatewayOptions): SyncRepository
  counters: Counters
}

export interface GatewayOptions {
  name?: string
  /** URL or folder; the repository's folder by default. */
  repository?: string
  root?: string
  bytesMax?: number
  clock?: Clock
  limits?: RepositoryOptions['limits']
  readModel?: RepositoryOptions['readModel']
}

/** An initialised repository under `dir`. */
export async function makeSite(dir: string, options: Partial<PublisherOptions> = {}): Promise<Site> {
  const repo = join(dir, 'repo')
  const counters = new Counters()
  const publisher = new Publisher({
    repo,
    expiresMs: 90 * DAY_MS,
    clock: systemClock(),
    readModel: parseModelFile,
    ...options,
  })
  await publisher.init()
  // What the operator installed, by hand, on day one.
  const root = join(dir, 'installed-root.json')
  writeFileSync(root, readFileSync(join(repo, 'root.json')))
  return {
    dir,
    repo,
    publisher,
    counters,
    async publish(manifest = {}, assetClass = 'pump') {
      const path = join(dir, 'model.onnx')
      writeFileSync(path, tinyModel(manifest))
      return (await publisher.add(path, assetClass)).sha256
    },
    gateway: (gateway = {}) =>
      createModelRepository({
        config: {
          repository: gateway.repository ?? repo,
          root: gateway.root ?? root,
          bytesMax: gateway.bytesMax ?? 1_000_000,
        },
        dir: gatewayDir(dir, gateway.name),
        clock: gateway.clock ?? systemClock(),
        logger: silentLogger,
        counters,
        readModel: gateway.readModel ?? parseModelFile,
        ...(gateway.limits ? { limits: gateway.limits } : {}),
      }),
  }
}

export function gatewayDir(dir: string, name = 'gateway'): string {
  const path = join(dir, name, 'tuf')
  mkdirSync(path, { recursive: true })
  return path
}

/** The newest generation of verified metadata of a gateway. */
export function generation(site: Site, name?: string): string {
  const dir = join(gatewayDir(site.dir, name), 'metadata')
  const numbers = readdirSync(dir).filter(entry => /^\d+$/.test(entry))
  return join(dir, numbers.sort().at(-1) ?? 'none')
}

export function wish(fields: Partial<SyncWish> = {}): SyncWish {
  return { asset: 'p-101', assetClass: 'pump', channels: CHANNELS, releaseNow: 0, sha256Now: undefined, ...fields }
}

export interface Web {
  url: string
  /** Paths asked for, in order, from `/`. */
  asked: string[]
  /** Answers instead of the folder where it is set. */
  fault: RequestListener | undefined
  close(): Promise<void>
}

/** Serves `folder` on a free port of the loopback. */
export async function serve(folder: string): Promise<Web> {
  const server: Server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(request.url ?? '/'))
    web.asked.push(path)
    if (web.fault) return web.fault(request, response)
    answerFile(response, join(folder, path))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const web: Web = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    asked: [],
    fault: undefined,
    close: () =>
      new Promise<void>(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return web
}

/** The file, or 404. */
export function answerFile(response: Parameters<RequestListener>[1], path: string): void {
  try {
    response.end(readFileSync(path))
  } catch {
    response.writeHead(404).end('not here')
  }
}
