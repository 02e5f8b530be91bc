// Making folders. Not with `mkdir {recursive: true}`: where the kernel answers ENOENT for a folder whose parent is there,
// as it does below /proc, Node 20 tries again for ever on a thread that no signal reaches.
import { access, constants, mkdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { AgentError, type ErrorCode, messageOf } from './errors.ts'

/**
 * Makes `dir` and what is missing above it, one level after the other; one that is there is fine. Resolves with the
 * topmost folder made, undefined when none was. Rejects with the error of the system (ENOTDIR, EACCES, EROFS, ENOENT …).
 */
export async function makeDir(dir: string, mode = 0o777): Promise<string | undefined> {
  const missing: string[] = []
  let at = resolve(dir)
  for (let kind = await kindOf(at); kind !== 'folder'; kind = await kindOf(at)) {
    if (kind === 'other')
      throw Object.assign(new Error(`ENOTDIR: not a directory, mkdir '${resolve(dir)}': ${at} is no folder`), {
        code: 'ENOTDIR',
      })
    missing.unshift(at)
    at = dirname(at)
  }
  for (const folder of missing) {
    await mkdir(folder, { mode }).catch(async error => {
      // Another process may have made it meanwhile.
      if ((await kindOf(folder)) !== 'folder') throw error
    })
  }
  return missing[0]
}

/** `makeDir`, and it can be written to; rejects with `code` and a message of what, where and `advice`. */
export async function requireDir(
  what: string,
  dir: string,
  { code, advice, mode }: { code: ErrorCode; advice: string; mode?: number },
): Promise<void> {
  try {
    await makeDir(dir, mode)
    await access(dir, constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw new AgentError(code, `${what} ${dir} cannot be used: ${messageOf(cause)}; ${advice}`, { cause })
  }
}

async function kindOf(path: string): Promise<'folder' | 'other' | 'none'> {
  try {
    return (await stat(path)).isDirectory() ? 'folder' : 'other'
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    // ENOTDIR: something above is no folder; the walk upwards comes to it.
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'none'
    throw error
  }
}
