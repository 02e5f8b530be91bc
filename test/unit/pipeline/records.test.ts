import t from 'tap'
import { applyTransition, newAlarmState, snapshot } from '../../../agent/alarms/state.ts'
import { Counters } from '../../../agent/core/counters.ts'
import { silentLogger } from '../../../agent/core/logger.ts'
import { seededPrng } from '../../../agent/core/prng.ts'
import { CommitQueue } from '../../../agent/journal/commit-queue.ts'
import type { Journal } from '../../../agent/journal/contract.ts'
import type { BindingRecord } from '../../../agent/models/live/fold.ts'
import type { LearnRecord } from '../../../agent/models/live/learn-meter.ts'
import { Records } from '../../../agent/pipeline/records.ts'
import { transition } from '../../support/alarm-parts.ts'
import { type MemoryDisk, memoryDisk } from '../../support/journal-disk.ts'
import { openTestJournal, readAll } from '../../support/journal-open.ts'
import { manualClock } from '../../support/manual-clock.ts'

async function open(disk: MemoryDisk): Promise<{ records: Records; journal: Journal; commits: CommitQueue }> {
  const records = new Records(silentLogger)
  const journal = await openTestJournal('/j', disk, { checkpoint: () => records.checkpoint(), bytesMax: 256 << 10 })
  await records.recover(journal)
  const commits = new CommitQueue(journal, manualClock(), seededPrng(1), silentLogger, new Counters())
  records.attach(commits)
  return { records, journal, commits }
}

function binding(fields: Partial<BindingRecord> = {}): BindingRecord {
  const name = 'p-101-var'
  return {
    asset: 'p-101',
    sha256: 'ab',
    origin: 'local',
    name,
    release: 1,
    digest: 'd',
    atUs: 1,
    by: 'agent',
    ...fields,
  }
}

function learning(fields: Partial<LearnRecord> = {}): LearnRecord {
  return { asset: 'p-101', digest: 'd', sinceUs: 1, uptoUs: 2, rows: 3, runningUs: 4, starts: 5, ...fields }
}

const raised = (alertSeq: number) => transition({ alertSeq, id: `ID${alertSeq}`, rule: `r${alertSeq}` })

t.test('what was recorded is there after a restart', async t => {
  const disk = memoryDisk()
  const first = await open(disk)
  await first.records.alarm(raised(1))
  await first.records.alarm(raised(2))
  const bound = first.records.bind(binding({ release: 4 }))
  t.equal(first.records.models.localRelease('p-101'), 4, 'taken before it is on the disk: the next fit may begin')
  await bound
  await first.records.bind(binding({ origin: 'delivered', release: 9, sha256: 'cd' }))
  await first.records.learn(learning())
  await first.journal.close()

  const { records } = await open(disk)
  t.same(snapshot(records.recorded), snapshot(first.records.recorded))
  t.equal(records.recorded.alertSeq, 2)
  t.match(records.models.bindings.get('p-101'), { origin: 'delivered', release: 9, sha256: 'cd' })
  t.equal(records.models.localRelease('p-101'), 4, 'also beneath a delivered model')
  t.equal(records.models.localRelease('p-102'), 0)
  t.same(records.models.learning.get('p-101'), learning())
})

t.test('`recorded` and the checkpoint hold what is durable, never what waits', async t => {
  const disk = memoryDisk()
  const { records, commits } = await open(disk)
  await records.alarm(raised(1))
  disk.refuse = (_call, what) => (/write|sync/.test(what) ? 'EIO' : undefined)
  const working = records.workingAlarms()
  applyTransition(working, raised(2))
  void records.alarm(raised(2))
  void records.bind(binding())
  await new Promise(resolve => setImmediate(resolve))
  t.equal(working.alertSeq, 2, 'the engine runs ahead')
  t.equal(commits.length, 2)
  const { alarms, models } = JSON.parse(Buffer.from(records.checkpoint().payload).toString())
  t.equal(alarms.alertSeq, 1)
  t.equal(alarms.standing.length, 1)
  t.same(models.bindings, [])
})

