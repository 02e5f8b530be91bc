import { readFile, stat } from 'node:fs/promises'
import { AgentError, messageOf } from '../../core/errors.ts'
import type { ModelFile } from '../contract.ts'
import { MODEL_BYTES_MAX, parseModelFile } from './model-file.ts'

/** Reads and checks a model file. Throws MODEL_UNREADABLE or MODEL_CONTRACT naming the path. */
export async function readModelPath(path: string, origin: ModelFile['origin']): Promise<ModelFile> {
  const bytes = await readWhole(path).catch((error: unknown) => {
    throw new AgentError('MODEL_UNREADABLE', `cannot read ${path}: ${messageOf(error)}`, { cause: error })
  })
  return parseModelFile(bytes, origin, path)
}

async function readWhole(path: string): Promise<Uint8Array> {
  const { size } = await stat(path)
  if (size > MODEL_BYTES_MAX) throw new Error(`it has ${size} bytes, a model may have ${MODEL_BYTES_MAX}`)
  return readFile(path)
}
