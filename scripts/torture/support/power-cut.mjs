// What a disk may hold after the power went at one moment of a log of system calls.
//
// - Of a write or truncation that no sync of its file followed, all, nothing or any sectors are there; the size may be there without
//   the data.
// - Names made, changed and removed that no sync of their directory followed may be there or not: in the order of the calls, as
//   every journalling file system keeps it, or (`anyOrder`) each by itself. A sync of a file is not taken for one of its name.
//   The size of a file is kept in the same journal: what made one grow, unsynced, is not there without the names before it.
const SECTOR_BYTES = 512

/** Adds to each change the line from which on it is on the disk for certain. */
export function markDurable(calls) {
  const syncs = new Map()
  const later = (key, call) => syncs.get(key)?.findLast(sync => sync.start >= call.end)?.end ?? Number.POSITIVE_INFINITY
  // From the end, so that the syncs of a key are those after the call; the earliest of them is the last that was added.
  for (const call of [...calls].reverse()) {
    if (call.kind === 'sync' || call.kind === 'syncDir') {
      const key = call.file ?? call.path
      syncs.set(key, [...(syncs.get(key) ?? []), call])
    } else if (call.kind === 'write' || call.kind === 'truncate') call.durable = later(call.file, call)
    else if (call.kind !== 'ack') call.durable = Math.max(...dirsOf(call).map(dir => later(dir, call)))
  }
}

function dirsOf({ path, to }) {
  return [path, ...(to ? [to] : [])].map(name => name.slice(0, name.lastIndexOf('/')))
}

/** Directories and files, by path, that a cut at line `cut` may leave. */
export function afterCut(calls, cut, prng, { anyOrder }) {
  const begun = calls.filter(call => call.start < cut)
  const entries = new Map()
  const { kept, lostFrom } = keptNames(begun, cut, prng, anyOrder)
  for (const call of kept) {
    if (call.kind === 'unlink') entries.delete(call.path)
    else if (call.kind === 'rename') {
      entries.delete(call.path)
      entries.set(call.to, call.file)
    } else entries.set(call.path, call.file)
  }
  const changes = new Map()
  for (const call of begun) {
    if (call.kind !== 'write' && call.kind !== 'truncate') continue
    if (!changes.has(call.file)) changes.set(call.file, [])
    changes.get(call.file).push(call)
  }
  const mood = MOODS[Math.floor(prng.next() * MOODS.length)]
  const state = new Map()
  for (const [path, file] of entries) {
    state.set(path, file ? content(changes.get(file) ?? [], { cut, lostFrom }, prng, mood) : undefined)
  }
  return state
}

/** `lostFrom`: the line of the first that is not. */
function keptNames(begun, cut, prng, anyOrder) {
  const names = begun.filter(({ kind }) => ['create', 'unlink', 'rename', 'mkdir'].includes(kind))
  const certain = call => call.durable < cut
  const all = Number.POSITIVE_INFINITY
  if (anyOrder) return { kept: names.filter(call => certain(call) || prng.next() < 0.5), lostFrom: all }
  const least = names.findLastIndex(certain) + 1
  const kept = names.slice(0, least + Math.floor(prng.next() * (names.length - least + 1)))
  return { kept, lostFrom: names[kept.length]?.start ?? all }
}

/** How unsynced changes of a file fare: the part of them that is kept whole, and of the sectors of the others. */
const MOODS = [
  { whole: 0, sectors: 0, grown: 0 },
  { whole: 1, sectors: 0, grown: 0 },
  { whole: 0.5, sectors: 0, grown: 0.3 },
  { whole: 0.3, sectors: 0.5, grown: 0.3 },
  { whole: 0, sectors: 0.7, grown: 1 },
]

function content(changes, { cut, lostFrom }, prng, { whole, sectors, grown }) {
  let size = 0
  let most = 0
  let data = Buffer.alloc(changes.reduce((sum, { at = 0, data }) => Math.max(sum, at + (data?.length ?? 0)), 0))
  const put = (from, bytes) => {
    bytes.copy(data, from)
    size = Math.max(size, from + bytes.length)
  }
  for (const change of changes) {
    const kept = change.durable < cut || prng.next() < whole
    if (change.kind === 'truncate') {
      if (!kept) continue
      data.fill(0, change.bytes)
      size = Math.min(size, change.bytes)
      if (change.durable < cut) most = size
      continue
    }
    const end = change.at + change.data.length
    if (change.durable >= cut && end > size && change.start > lostFrom) continue
    most = Math.max(most, end)
    if (kept) put(change.at, change.data)
    else for (const [from, part] of sectorsOf(change)) if (prng.next() < sectors) put(from, part)
  }
  if (prng.next() < grown) size = Math.max(size, most)
  data = data.subarray(0, size)
  return data
}

function* sectorsOf({ at, data }) {
  for (let from = at; from < at + data.length; ) {
    const to = Math.min(at + data.length, (Math.floor(from / SECTOR_BYTES) + 1) * SECTOR_BYTES)
    yield [from, data.subarray(from - at, to - at)]
    from = to
  }
}
