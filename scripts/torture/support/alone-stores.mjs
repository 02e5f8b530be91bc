// Both stores as they are opened when they are driven alone.
import { systemClock } from '../../../dist/core/clock.js'
import { Counters } from '../../../dist/core/counters.js'
import { silentLogger } from '../../../dist/core/logger.js'
import { openHistory } from '../../../dist/history/history.js'
import { openLevel } from '../../../dist/history/place.js'
import { openJournal } from '../../../dist/journal/journal.js'
import { RETENTION } from './alone-rows.mjs'

/** Segments of 512 KiB, so that they begin and go often. */
const JOURNAL_BYTES = 4 << 20

/** LevelDB's own files begin and go as often when its memory for new rows is small. */
export async function openLevelSmall(dir, createIfMissing) {
  return openLevel(dir, createIfMissing, { writeBufferSize: 64 << 10, maxFileSize: 128 << 10 })
}

/** Resolves with the journal, its counters and whatever it opened beside. */
export async function openJournalAt(dir, options = {}) {
  const counters = new Counters()
  const checkpoint = () => ({ kind: 'checkpoint', priority: 1, payload: Buffer.from('fold') })
  const deps = { clock: systemClock(), logger: silentLogger, counters }
  const journal = await openJournal({ dir, bytesMax: JOURNAL_BYTES, checkpoint, ...deps, ...options })
  return { journal, counters, cursor: await journal.cursor('uplink') }
}

/** `losses` gets what is told of losses, in words. */
export async function openHistoryAt(dir, options = {}) {
  const losses = []
  const deps = { clock: systemClock(), logger: silentLogger, counters: new Counters() }
  const onLoss = what => losses.push(what)
  const opened = await openHistory({
    dir,
    retention: RETENTION,
    onLoss,
    openLevel: openLevelSmall,
    ...deps,
    ...options,
  })
  return { ...opened, losses, counters: deps.counters }
}