t.test('a copy for the engine shares nothing with the record', async t => {
  const { records } = await open(memoryDisk())
  await records.alarm(raised(1))
  const working = records.workingAlarms()
  working.standing.get('ID1')!.message = 'changed'
  applyTransition(working, { ...raised(2), id: 'ID1', transition: 'cleared', active: false, acked: true })
  t.equal(records.recorded.standing.get('ID1')?.message, raised(1).message)
  t.not(records.recorded.standing, working.standing)
})

t.test('checkpoints carry everything when old segments are gone', async t => {
  const disk = memoryDisk()
  const first = await open(disk)
  await first.records.alarm(raised(1))
  await first.records.bind(binding({ release: 7 }))
  await first.records.learn(learning({ rows: 11 }))
  const expected = newAlarmState()
  applyTransition(expected, raised(1))
  // Alarms that come and go, until the first segments are dropped for space.
  for (let seq = 2; first.journal.status().firstSeq < 10; seq += 2) {
    const on = transition({ alertSeq: seq, id: `N${seq}`, rule: 'noise', message: 'x'.repeat(2000) })
    const off = { ...on, alertSeq: seq + 1, transition: 'cleared' as const, active: false, acked: true }
    for (const each of [on, off]) {
      await first.records.alarm(each)
      applyTransition(expected, each)
    }
  }
  await first.journal.close()
  const { records, journal } = await open(disk)
  t.ok(journal.status().firstSeq >= 10, `begins at ${journal.status().firstSeq}`)
  t.same(snapshot(records.recorded), snapshot(expected))
  t.equal(records.models.bindings.get('p-101')?.release, 7)
  t.equal(records.models.localRelease('p-101'), 7)
  t.equal(records.models.learning.get('p-101')?.rows, 11)
})

t.test('counters of commands outlive the records that used them', async t => {
  const disk = memoryDisk()
  const { records, journal } = await open(disk)
  const accepted = (counter: number) => ({
    schema: 'wearwatch.operator/1' as const,
    event: 'accepted' as const,
    atUs: 1,
    by: 'key ops',
    command: 'shelve',
    arguments: {},
    id: 'r',
    key: 'ops',
    keySha256: 'ab',
    counter,
  })
  await records.operator(accepted(7))
  await records.operator(accepted(5))
  t.equal(records.operators.counterOf('ab'), 7)
  const cursor = await journal.cursor('uplink')
  for (let i = 1; journal.status().firstSeq <= 2; i++) {
    const seq = await records.alarm(transition({ alertSeq: i, id: `ID${i}`, message: 'x'.repeat(4_000) }))
    await cursor.advance(seq!)
  }
  await journal.close()
  const second = await open(disk)
  t.equal(second.records.operators.counterOf('ab'), 7, 'from the checkpoint alone')
  t.equal(second.records.operators.counterOf('cd'), 0)
  await second.journal.close()
})

t.test('records that are whole but make no sense are left out', async t => {
  const disk = memoryDisk()
  const first = await open(disk)
  await first.records.alarm(raised(1))
  for (const kind of ['alarm', 'model', 'learn', 'checkpoint'] as const) {
    await first.journal.append({ kind, priority: 1, payload: Buffer.from('{') })
    if (kind !== 'learn') await first.journal.append({ kind, priority: 1, payload: Buffer.from('null') })
  }
  await first.records.alarm(raised(2))
  await first.journal.close()
  const { records, journal } = await open(disk)
  t.equal(records.recorded.alertSeq, 2)
  t.equal(records.models.bindings.size, 0)
  t.ok((await readAll(journal)).length >= 9)
})

t.test('a record that the journal can never take does not hold up the alarms behind it', async t => {
  const { records, commits } = await open(memoryDisk())
  const large = records.bind(binding({ name: 'x'.repeat(100_000) }))
  const next = records.alarm(raised(1))
  t.equal(await large, undefined)
  t.type(await next, 'number')
  await commits.settled()
  t.equal(records.models.bindings.size, 0, 'what is not in the journal is not claimed')
  t.equal(records.recorded.alertSeq, 1)
})
