import { join } from 'node:path'
import type { Counters } from '../core/counters.ts'
import { realDisk } from '../core/disk.ts'
import { AgentError } from '../core/errors.ts'
import { makeDir } from '../core/folders.ts'
import { openHistory } from '../history/history.ts'
import { CommitQueue } from '../journal/commit-queue.ts'
import { openJournal } from '../journal/journal.ts'
import { AlarmCases } from './alarm-cases.ts'
import type { AgentParts, BuildOptions } from './parts.ts'
import { Records } from './records.ts'
import { StorageWear } from './storage-wear.ts'

export type Stores = Pick<AgentParts, 'history' | 'journal' | 'commits' | 'records' | 'cases' | 'wear'>

/** Opens history and journal and folds the journal. Throws ALREADY_RUNNING, HISTORY_*, JOURNAL_*; then nothing stays open. */
export async function openStores(options: BuildOptions, counters: Counters): Promise<Stores> {
  const { config, clock, prng, logger } = options
  const { dir, samples, scores, waveforms, journalBytesMax } = config.storage
  await makeDir(dir)
  const { minutes, hours, blackBox } = config.storage
  const kept = { minutes, hours, 'black-box': blackBox }
  const retention = { samples, scores, features: scores, vibration: scores, waveforms, ...kept }
  // The history's lock is taken first: it keeps a second daemon away from the journal.
  const told: string[] = []
  let record = (what: string): void => void told.push(what)
  const { history } = await openHistory({
    onLoss: what => record(what),
    dir: join(dir, 'history'),
    retention,
    clock,
    logger: logger.room('history'),
    counters,
  }).catch((error: unknown) => {
    throw error instanceof AgentError && error.code === 'HISTORY_LOCKED' ? alreadyRunning(dir, error) : error
  })
  try {
    const journalLog = logger.room('journal')
    const cases = new AlarmCases(history.notes, journalLog)
    const records = new Records(journalLog, cases)
    const journal = await openJournal({
      dir: join(dir, 'journal'),
      bytesMax: journalBytesMax,
      disk: realDisk,
      clock,
      logger: journalLog,
      counters,
      checkpoint: () => records.checkpoint(),
    })
    await records.recover(journal)
    const commits = new CommitQueue(journal, clock, prng, journalLog, counters)
    records.attach(commits)
    record = what => void records.historyLoss(what, clock.nowUs())
    for (const what of told) record(what)
    const wear = new StorageWear(config.storage.writeBytesPerDayMax, clock, logger.room('history'))
    return { history, journal, commits, records, cases, wear }
  } catch (error) {
    await history.close()
    throw error
  }
}

function alreadyRunning(dir: string, cause: AgentError): AgentError {
  const advice = 'stop it first (systemctl stop wearwatch), or give this one another storage.dir'
  return new AgentError('ALREADY_RUNNING', `another wearwatch daemon has ${dir} open; ${advice}`, { cause })
}
