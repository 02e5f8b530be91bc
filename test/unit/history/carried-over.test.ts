// A store that is set aside while the process runs, and a kill at any moment after it: no row lost, none twice, and minutes and
// hours of exactly the rows that are there.
import { rmSync } from 'node:fs'
import t from 'tap'
import {
  append,
  durable,
  hasMark,
  kill,
  killable,
  type Rows,
  recovered,
  rowsFrom,
  samples,
  seal,
  todo,
  wrongIn,
} from '../../support/history-killed.ts'
import { openTestHistory } from '../../support/history-open.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { until } from '../../support/waiting.ts'

/** A running history of `rows` rows, flushed by the thirty: some in chunks by a change of columns, the others in pieces. */
async function running(top: string, rows: number) {
  const dir = `${top}/history`
  const level = killable(dir)
  const clock = manualClock()
  const { history, checked } = await openTestHistory(dir, { clock, openLevel: level.open })
  await checked
  const acknowledged: Rows = []
  const add = async (count: number): Promise<void> => {
    const some = rowsFrom(acknowledged.length, count)
    append(history, some)
    await history.flush()
    acknowledged.push(...some)
  }
  for (let left = rows; left > 0; left -= 30) {
    await add(Math.min(30, left))
    if (left > rows / 2 && left - 30 <= rows / 2) seal(history)
  }
  return { history, level, clock, acknowledged, add }
}

type Running = Awaited<ReturnType<typeof running>>

/** The store turns out to be damaged with the next batch, and a new one is begun. */
async function damage({ history, level, clock }: Running, more: Rows): Promise<void> {
  level.next = 'corrupt'
  append(history, more)
  await history.flush().catch(() => {})
  await recovered(history, clock)
}

/** Copies at every batch from now on, and before a store is begun. */
function copies(run: Running, top: string, into: string): { copy: string; acknowledged: Rows }[] {
  const made: { copy: string; acknowledged: Rows }[] = []
  const one = (): void => {
    const copy = `${into}/${made.length}`
    kill(top, copy)
    made.push({ copy, acknowledged: [...run.acknowledged] })
  }
  run.level.begun = one
  run.level.done = async () => one()
  return made
}

t.test('a kill at every batch after the store was set aside', async t => {
  const top = t.testdir({ running: {}, kills: {} })
  const run = await running(`${top}/running`, 700)
  const made = copies(run, `${top}/running`, `${top}/kills`)
  const before = run.level.batches.length
  await damage(run, rowsFrom(700, 10))
  run.acknowledged.push(...rowsFrom(700, 10))
  await run.add(30)
  await until(() => todo(`${top}/running`).length === 0, 'all to be carried over')
  await run.add(30)
  const after = run.level.batches.slice(before)
  t.ok(hasMark(after[0]!), 'the first batch of the new store brings the mark')
  t.equal(after.filter(hasMark).length, 1)
  t.ok(made.length >= 5, `${made.length} kills`)
  const appended = rowsFrom(0, 770)
  for (const { copy, acknowledged } of made) t.equal(await wrongIn(copy, acknowledged, appended), undefined, copy)
  await run.history.close()
  t.equal(await wrongIn(`${top}/running`, appended, appended), undefined)
})

t.test('nothing is carried over before what is in memory was saved anew', async t => {
  const top = t.testdir({ running: {}, kill: {} })
  const run = await running(`${top}/running`, 200)
  let go = (): void => {}
  run.level.begun = () => {
    run.level.hang = new Promise(resolve => (go = resolve))
  }
  await damage(run, rowsFrom(200, 10))
  const flushed = run.history.flush().then(() => 'durable')
  await (run.history as unknown as { check(): Promise<void> }).check()
  t.same(todo(`${top}/running`), ['history.damaged-1'])
  kill(`${top}/running`, `${top}/kill/0`)
  t.equal(await wrongIn(`${top}/kill/0`, run.acknowledged, rowsFrom(0, 210)), undefined)
  const before = run.level.batches.length
  go()
  t.equal(await flushed, 'durable')
  await until(() => todo(`${top}/running`).length === 0, 'all to be carried over')
  t.ok(hasMark(run.level.batches[before]!))
  t.same(await samples(run.history), rowsFrom(0, 210))
  await run.history.close()
})

