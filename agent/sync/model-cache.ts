// Delivered models by digest, so that a model is downloaded once and a gateway without network can be asked again.
import { createHash } from 'node:crypto'
import { readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AgentError } from '../core/errors.ts'
import { makeDir } from '../core/folders.ts'
import type { ModelFile } from '../models/contract.ts'
import { readIfThere, syncFile, syncFolder } from './files.ts'

const NAME = /^([0-9a-f]{64})\.onnx$/
/** Digests remembered as not being models; more classes than that on one gateway are not expected. */
const REFUSED_MAX = 256

export class ModelCache {
  readonly #dir: string
  readonly #parse: (bytes: Uint8Array, origin: ModelFile['origin']) => ModelFile
  /** Signed files that break the model contract: not fetched again until the agent restarts, perhaps as a newer one. */
  readonly #refused = new Map<string, unknown>()

  constructor(dir: string, parse: (bytes: Uint8Array, origin: ModelFile['origin']) => ModelFile) {
    this.#dir = dir
    this.#parse = parse
  }

  /** Undefined when it is not here or damaged. Throws what the contract check threw when it was refused before. */
  async read(sha256: string): Promise<ModelFile | undefined> {
    if (this.#refused.has(sha256)) throw this.#refused.get(sha256)
    const bytes = await readIfThere(this.#path(sha256))
    if (!bytes) return undefined
    try {
      return this.#check(bytes, sha256)
    } catch {
      // Bit rot, or an older agent's idea of the contract: fetched and judged again.
      await rm(this.#path(sha256), { force: true })
      return undefined
    }
  }

  /** Takes over the downloaded file at `from`, whose content is `bytes`. Throws when it is not a model. */
  async adopt(from: string, bytes: Uint8Array, sha256: string): Promise<ModelFile> {
    const model = this.#judge(bytes, sha256)
    await makeDir(this.#dir)
    await syncFile(from)
    await rename(from, this.#path(sha256))
    await syncFolder(dirname(this.#path(sha256)))
    return model
  }

  /** Removes models that no class offers and no asset runs. */
  async prune(keep: readonly (string | undefined)[]): Promise<void> {
    for (const name of await readdir(this.#dir).catch(() => [])) {
      const sha256 = NAME.exec(name)?.[1]
      if (sha256 && !keep.includes(sha256)) await rm(join(this.#dir, name), { force: true })
    }
  }

  #judge(bytes: Uint8Array, sha256: string): ModelFile {
    if (createHash('sha256').update(bytes).digest('hex') !== sha256) throw damaged(sha256)
    try {
      return this.#check(bytes, sha256)
    } catch (error) {
      if (this.#refused.size >= REFUSED_MAX) this.#refused.clear()
      this.#refused.set(sha256, error)
      throw error
    }
  }

  #check(bytes: Uint8Array, sha256: string): ModelFile {
    const model = this.#parse(bytes, 'delivered')
    if (model.sha256 !== sha256 || model.origin !== 'delivered') throw damaged(sha256)
    return model
  }

  #path(sha256: string): string {
    return join(this.#dir, `${sha256}.onnx`)
  }
}

function damaged(sha256: string): AgentError {
  return new AgentError(
    'MODEL_UNREADABLE',
    `model ${sha256.slice(0, 12)}… was damaged on this disk; it is fetched again`,
  )
}
