// The publisher's side: makes and extends the repository that gateways sync from. A plain folder; any static web server
// or a USB stick carries it. One Ed25519 key signs all four roles for now.
import { createHash } from 'node:crypto'
import { readdir, readFile, rm } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { TargetFile } from '@tufjs/models'
import type { Clock } from '../core/clock.ts'
import { AgentError, messageOf } from '../core/errors.ts'
import { requireDir } from '../core/folders.ts'
import { isoFromUs } from '../core/types.ts'
import type { ModelFile } from '../models/contract.ts'
import { writeWhole } from './files.ts'
import { withPublishLock } from './publish-lock.ts'
import {
  formatReleases,
  isClassName,
  modelTarget,
  parseReleases,
  RELEASES_KEPT,
  type Release,
  releasesTarget,
} from './releases.ts'
import { isRepository, readSet, type SignedSet, writeRoot, writeSet } from './signed-set.ts'
import { makeKey, openKey, type SigningKey } from './signing-key.ts'

const DAY_MS = 86_400_000
/** The root outlives the others; `refresh` renews it in their last third. */
const ROOT_DAYS = 1095

export interface PublisherOptions {
  repo: string
  /** Default: `<repo>-keys`, beside the repository. */
  keys?: string
  passphrase?: string
  /** How long targets, snapshot and timestamp stay valid from now. */
  expiresMs: number
  clock: Clock
  /** Throws AgentError MODEL_* when the bytes are not a model that keeps the contract. */
  readModel: (bytes: Uint8Array, origin: ModelFile['origin']) => ModelFile
}

export interface InitResult {
  repository: string
  /** What operators install as sync.root. */
  root: string
  key: string
  keyEncrypted: boolean
  expires: string
}

export interface AddResult extends Release {
  repository: string
  assetClass: string
  expires: string
}

export interface RepositoryStatus {
  repository: string
  roles: { role: 'root' | 'targets' | 'snapshot' | 'timestamp'; version: number; expires: string; daysLeft: number }[]
  classes: { assetClass: string; releases: Release[] }[]
}

/** Every method throws AgentError PUBLISH_INVALID with what to do, or MODEL_* for a file that is no model. */
export class Publisher {
  readonly #options: PublisherOptions
  readonly #repo: string
  readonly #keys: string

  constructor(options: PublisherOptions) {
    this.#options = options
    this.#repo = resolve(options.repo)
    this.#keys = resolve(options.keys ?? `${this.#repo}-keys`)
  }