t.test('two stores set aside one after the other, and a kill at every batch', async t => {
  // The second is damaged before its first batch, with what is carried over, or found to be at the next start.
  for (const when of [1, 2, 3]) {
    const top = t.testdir({ running: {}, kills: {} })
    const run = await running(`${top}/running`, 400)
    const made = copies(run, `${top}/running`, `${top}/kills`)
    let batches = 0
    const { done } = run.level
    run.level.done = async batch => {
      await done(batch)
      if (++batches === when - 1) run.level.next = 'corrupt'
    }
    run.level.begun = () => {
      if (when === 1 && batches++ === 0) run.level.next = 'corrupt'
    }
    await damage(run, rowsFrom(400, 10))
    run.acknowledged.push(...rowsFrom(400, 10))
    await until(() => {
      run.clock.advance(1_000)
      return todo(`${top}/running`).length === 0
    }, 'all to be carried over')
    await durable(run)
    for (const { copy, acknowledged } of made) {
      // LevelDB does not find it; the mark is in what is set aside next.
      rmSync(`${copy}/history/CURRENT`, { force: true })
      t.equal(await wrongIn(copy, acknowledged, rowsFrom(0, 410)), undefined, `${when}: ${copy}`)
    }
    await run.history.close()
    t.equal(await wrongIn(`${top}/running`, run.acknowledged, rowsFrom(0, 410)), undefined)
  }
})

t.test('the disk refuses the first batch: a kill then, and after it works again', async t => {
  const top = t.testdir({ running: {}, kills: {} })
  const run = await running(`${top}/running`, 300)
  run.level.begun = () => {
    run.level.next = 'refuses'
  }
  run.level.next = 'corrupt'
  append(run.history, rowsFrom(300, 10))
  await run.history.flush().catch(() => {})
  await until(() => {
    run.clock.advance(1_000)
    return /No space left/.test(run.history.stats().failing ?? '')
  }, 'the first batch to be refused')
  append(run.history, rowsFrom(310, 10))
  await t.rejects(run.history.flush(), { code: 'HISTORY_IO' })
  kill(`${top}/running`, `${top}/kills/0`)
  t.equal(await wrongIn(`${top}/kills/0`, rowsFrom(0, 300), rowsFrom(0, 320)), undefined)
  run.level.next = 'works'
  await recovered(run.history, run.clock)
  await run.history.flush()
  kill(`${top}/running`, `${top}/kills/1`)
  t.equal(await wrongIn(`${top}/kills/1`, rowsFrom(0, 320), rowsFrom(0, 320)), undefined)
  await until(() => todo(`${top}/running`).length === 0, 'all to be carried over')
  t.same(await samples(run.history), rowsFrom(0, 320))
  await run.history.close()
})

t.test('rows came before a store was first opened: its minutes are not theirs', async t => {
  const top = t.testdir({ running: {} })
  const first = await running(`${top}/running`, 100)
  kill(`${top}/running`, `${top}/killed`)
  await first.history.close()
  const level = killable(`${top}/killed/history`)
  const clock = manualClock()
  let refuses = true
  const openLevel: typeof level.open = (dir, create) =>
    refuses
      ? Promise.reject(Object.assign(new Error('IO error: Input/output error'), { code: 'LEVEL_IO_ERROR' }))
      : level.open(dir, create)
  const { history } = await openTestHistory(`${top}/killed/history`, { clock, openLevel })
  append(history, rowsFrom(100, 50))
  refuses = false
  await recovered(history, clock)
  await history.close()
  t.equal(await wrongIn(`${top}/killed`, rowsFrom(0, 150), rowsFrom(0, 150)), undefined)
})
