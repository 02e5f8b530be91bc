// Where the verified TUF metadata of a gateway lives. tuf-js writes its files in place, and a torn one either throws or,
// worse, silently gives up the protection against rollback. So it never works on the good folder:
//
//   <dir>/metadata/00000007/   the generation before, in case of damage
//   <dir>/metadata/00000008/   root.json timestamp.json snapshot.json targets.json seal.json     <- last good
//   <dir>/metadata/work/       a copy that a refresh works on; after a crash it is rubbish
//
// commit: fsync every file -> seal.json (digests of all) -> fsync -> rename work to the next number -> fsync metadata/.
// Invariant: a numbered folder whose seal fits holds only bytes that tuf-js verified. One whose seal does not fit is
// passed over for the one before it; with none left, trust starts anew from the installed root.
import { createHash } from 'node:crypto'
import { readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Counters } from '../core/counters.ts'
import { makeDir } from '../core/folders.ts'
import type { Logger } from '../core/logger.ts'
import { readIfThere, syncFile, syncFolder, writeWhole } from './files.ts'

const FILES = ['root.json', 'timestamp.json', 'snapshot.json', 'targets.json'] as const
const GENERATION = /^\d{8}$/

interface Seal {
  schema: 'wearwatch.tuf-seal/1'
  /** Digest of the installed root that this trust grew from: another one installed by hand starts it anew. */
  installedRoot: string
  /** Wall clock of the last full refresh, µs: time has been at least this late. */
  refreshedUs: number
  files: Record<string, string>
}

interface Generation {
  number: number
  seal: Seal
  files: Map<string, Buffer>
}

/** Not safe for two at once; the repository above lets one check in at a time. */
export class MetadataStore {
  readonly #dir: string
  readonly #work: string
  readonly #logger: Logger
  readonly #counters: Counters
  #base: Generation | undefined
  #installedRoot = ''

  constructor(options: { dir: string; logger: Logger; counters: Counters }) {
    this.#dir = join(options.dir, 'metadata')
    this.#work = join(this.#dir, 'work')
    this.#logger = options.logger
    this.#counters = options.counters
  }

  /** A folder for tuf-js, filled from the last good generation and `installedRoot`. */
  async begin(installedRoot: Uint8Array): Promise<string> {
    await rm(this.#work, { recursive: true, force: true })
    await makeDir(this.#work)
    this.#installedRoot = digest(installedRoot)
    const lastGood = await this.#lastGood()
    // A root that a person installs starts trust anew: the way back after a repository was made afresh.
    this.#base = lastGood?.seal.installedRoot === this.#installedRoot ? lastGood : undefined
    const files = this.#base?.files ?? new Map([['root.json', installedRoot]])
    for (const [name, bytes] of files) await writeFile(join(this.#work, name), bytes)
    return this.#work
  }

  /** Latest time known to have passed, µs; 0 = unknown. */
  get floorUs(): number {
    return this.#base?.seal.refreshedUs ?? 0
  }

  /**
   * Keeps what the refresh verified. Also called with `refreshedUs` undefined after a refresh that failed half way: a new
   * root or timestamp that verified must not be forgotten, or revoked keys and older versions could come back.
   */
  async commit(refreshedUs: number | undefined): Promise<void> {
    const files = await this.#readAll(this.#work)
    // A full disk leaves a cut file; only a file that parses was written whole.
    if (![...files.values()].every(isJson)) return
    const digests = Object.fromEntries([...files].map(([name, bytes]) => [name, digest(bytes)]))
    const base = this.#base
    // Nothing new: most checks end here, and flash wears.
    if (base && sameRecord(base.seal.files, digests)) return
    for (const name of files.keys()) await syncFile(join(this.#work, name))
    const seal: Seal = {
      schema: 'wearwatch.tuf-seal/1',
      installedRoot: this.#installedRoot,
      refreshedUs: Math.max(refreshedUs ?? 0, this.floorUs),
      files: digests,
    }
    await writeWhole(join(this.#work, 'seal.json'), JSON.stringify(seal))
    const number = Math.max(0, ...(await this.#numbers())) + 1
    await rename(this.#work, this.#folder(number))
    await syncFolder(this.#dir)
    await this.#prune([number, base?.number])
    this.#base = { number, seal, files }
  }

  async #lastGood(): Promise<Generation | undefined> {
    for (const number of (await this.#numbers()).sort((a, b) => b - a)) {
      const folder = this.#folder(number)
      const seal = parseSeal(await readIfThere(join(folder, 'seal.json')))
      const files = await this.#readAll(folder)
      if (seal && [...files].every(([name, bytes]) => seal.files[name] === digest(bytes))) {
        if (Object.keys(seal.files).length === files.size) return { number, seal, files }
      }
      this.#counters.get('sync.metadata_damaged').n++
      this.#logger.warn(`${folder} is damaged; falling back to the generation before it, or to the installed root`)
    }
    return undefined
  }

  async #readAll(folder: string): Promise<Map<string, Buffer>> {
    const files = new Map<string, Buffer>()
    for (const name of FILES) {
      const bytes = await readIfThere(join(folder, name))
      if (bytes) files.set(name, bytes)
    }
    return files
  }

  async #numbers(): Promise<number[]> {
    return (await readdir(this.#dir)).filter(name => GENERATION.test(name)).map(Number)
  }

  #folder(number: number): string {
    return join(this.#dir, String(number).padStart(8, '0'))
  }

  async #prune(keep: readonly (number | undefined)[]): Promise<void> {
    for (const number of await this.#numbers()) {
      if (!keep.includes(number)) await rm(this.#folder(number), { recursive: true, force: true })
    }
  }
}

function parseSeal(bytes: Buffer | undefined): Seal | undefined {
  try {
    const seal = JSON.parse(bytes?.toString('utf8') ?? '') as Seal
    const whole = seal.schema === 'wearwatch.tuf-seal/1' && typeof seal.files === 'object' && seal.files !== null
    return whole && Number.isFinite(seal.refreshedUs) ? seal : undefined
  } catch {
    return undefined
  }
}

function isJson(bytes: Buffer): boolean {
  try {
    JSON.parse(bytes.toString('utf8'))
    return true
  } catch {
    return false
  }
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function sameRecord(a: Record<string, string>, b: Record<string, string>): boolean {
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every(name => a[name] === b[name])
}
