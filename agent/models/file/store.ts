import { open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AgentError, messageOf } from '../../core/errors.ts'
import { makeDir } from '../../core/folders.ts'
import type { ModelFile } from '../contract.ts'
import { sha256Hex } from './model-file.ts'

/** Model files by digest: `<dir>/<sha256>.onnx`. A file is written once and never edited. */
export class ModelStore {
  readonly #dir: string
  readonly #parse: (bytes: Uint8Array, origin: ModelFile['origin']) => ModelFile

  constructor(dir: string, parse: (bytes: Uint8Array, origin: ModelFile['origin']) => ModelFile) {
    this.#dir = dir
    this.#parse = parse
  }

  /** Durable when it resolves: written beside, synced, renamed, folder synced. Throws MODEL_STORE_IO. */
  async save(model: ModelFile): Promise<void> {
    const path = this.#path(model.sha256)
    try {
      await makeDir(this.#dir)
      await writeBeside(path, model.bytes)
      const folder = await open(this.#dir, 'r')
      await folder.sync().finally(() => folder.close())
    } catch (error) {
      const advice = 'check space, owner and disk; it is tried again'
      throw new AgentError('MODEL_STORE_IO', `cannot write model ${path} (${messageOf(error)}): ${advice}`, {
        cause: error,
      })
    }
  }

  /** Throws MODEL_UNREADABLE when the file is gone or is not what its name says. */
  async read(sha256: string, origin: ModelFile['origin']): Promise<ModelFile> {
    const path = this.#path(sha256)
    const bytes = await readFile(path).catch((error: unknown) => {
      throw new AgentError(
        'MODEL_UNREADABLE',
        `cannot read model ${path}: ${messageOf(error)}; the asset learns or syncs it again`,
        { cause: error },
      )
    })
    const digest = sha256Hex(bytes)
    if (digest !== sha256) {
      throw new AgentError(
        'MODEL_UNREADABLE',
        `model ${path} is damaged: its digest is ${digest.slice(0, 12)}…; the asset learns or syncs it again`,
      )
    }
    return this.#parse(bytes, origin)
  }

  /** Of a model that nothing will ask for again. Throws MODEL_STORE_IO. */
  async remove(sha256: string): Promise<void> {
    const path = this.#path(sha256)
    await rm(path, { force: true }).catch((error: unknown) => {
      const text = `cannot delete the old model ${path} (${messageOf(error)}): check owner and disk; it is tried again`
      throw new AgentError('MODEL_STORE_IO', text, { cause: error })
    })
  }

  #path(sha256: string): string {
    return join(this.#dir, `${sha256}.onnx`)
  }
}

async function writeBeside(path: string, bytes: Uint8Array): Promise<void> {
  const beside = `${path}.new`
  const file = await open(beside, 'w')
  try {
    await file.writeFile(bytes)
    await file.datasync()
  } finally {
    await file.close()
  }
  await rename(beside, path)
}
