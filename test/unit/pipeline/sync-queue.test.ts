import t from 'tap'
import { SyncQueue } from '../../../agent/pipeline/sync-queue.ts'
import type { SyncReport } from '../../../agent/uplink/contract.ts'
import { manualClock } from '../../support/manual-clock.ts'

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
const DONE: SyncReport = { ok: true, message: '1 activated', models: [] }

function bench() {
  const clock = manualClock()
  const asked: string[] = []
  const ends: (() => void)[] = []
  const run = (by: string): Promise<SyncReport> => {
    asked.push(by)
    return new Promise(resolve => ends.push(() => resolve(DONE)))
  }
  return { clock, asked, ends, queue: new SyncQueue(run, clock) }
}

t.test('one at a time; who asks meanwhile shares the next', async t => {
  const { queue, asked, ends, clock } = bench()
  const first = queue.ask('cli')
  await turn()
  const more = [queue.ask('mqtt'), queue.ask('schedule')]
  await turn()
  t.same(asked, ['cli'])
  ends[0]!()
  t.same(await first, DONE)
  await turn()
  t.same(asked, ['cli', 'mqtt'])
  ends[1]!()
  t.same(await Promise.all(more), [DONE, DONE])
  t.equal(clock.pending, 0, 'no timer is left')
})

t.test('one that cannot begin says what it waits for, and runs all the same', async t => {
  const { queue, asked, ends, clock } = bench()
  let loaded = (): void => {}
  queue.after(new Promise<void>(resolve => (loaded = resolve)), 'the models of before are still being loaded')
  const early = queue.ask('cli')
  await turn()
  clock.advance(10_000)
  t.match(await early, { ok: false, message: /not begun yet: the models of before are still being loaded/ })
  const later = queue.ask('cli')
  loaded()
  await turn()
  t.same(asked, ['cli'], 'both ask for the same one')
  clock.advance(3_600_000)
  ends[0]!()
  t.same(await later, DONE, 'one that has begun is waited for')

  void queue.ask('cli')
  await turn()
  const behind = queue.ask('mqtt')
  clock.advance(10_000)
  t.match(await behind, { ok: false, message: /another sync is under way/ })
})

t.test('after stop nothing begins', async t => {
  const { queue, asked } = bench()
  let loaded = (): void => {}
  queue.after(new Promise<void>(resolve => (loaded = resolve)), 'loading')
  const waiting = queue.ask('cli')
  queue.stop()
  loaded()
  t.match(await waiting, { ok: false, message: 'the agent is stopping' })
  t.same(asked, [])
})
