import { rename, rm, writeFile } from 'node:fs/promises'
import { AgentError, messageOf } from '../core/errors.ts'

/** Never a half-written model under its final name. Throws USAGE where `path` cannot be written. */
export async function writeBeside(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeFile(`${path}.new`, bytes)
    await rename(`${path}.new`, path)
  } catch (error) {
    await rm(`${path}.new`, { force: true }).catch(() => {})
    throw new AgentError('USAGE', `cannot write ${path}: ${messageOf(error)}. Choose another --out.`, { cause: error })
  }
}
