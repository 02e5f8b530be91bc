// The gateway's side of model delivery:
//
//   installed root ─► refresh (tuf-js, in a copied folder) ─► commit ─► per class: releases.json ─► newest release
//                                                                            │
//   SyncOffer per asset ◄─ channels fit? ◄─ contract (readModel) ◄─ <dir>/models/<sha256>.onnx ◄─ download, digests
//
// Nothing here runs a model: self-test and activation belong to the caller.
import { readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { TargetFile, Updater } from 'tuf-js'
import type { SyncConfig } from '../config/contract.ts'
import type { Clock } from '../core/clock.ts'
import type { Counters } from '../core/counters.ts'
import { AgentError, messageOf } from '../core/errors.ts'
import { makeDir } from '../core/folders.ts'
import type { Logger } from '../core/logger.ts'
import { isoFromUs } from '../core/types.ts'
import type { ModelFile } from '../models/contract.ts'
import type { ModelRepository, SyncOffer, SyncWish } from './contract.ts'
import { ioError } from './failures.ts'
import { type FetchLimits, RepositoryFetcher } from './fetcher.ts'
import { errnoOf } from './files.ts'
import { ModelCache } from './model-cache.ts'
import { channelDifference, compareRelease, manifestDifference } from './offers.ts'
import {
  isClassName,
  modelTarget,
  parseReleases,
  RELEASES_BYTES_MAX,
  type Release,
  releasesTarget,
} from './releases.ts'
import { METADATA_BYTES_MAX, Trust } from './trust.ts'

/** A dead server is noticed in 20 s; 16 MiB over a 256 kbit/s line take 9 min. */
const IDLE_MS = 20_000
const TOTAL_MS = 15 * 60_000
export type ReadModel = (bytes: Uint8Array, origin: ModelFile['origin']) => ModelFile

export interface RepositoryOptions {
  config: SyncConfig
  /** `<storage>/tuf`: metadata/, models/, download/. */
  dir: string
  clock: Clock
  logger: Logger
  counters: Counters
  /** Throws AgentError when the bytes are not a model that keeps the contract. */
  readModel: ReadModel
  limits?: Partial<Pick<FetchLimits, 'idleMs' | 'totalMs'>>
}

export interface SyncRepository extends ModelRepository {
  /** Ends a check under way, which then throws SYNC_UNREACHABLE or refuses what was not fetched yet. */
  stop(): Promise<void>
}

export function createModelRepository(options: RepositoryOptions): SyncRepository {
  return new TufRepository(options)
}

/** What one class offers in this check, decided once for all its assets. */
type ClassOffer = { latest: Release; load: () => Promise<ModelFile> } | { absent: true } | { reason: string }

class TufRepository implements SyncRepository {
  readonly #options: RepositoryOptions
  readonly #logger: Logger
  readonly #counters: Counters
  readonly #trust: Trust
  readonly #models: ModelCache
  /** As shown to people. */
  readonly #name: string
  readonly #downloads: string
  #running: Promise<SyncOffer[]> | undefined
  #fetcher: RepositoryFetcher | undefined

  constructor(options: RepositoryOptions) {
    this.#options = options
    this.#logger = options.logger.room('sync')
    this.#counters = options.counters
    this.#trust = new Trust({ ...options, logger: this.#logger })
    this.#models = new ModelCache(join(options.dir, 'models'), options.readModel)
    this.#name = this.#trust.name
    this.#downloads = join(options.dir, 'download')
  }

  async check(wishes: readonly SyncWish[]): Promise<SyncOffer[]> {
    if (this.#running) {
      const what = `a sync with ${this.#name} is under way already`
      throw new AgentError('SYNC_BUSY', `${what}; wait for it, its result is in the log and in status`)
    }
    this.#counters.get('sync.checks').n++
    this.#running = this.#check(wishes)
    try {
      return await this.#running
    } catch (error) {
      this.#counters.get('sync.failed').n++
      throw error
    } finally {
      this.#running = undefined
    }
  }

  async stop(): Promise<void> {
    this.#fetcher?.abort('the agent is stopping')
    await this.#running?.catch(() => {})
  }

  async #check(wishes: readonly SyncWish[]): Promise<SyncOffer[]> {
    const { clock, config, limits } = this.#options
    await this.#trust.requireRoot()
    await this.#clearDownloads()
    const fetcher = new RepositoryFetcher({
      clock,
      limits: {
        idleMs: limits?.idleMs ?? IDLE_MS,
        totalMs: limits?.totalMs ?? TOTAL_MS,
        bytesMax: Math.max(config.bytesMax, METADATA_BYTES_MAX),
      },
      dir: this.#downloads,
      bytes: this.#counters.get('sync.bytes'),
    })
    this.#fetcher = fetcher
    try {
      const updater = await this.#trust.refresh(fetcher)
      return await this.#offers(updater, wishes)
    } finally {
      fetcher.end()
      this.#fetcher = undefined
    }
  }

  async #clearDownloads(): Promise<void> {
    try {
      await rm(this.#downloads, { recursive: true, force: true })
      await makeDir(this.#downloads)
    } catch (error) {
      throw ioError(error)
    }
  }

  async #offers(updater: Updater, wishes: readonly SyncWish[]): Promise<SyncOffer[]> {
    const classes = new Map<string, ClassOffer>()
    for (const { assetClass } of wishes) {
      if (!classes.has(assetClass)) classes.set(assetClass, await this.#classOffer(updater, assetClass))
    }
    const offers: SyncOffer[] = []
    for (const wish of wishes) offers.push(await this.#offer(wish, classes.get(wish.assetClass)))
    const keep = [...classes.values()].flatMap(offer => ('latest' in offer ? [offer.latest.sha256] : []))
    await this.#models.prune([...keep, ...wishes.map(wish => wish.sha256Now)])
    const count = (kind: SyncOffer['kind']): number => offers.filter(offer => offer.kind === kind).length
    const done = `checked ${this.#name} at ${isoFromUs(this.#options.clock.nowUs())}`
    this.#logger.info(done, { new: count('new'), unchanged: count('unchanged'), refused: count('refused') })
    return offers
  }

  async #classOffer(updater: Updater, assetClass: string): Promise<ClassOffer> {
    if (!isClassName(assetClass)) {
      return { reason: `"${assetClass}" cannot name a class: letters, digits, - and _; rename the type or asset` }
    }
    try {
      const target = await updater.getTargetInfo(releasesTarget(assetClass))
      if (!target) return { absent: true }
      const path = join(this.#downloads, `${assetClass}.releases.json`)
      const bytes = await this.#download(updater, target, path, RELEASES_BYTES_MAX)
      const latest = parseReleases(bytes, assetClass).at(-1)
      if (!latest) return { absent: true }
      let loading: Promise<ModelFile> | undefined
      return { latest, load: () => (loading ??= this.#load(updater, assetClass, latest)) }
    } catch (error) {
      return { reason: messageOf(error) }
    }
  }

  async #offer(wish: SyncWish, offered: ClassOffer | undefined): Promise<SyncOffer> {
    const { asset } = wish
    if (!offered || 'absent' in offered) return { asset, kind: 'absent' }
    if ('reason' in offered) return this.#refuse(asset, offered.reason)
    const verdict = compareRelease(wish, offered.latest)
    if (verdict === 'unchanged') return { asset, kind: 'unchanged' }
    if (verdict !== 'take') return this.#refuse(asset, verdict.reason)
    try {
      const model = await offered.load()
      const misfit = channelDifference(model.manifest, wish)
      return misfit ? this.#refuse(asset, misfit) : { asset, kind: 'new', model }
    } catch (error) {
      return this.#refuse(asset, messageOf(error))
    }
  }

  #refuse(asset: string, reason: string): SyncOffer {
    this.#counters.get('sync.refused').n++
    this.#logger.warn(`no new model for ${asset}: ${reason}`)
    return { asset, kind: 'refused', reason }
  }

  /** The verified model, from the cache or the repository. Throws when it is not what was signed or not a model. */
  async #load(updater: Updater, assetClass: string, latest: Release): Promise<ModelFile> {
    const stored = await this.#models.read(latest.sha256)
    if (stored) return accept(stored, latest, assetClass)
    const name = modelTarget(assetClass, latest.sha256)
    const target = await updater.getTargetInfo(name)
    if (!target) throw refused(`${name} is listed but not signed as a target; publish the model again`)
    if (target.hashes.sha256 !== latest.sha256) throw refused(`${name} is signed with another digest; publish it again`)
    const path = join(this.#downloads, `${latest.sha256}.onnx`)
    const bytes = await this.#download(updater, target, path, this.#options.config.bytesMax)
    return accept(await this.#models.adopt(path, bytes, latest.sha256), latest, assetClass)
  }

  async #download(updater: Updater, target: TargetFile, path: string, bytesMax: number): Promise<Buffer> {
    if (target.length > bytesMax) {
      const limit = `${bytesMax} are taken (sync.bytesMax for models)`
      throw refused(`${target.path} has ${target.length} bytes but at most ${limit}; publish a smaller one`)
    }
    const part = `${path}.part`
    try {
      // Size and every digest of the signed metadata are checked in here.
      await updater.downloadTarget(target, part)
      await rename(part, path)
      return await readFile(path)
    } catch (error) {
      if (errnoOf(error)) throw ioError(error)
      const what = `${target.path} from ${this.#name} is not what was signed or did not come: ${messageOf(error)}`
      throw refused(`${what}; the next sync tries again`, error)
    }
  }
}

function accept(model: ModelFile, latest: Release, assetClass: string): ModelFile {
  const difference = manifestDifference(model.manifest, latest, assetClass)
  if (difference) throw refused(difference)
  return model
}

function refused(message: string, cause?: unknown): AgentError {
  return new AgentError('SYNC_REFUSED', message, { cause })
}
