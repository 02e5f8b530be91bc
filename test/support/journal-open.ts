import { Counters } from '../../agent/core/counters.ts'
import type { Disk } from '../../agent/core/disk.ts'
import { silentLogger } from '../../agent/core/logger.ts'
import type { Journal, JournalRecord, NewRecord } from '../../agent/journal/contract.ts'
import { type JournalOptions, openJournal } from '../../agent/journal/journal.ts'
import { manualClock } from './manual-clock.ts'

export function openTestJournal(dir: string, disk: Disk, more: Partial<JournalOptions> = {}): Promise<Journal> {
  const given = { clock: manualClock(), logger: silentLogger, counters: new Counters(), bytesMax: 1 << 20 }
  return openJournal({ dir, disk, ...given, ...more })
}

export function alarm(text: string): NewRecord {
  return { kind: 'alarm', priority: 2, payload: Buffer.from(text) }
}

export function textOf(record: JournalRecord): string {
  return Buffer.from(record.payload).toString()
}

/** Everything readable, by several reads as a consumer would. */
export async function readAll(journal: Journal, batch = 7): Promise<JournalRecord[]> {
  const all: JournalRecord[] = []
  for (let from = 1; ; ) {
    const records = await journal.read(from, batch)
    if (records.length === 0) return all
    all.push(...records)
    from = all.at(-1)!.seq + 1
  }
}
