import t from 'tap'
import { Counters } from '../../../agent/core/counters.ts'
import { AgentError } from '../../../agent/core/errors.ts'
import { silentLogger } from '../../../agent/core/logger.ts'
import { seededPrng } from '../../../agent/core/prng.ts'
import { CommitQueue } from '../../../agent/journal/commit-queue.ts'
import type { Journal, NewRecord } from '../../../agent/journal/contract.ts'
import { alarm } from '../../support/journal-open.ts'
import { manualClock } from '../../support/manual-clock.ts'

/** Takes records one turn later; refuses while `full`. */
function slowJournal() {
  const taken: string[] = []
  const state = { full: false, attempts: 0 }
  const journal = {
    async append(record: NewRecord): Promise<number> {
      state.attempts++
      await new Promise(resolve => setImmediate(resolve))
      if (record.payload.length > 1_000) throw new AgentError('JOURNAL_TOO_LARGE', 'over the limit of 1000')
      if (state.full) throw new AgentError('JOURNAL_FULL', 'no space')
      return taken.push(Buffer.from(record.payload).toString())
    },
  } as unknown as Journal
  return { journal, taken, state }
}

function newQueue() {
  const clock = manualClock()
  const slow = slowJournal()
  const counters = new Counters()
  return {
    ...slow,
    clock,
    counters,
    queue: new CommitQueue(slow.journal, clock, seededPrng(1), silentLogger, counters),
  }
}

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

t.test('appends in order, one after the other, and tells before the next append', async t => {
  const { queue, taken } = newQueue()
  const durable: number[] = []
  const seqs = await Promise.all(
    ['a', 'b', 'c'].map((text, i) =>
      queue.push(alarm(text), () => {
        t.equal(taken.length, i + 1, 'nothing later is on the disk yet')
        durable.push(i)
      }),
    ),
  )
  t.same(seqs, [1, 2, 3])
  t.same(taken, ['a', 'b', 'c'])
  t.same(durable, [0, 1, 2])
  t.equal(queue.length, 0)
})

t.test('a record pushed by who waited for the one before is appended too', async t => {
  const { queue, taken } = newQueue()
  const second = queue.push(alarm('first')).then(() => queue.push(alarm('second')))
  t.equal(await second, 2)
  await queue.settled()
  t.same(taken, ['first', 'second'])
})

t.test('while the disk refuses, records wait in order and none is given up', async t => {
  const { queue, taken, state, clock } = newQueue()
  state.full = true
  const pushed = Promise.all(['a', 'b'].map(text => queue.push(alarm(text))))
  for (let i = 0; i < 20; i++) {
    await turn()
    clock.advance(10_000)
  }
  t.ok(state.attempts > 3, `${state.attempts} attempts`)
  t.same(taken, [])
  t.equal(queue.length, 2)
  state.full = false
  while (queue.length > 0) {
    await turn()
    clock.advance(10_000)
  }
  t.same(await pushed, [1, 2])
  t.same(taken, ['a', 'b'])
})

t.test('stop: one last attempt for what waits', async t => {
  for (const full of [false, true]) {
    const { queue, taken, state } = newQueue()
    state.full = true
    void queue.push(alarm('a'))
    await turn()
    await turn()
    state.full = full
    await queue.stop()
    t.same(taken, full ? [] : ['a'])
    t.equal(queue.length, full ? 1 : 0, 'what is lost is known')
  }
})

t.test('a record the journal can never take is refused once, counted, and holds nothing up', async t => {
  const { queue, taken, state, counters } = newQueue()
  let told = false
  const large = queue.push(alarm('x'.repeat(2_000)), () => {
    told = true
  })
  const next = queue.push(alarm('b'))
  t.equal(await large, undefined)
  t.equal(await next, 1)
  t.equal(told, false, 'it is not durable')
  t.same(taken, ['b'])
  t.equal(state.attempts, 2)
  t.equal(counters.get('journal.too_large_records').n, 1)
})