  async init(): Promise<InitResult> {
    const inside = relative(this.#repo, this.#keys)
    if (inside === '' || !(inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside))) {
      throw invalid(`the keys (${this.#keys}) would lie in the folder that is served; name another with --keys`)
    }
    await requireDir('the repository', this.#repo, { code: 'PUBLISH_INVALID', advice: 'name a folder to write to' })
    if (await isRepository(this.#repo)) {
      throw invalid(`${this.#repo} is a repository already; use "publish add", or name an empty folder`)
    }
    return withPublishLock(this.#repo, async () => {
      const key = await makeKey(this.#keys, this.#options.passphrase)
      await writeRoot(this.#repo, 1, this.#expiry(ROOT_DAYS * DAY_MS), key)
      const expires = this.#expiry()
      await writeSet(this.#repo, {}, undefined, expires, key)
      const root = join(this.#repo, 'root.json')
      return { repository: this.#repo, root, key: key.path, keyEncrypted: key.encrypted, expires }
    })
  }

  /** `assetClass` undefined = the one in the manifest. */
  async add(path: string, assetClass: string | undefined): Promise<AddResult> {
    const bytes = await readFile(path).catch(error => {
      throw invalid(`cannot read ${path}: ${messageOf(error)}; name a model file`, error)
    })
    const model = this.#options.readModel(bytes, 'file')
    const name = chooseClass(model, assetClass)
    const key = await openKey(this.#keys, this.#options.passphrase)
    return withPublishLock(this.#repo, async () => {
      const before = await readSet(this.#repo, key)
      const releases = await this.#releases(before, name)
      const release = this.#nextRelease(model, releases, name)
      const listed = [...releases, release].slice(-RELEASES_KEPT)
      const targets = { ...withoutClass(before.targets.signed.targets, name) }
      for (const { sha256, bytes: length } of listed) {
        targets[modelTarget(name, sha256)] = new TargetFile({
          path: modelTarget(name, sha256),
          length,
          hashes: { sha256 },
        })
      }
      const list = formatReleases(name, listed)
      targets[releasesTarget(name)] = targetOf(releasesTarget(name), list)
      await this.#writeTarget(modelTarget(name, release.sha256), model.bytes)
      await this.#writeTarget(releasesTarget(name), list)
      await this.#renewRoot(before, key)
      const expires = this.#expiry()
      await writeSet(this.#repo, targets, before, expires, key)
      await this.#pruneTargets(name, [targets, before.targets.signed.targets])
      return { repository: this.#repo, assetClass: name, expires, ...release }
    })
  }

  /** Signs anew before expiry: same content, next versions. */
  async refresh(): Promise<RepositoryStatus> {
    const key = await openKey(this.#keys, this.#options.passphrase)
    await withPublishLock(this.#repo, async () => {
      const before = await readSet(this.#repo, key)
      await this.#renewRoot(before, key)
      await writeSet(this.#repo, before.targets.signed.targets, before, this.#expiry(), key)
    })
    return this.status()
  }

  /** Needs no key. */
  async status(): Promise<RepositoryStatus> {
    const set = await readSet(this.#repo, undefined)
    const roles = (['root', 'targets', 'snapshot', 'timestamp'] as const).map(role => {
      const { version, expires } = set[role].signed
      return { role, version, expires, daysLeft: Math.floor(this.#daysLeft(expires)) }
    })
    const names = Object.keys(set.targets.signed.targets).map(path => path.split('/')[0] ?? '')
    const classes: RepositoryStatus['classes'] = []
    for (const assetClass of [...new Set(names)].sort()) {
      classes.push({ assetClass, releases: await this.#releases(set, assetClass) })
    }
    return { repository: this.#repo, roles, classes }
  }

  async #renewRoot(before: SignedSet, key: SigningKey): Promise<void> {
    const { version, expires } = before.root.signed
    if (this.#daysLeft(expires) > ROOT_DAYS / 3) return
    await writeRoot(this.#repo, version + 1, this.#expiry(ROOT_DAYS * DAY_MS), key)
  }

  #nextRelease(model: ModelFile, releases: readonly Release[], assetClass: string): Release {
    const { manifest, sha256 } = model
    const latest = releases.at(-1)
    if (latest && manifest.release <= latest.release) {
      const what = `release ${manifest.release} of ${manifest.name} does not rise above release ${latest.release}`
      throw invalid(
        `${what}, published for ${assetClass}; gateways never downgrade: give it release ${latest.release + 1}`,
      )
    }
    const published = isoFromUs(this.#options.clock.nowUs())
    return { release: manifest.release, name: manifest.name, sha256, bytes: model.bytes.length, published }
  }

  /** Releases of a class as published, checked against the signed digest. */
  async #releases(set: SignedSet, assetClass: string): Promise<Release[]> {
    const target = set.targets.signed.targets[releasesTarget(assetClass)]
    if (!target) return []
    const path = this.#targetPath(target.path, target.hashes.sha256 ?? '')
    const bytes = await readFile(path).catch(error => {
      throw invalid(`cannot read ${path}: ${messageOf(error)}; restore the repository from your backup`, error)
    })
    if (sha256Of(bytes) !== target.hashes.sha256) {
      throw invalid(`${path} is not what was signed; restore the repository from your backup`)
    }
    return parseReleases(bytes, assetClass)
  }

  async #writeTarget(target: string, bytes: Uint8Array): Promise<void> {
    await writeWhole(this.#targetPath(target, sha256Of(bytes)), bytes)
  }

  /** TUF 1.0.31, 6: with consistent snapshots the digest comes before the file name. */
  #targetPath(target: string, sha256: string): string {
    const [folder = '', file = ''] = target.split('/')
    return join(this.#repo, 'targets', folder, `${sha256}.${file}`)
  }

  /** Deletes files of the class that neither the new nor the previous targets name. */
  async #pruneTargets(assetClass: string, sets: readonly Record<string, TargetFile>[]): Promise<void> {
    const named = sets.flatMap(set => Object.values(set)).map(t => this.#targetPath(t.path, t.hashes.sha256 ?? ''))
    const folder = dirname(this.#targetPath(releasesTarget(assetClass), ''))
    for (const name of await readdir(folder)) {
      const ours = /^[0-9a-f]{64}\.(releases\.json|[0-9a-f]{64}\.onnx)$/.test(name)
      if (ours && !named.includes(join(folder, name))) await rm(join(folder, name), { force: true })
    }
  }

  #expiry(ms = this.#options.expiresMs): string {
    return isoFromUs(this.#options.clock.nowUs() + ms * 1000).replace(/\.\d+Z$/, 'Z')
  }

  #daysLeft(expires: string): number {
    return (Date.parse(expires) - this.#options.clock.nowUs() / 1000) / DAY_MS
  }
}

function chooseClass(model: ModelFile, wanted: string | undefined): string {
  const { name, assetClass } = model.manifest
  const chosen = wanted ?? assetClass
  if (chosen === undefined) throw invalid(`${name} names no class; say which assets it is for with --class TYPE`)
  if (!isClassName(chosen)) throw invalid(`"${chosen}" cannot name a class; use letters, digits, - and _`)
  if (assetClass !== undefined && assetClass !== chosen) {
    throw invalid(`${name} is for class ${assetClass}, not ${chosen}; publish it under its own class`)
  }
  return chosen
}

function withoutClass(targets: Record<string, TargetFile>, assetClass: string): Record<string, TargetFile> {
  return Object.fromEntries(Object.entries(targets).filter(([path]) => !path.startsWith(`${assetClass}/`)))
}

function targetOf(path: string, bytes: Uint8Array): TargetFile {
  return new TargetFile({ path, length: bytes.length, hashes: { sha256: sha256Of(bytes) } })
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function invalid(message: string, cause?: unknown): AgentError {
  return new AgentError('PUBLISH_INVALID', message, { cause })
}
