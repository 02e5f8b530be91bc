// Each way in which a disk refuses, once on the whole agent: it goes on, says so, and is well by itself when the disk is.
import { agentTrouble } from './support/agent-trouble.mjs'
import { failing, full, noDescriptors, slowSync } from './support/disk-trouble.mjs'
import { inLanes } from './support/lanes.mjs'

/** More often than either store tries again. */
const DRIP_MS = 150
/** An agent with two slow assets is idle. */
const AT_ONCE = 2

const TROUBLES = [
  { name: 'ENOSPC', begin: failing('ENOSPC') },
  { name: 'EIO', begin: failing('EIO') },
  { name: 'short writes', begin: full(DRIP_MS), tmpfs: true },
  { name: 'full tmpfs', begin: full(), tmpfs: true },
]

export const fault = {
  name: 'agent-disk',
  what: 'ENOSPC, EIO, writes cut short and a full tmpfs under the whole agent',
  counts: { full: TROUBLES.length, short: TROUBLES.length },
  needs: ['strace', 'prlimit', 'mount'],
  run: context => each(TROUBLES, context),
}

/** fsync blocked and no descriptors left: their own row of the table. */
export const emfile = {
  name: 'emfile',
  what: 'no file descriptor left, for the whole agent',
  counts: { full: 1, short: 1 },
  needs: ['prlimit'],
  run: context => each([{ name: 'EMFILE', begin: noDescriptors(3_000), deaf: true }], context),
}

export const fsyncBlocked = {
  name: 'fsync-blocked',
  what: 'every fsync of the whole agent blocked for 5 s',
  counts: { full: 1, short: 1 },
  needs: ['strace'],
  run: context => each([{ name: 'fsync blocked 5 s', begin: slowSync(5) }], context),
}

async function each(troubles, { seed }) {
  const failures = []
  const notes = []
  await inLanes(troubles, AT_ONCE, async trouble => {
    const one = await agentTrouble(trouble, seed)
    failures.push(...one.failures)
    notes.push(...one.notes)
  })
  return { runs: troubles.length, failures, notes }
}
