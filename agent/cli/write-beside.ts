import { rename, rm, writeFile } from 'node:fs/promises'
import { unwritable } from './files.ts'

/** Never a half-written model under its final name. Throws FILE_UNWRITABLE where `path` cannot be written. */
export async function writeBeside(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeFile(`${path}.new`, bytes)
    await rename(`${path}.new`, path)
  } catch (error) {
    await rm(`${path}.new`, { force: true }).catch(() => {})
    throw unwritable(path, error, 'choose another --out')
  }
}
