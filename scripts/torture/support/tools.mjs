// What a fault needs of the machine, and which Debian package has it.
import { accessSync, constants, existsSync, mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PACKAGES = {
  strace: 'strace',
  prlimit: 'util-linux',
  mount: 'mount',
  umount: 'mount',
  cp: 'coreutils',
  mke2fs: 'e2fsprogs',
  libfaketime: 'libfaketime',
  mosquitto: 'mosquitto',
  nft: 'nftables',
}
/** They do what only root may. */
const OF_ROOT = ['mount', 'nft']

/** A new folder; in memory where there is such a place, for faults that need many files and no disk: a sync costs nothing there. */
export function scratchDir(memory = '/dev/shm') {
  try {
    accessSync(memory, constants.W_OK)
    return mkdtempSync(join(memory, 'ww-'))
  } catch {
    return mkdtempSync(join(tmpdir(), 'ww-'))
  }
}

/** One text for each tool that is not there. */
export function missingTools(needs) {
  return needs.flatMap(tool => {
    if (!isThere(tool))
      return [
        tool === 'loop' ? 'no loop devices here' : `${tool} is missing (apt-get install ${PACKAGES[tool] ?? tool})`,
      ]
    return OF_ROOT.includes(tool) && process.getuid?.() !== 0 ? [`${tool} needs root`] : []
  })
}

/** On the PATH, or where only root looks; libfaketime is a library. */
function isThere(tool) {
  if (tool === 'libfaketime') return libfaketime() !== undefined
  if (tool === 'loop') return existsSync('/dev/loop-control')
  const dirs = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin', '/sbin']
  return dirs.some(dir => existsSync(join(dir, tool)))
}

/** Undefined where it is not installed (Debian: libfaketime). */
export function libfaketime() {
  for (const dir of ['/usr/lib', '/usr/lib64', '/usr/local/lib']) {
    try {
      const found = readdirSync(dir, { recursive: dir === '/usr/local/lib' })
      for (const name of found) {
        const path = join(dir, name, 'faketime')
        try {
          const lib = readdirSync(path).find(file => file.startsWith('libfaketimeMT.so'))
          if (lib) return join(path, lib)
        } catch {}
      }
    } catch {}
  }
  return undefined
}
