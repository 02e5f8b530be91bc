import { readFile } from 'node:fs/promises'
import { AgentError, messageOf } from '../core/errors.ts'
import type { ModelFile } from './contract.ts'
import { parseModelFile } from './model-file.ts'

/** Reads and checks a model file. Throws MODEL_UNREADABLE or MODEL_CONTRACT naming the path. */
export async function readModelPath(path: string, origin: ModelFile['origin']): Promise<ModelFile> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new AgentError('MODEL_UNREADABLE', `cannot read ${path}: ${messageOf(error)}`, { cause: error })
  })
  return parseModelFile(bytes, origin, path)
}
