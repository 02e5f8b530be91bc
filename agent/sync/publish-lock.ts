// One publisher per repository: two at once would write the same version with different content.
import { readFile, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { AgentError } from '../core/errors.ts'
import { errnoOf } from './files.ts'

/** Runs `work` while holding `<repo>/.publish.lock`. Throws PUBLISH_INVALID when another process holds it. */
export async function withPublishLock<T>(repo: string, work: () => Promise<T>): Promise<T> {
  const path = join(repo, '.publish.lock')
  const own = `${hostname()} ${process.pid}`
  if (!(await take(path, own))) {
    const holder = await readFile(path, 'utf8').catch(() => '')
    if (!isDead(holder)) {
      const todo = `wait for it, or delete ${path} when nobody is publishing`
      throw new AgentError(
        'PUBLISH_INVALID',
        `${repo} is being published to by ${holder || 'another process'}; ${todo}`,
      )
    }
    await rm(path, { force: true })
    if (!(await take(path, own)))
      throw new AgentError('PUBLISH_INVALID', `${repo} was taken by another process; try again`)
  }
  try {
    return await work()
  } finally {
    await rm(path, { force: true })
  }
}

async function take(path: string, own: string): Promise<boolean> {
  try {
    await writeFile(path, own, { flag: 'wx' })
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw error
  }
}

/** Only a process of this host can be known to be gone; the folder may be on a network drive. */
function isDead(holder: string): boolean {
  const [host, pid] = holder.split(' ')
  if (host !== hostname() || !(Number(pid) > 0)) return false
  try {
    process.kill(Number(pid), 0)
    return false
  } catch (error) {
    return errnoOf(error) === 'ESRCH'
  }
}
