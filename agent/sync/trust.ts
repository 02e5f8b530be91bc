// From the installed root to metadata that can be believed now.
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Updater } from 'tuf-js'
import type { SyncConfig } from '../config/contract.ts'
import type { Clock } from '../core/clock.ts'
import type { Counters } from '../core/counters.ts'
import { AgentError, messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { expired, ioError, refreshError } from './failures.ts'
import { type RepositoryFetcher, withoutCredentials } from './fetcher.ts'
import { MetadataStore } from './metadata-store.ts'

export const METADATA_BYTES_MAX = 5_000_000
/** tuf-js defaults, written down because they are our bounds. One key set, no delegated roles yet. */
const TUF_LIMITS = {
  rootMaxLength: 512_000,
  timestampMaxLength: 16_384,
  snapshotMaxLength: 2_000_000,
  targetsMaxLength: METADATA_BYTES_MAX,
  maxRootRotations: 64,
  maxDelegations: 0,
  prefixTargetsWithHash: true,
}

export class Trust {
  /** The repository as shown to people. */
  readonly name: string
  readonly #base: string
  readonly #config: SyncConfig
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #counters: Counters
  readonly #metadata: MetadataStore

  constructor(options: { config: SyncConfig; dir: string; clock: Clock; logger: Logger; counters: Counters }) {
    this.#config = options.config
    this.#clock = options.clock
    this.#logger = options.logger
    this.#counters = options.counters
    this.#metadata = new MetadataStore(options)
    this.#base = baseUrl(options.config.repository)
    this.name = this.#base.startsWith('file:') ? fileURLToPath(this.#base) : withoutCredentials(this.#base)
  }

  /** The installed root; throws SYNC_OFF when there is none. */
  async requireRoot(): Promise<Buffer> {
    const path = this.#config.root
    try {
      return await readFile(path)
    } catch (error) {
      const what = `sync is off: no trusted root at ${path} (${messageOf(error)})`
      const todo = `copy root.json from the published repository to ${path}, by a way you trust, and sync again`
      throw new AgentError('SYNC_OFF', `${what}; ${todo}`, { cause: error })
    }
  }

  /** Resolves with verified, unexpired metadata that is durable on disk; throws SYNC_*. */
  async refresh(fetcher: RepositoryFetcher): Promise<Updater> {
    const root = await this.requireRoot()
    let refreshedUs: number | undefined
    let begun = false
    try {
      const metadataDir = await this.#metadata.begin(root)
      const updater = new Updater({
        metadataDir,
        metadataBaseUrl: this.#base,
        targetBaseUrl: `${this.#base}targets/`,
        fetcher,
        config: TUF_LIMITS,
      })
      begun = true
      await updater.refresh()
      await this.#checkExpiry(metadataDir)
      refreshedUs = this.#clock.nowUs()
      return updater
    } catch (error) {
      throw refreshError(error, fetcher.failure, this.name, this.#config.root)
    } finally {
      if (begun) await this.#commit(refreshedUs)
    }
  }

  async #commit(refreshedUs: number | undefined): Promise<void> {
    try {
      await this.#metadata.commit(refreshedUs)
    } catch (error) {
      // After a successful refresh the verified metadata is in memory: this check can go on, the next starts from before.
      this.#logger.warn(ioError(error).message)
      this.#counters.get('sync.io_errors').n++
    }
  }

  /**
   * tuf-js compares with the system's clock of its own. Asked again here with the injected one, which never counts as
   * earlier than the last refresh: a gateway that boots in 1970 would otherwise accept anything that ever expired.
   */
  async #checkExpiry(metadataDir: string): Promise<void> {
    const nowUs = Math.max(this.#clock.nowUs(), this.#metadata.floorUs)
    for (const role of ['root', 'timestamp', 'snapshot', 'targets']) {
      const file = JSON.parse(await readFile(join(metadataDir, `${role}.json`), 'utf8'))
      const until: string = file.signed.expires
      if (!(Date.parse(until) * 1000 > nowUs)) throw expired(`${role}.json expired at ${until}`, this.name)
    }
  }
}

/** With a slash at its end, as URL resolution wants it. */
function baseUrl(repository: string): string {
  const isUrl = /^(https?|file):\/\//i.test(repository)
  if (isUrl && !URL.canParse(repository)) {
    throw new AgentError(
      'CONFIG_INVALID',
      `sync.repository: "${repository}" is no URL; use https://host/path or a folder`,
    )
  }
  const url = isUrl ? new URL(repository).href : pathToFileURL(resolve(repository)).href
  return url.endsWith('/') ? url : `${url}/`
}
