// How much goes when space runs out: no more than makes room, and whatever was there before, appends go on.
import t from 'tap'
import { Counters } from '../../../agent/core/counters.ts'
import type { NewRecord } from '../../../agent/journal/contract.ts'
import { planDrops } from '../../../agent/journal/drops.ts'
import { recover } from '../../../agent/journal/recovery.ts'
import { countRecord, newSegment } from '../../../agent/journal/segment-state.ts'
import { thinned } from '../../../agent/journal/thinning.ts'
import { memoryDisk } from '../../support/journal-disk.ts'
import { openTestJournal, readAll } from '../../support/journal-open.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { until } from '../../support/waiting.ts'

const MIB = 1 << 20

function alarmOf(priority: number, bytes: number): NewRecord {
  return { kind: 'alarm', priority: priority as NewRecord['priority'], payload: Buffer.alloc(bytes, 'x') }
}

t.test('a lower limit, below the last segment of the one before', async t => {
  const disk = memoryDisk()
  const first = await openTestJournal('/j', disk, { bytesMax: 64 * MIB })
  for (let i = 0; i < 100; i++) await first.append(alarmOf(2, 20_000))
  await first.close()
  const second = await openTestJournal('/j', disk, { bytesMax: MIB })
  t.equal(await second.append(alarmOf(2, 100)), 102, '101 says what went')
  t.match(second.status(), { firstSeq: 101, failing: undefined })
  t.match(second.status().losses, [{ fromSeq: 1, toSeq: 100, records: 100, reason: 'space' }])
  t.ok(second.status().bytes <= MIB)
  await second.close()
})

t.test(
  'many small segments of a disk that fails again and again: thinning them makes no room, so the oldest go',
  async t => {
    const disk = memoryDisk()
    const counters = new Counters()
    const journal = await openTestJournal('/j', disk, { bytesMax: MIB, counters })
    await journal.append(alarmOf(1, 100))
    for (let i = 0; i < 900; i++) {
      let syncs = 0
      disk.refuse = (_call, what) => (what === 'datasync' && ++syncs === 1 ? 'EIO' : undefined)
      await journal.append(alarmOf(1 + (i % 4), 100))
    }
    const lost = counters.snapshot()['journal.lost_space'] ?? 0
    t.ok(journal.status().segments > 700)
    t.ok(lost > 0)
    t.equal(lost + (await readAll(journal, 500)).filter(({ kind }) => kind === 'alarm').length, 901)
    t.ok(lost < 250, `${lost} of 901 records went`)
    await journal.close()
  },
)

t.test('others have their turn while a segment of many small records is thinned', async t => {
  const disk = memoryDisk()
  const first = await openTestJournal('/j', disk, { bytesMax: 64 * MIB })
  const each = Array.from({ length: 60_000 }, (_, i) => alarmOf(1 + 3 * (i % 2), 90))
  await Promise.all(each.map(record => first.append(record)))
  await first.close()
  const [segment] = (await recover(disk, '/j', 0)).segments
  let turns = 0
  const counts = (): void => {
    if (++turns < 1e6) setImmediate(counts)
  }
  setImmediate(counts)
  const anew = await thinned(disk, segment!, { from: 4, deliveredSeq: 0, checkpointSeq: undefined })
  const most = turns
  turns = 1e6
  t.match(anew?.loss, { fromSeq: 2, toSeq: 60_000, records: 30_000 })
  t.equal(anew?.segment.bytes, anew?.data.length)
  t.ok(most >= 50, `${most} turns for 7 MiB`)
})

t.test('a disk without space for a thinned segment: what was written of it does not keep the disk full', async t => {
  const disk = memoryDisk()
  const clock = manualClock()
  const journal = await openTestJournal('/j', disk, { bytesMax: 65_536, clock })
  disk.refuse = (_call, what, path) => (what === 'datasync' && path.endsWith('.thin') ? 'ENOSPC' : undefined)
  await t.rejects(
    (async () => {
      for (let i = 0; i < 100; i++) await journal.append(alarmOf(1 + 3 * (i % 2), 1_000))
    })(),
    { code: 'JOURNAL_FULL' },
  )
  t.same(
    disk.paths().filter(path => path.endsWith('.thin')),
    [],
  )
  disk.refuse = () => undefined
  await until(() => {
    clock.advance(5_000)
    return journal.status().failing === undefined
  }, 'the journal to accept appends again')
  await journal.append(alarmOf(4, 1_000))
  await journal.close()
})

t.test(
  'a large journal with few of the lowest priority: no more is written for a segment than takes a moment',
  async t => {
    const SEGMENT = 8 * MIB
    const segments = Array.from({ length: 127 }, (_, i) => {
      const segment = newSegment(`/j/${i}`, { ordinal: i + 1, base: 1 + i * 1_000 })
      for (let n = 0; n < 1_000; n++)
        countRecord(segment, segment.base + n, 'alarm', n % 100 === 0 ? 4 : 1, SEGMENT / 1_000)
      return { ...segment, bytes: SEGMENT, lastSeq: segment.base + 999 }
    })
    const limits = { needBytes: SEGMENT, bytesMax: 1024 * MIB, deliveredSeq: 0, keepCheckpoint: false }
    const first = planDrops(segments, limits)
    t.ok(first.thin.length > 0)
    t.ok(first.thin.length * SEGMENT <= 80 * MIB)
    const next = planDrops(segments, { ...limits, writtenBytes: 64 * MIB + 1 })
    t.same(next.thin, [])
    t.ok(next.victims.length <= 2)
  },
)
