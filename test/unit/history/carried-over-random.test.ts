// A store that is set aside again and again, with kills and a disk that refuses: no row lost, none twice, and sums of exactly the
// rows that are there.
import { rmSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import {
  append,
  durable,
  kill,
  killable,
  type Life,
  type Rows,
  rowsFrom,
  seal,
  wrongIn,
} from '../../support/history-killed.ts'
import { openTestHistory } from '../../support/history-open.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { until } from '../../support/waiting.ts'

const SEED = 7

t.test('sums and rows after damage, kills and refusals at random', async t => {
  const act = fc.oneof(
    { weight: 5, arbitrary: fc.integer({ min: 1, max: 60 }) },
    { weight: 3, arbitrary: fc.constant('flush' as const) },
    { weight: 2, arbitrary: fc.constant('columns' as const) },
    { weight: 2, arbitrary: fc.constantFrom('damage' as const, 'damage, refused' as const) },
    { weight: 2, arbitrary: fc.constantFrom('kill' as const, 'kill, lost' as const) },
  )
  const base = t.testdir()
  let runs = 0
  // Of more than three that wait to be carried over the oldest goes, which is stated.
  const few = fc
    .array(act, { minLength: 6, maxLength: 14 })
    .filter(acts => acts.filter(act => /damage|lost/.test(String(act))).length <= 3)
  const property = fc.asyncProperty(few, async acts => {
    const name = `${base}/${runs++}`
    let top = `${name}/0`
    let life = await begin(top)
    let acknowledged: Rows = []
    let next = 0
    let held: Rows = []
    for (const [i, act] of acts.entries()) {
      if (typeof act === 'number') {
        const rows = rowsFrom(next, act)
        append(life.history, rows)
        held.push(...rows)
        next += act
      } else if (act === 'columns') {
        seal(life.history)
      } else if (act === 'flush') {
        await durable(life)
        acknowledged = [...acknowledged, ...held]
        held = []
      } else if (act.startsWith('damage')) {
        const { level, clock } = life
        let begun = false
        level.begun = () => {
          begun = true
          if (act === 'damage, refused') level.next = 'refuses'
        }
        level.next = 'corrupt'
        append(life.history, rowsFrom(next, 1))
        held.push(...rowsFrom(next++, 1))
        await life.history.flush().catch(() => {})
        await until(() => {
          clock.advance(1_000)
          return begun
        }, 'a new store')
      } else {
        top = `${name}/${i + 1}`
        await until(() => life.level.opening === 0, 'the store to be open')
        kill(life.top, top)
        life.level.next = 'works'
        await life.history.close()
        if (act === 'kill, lost') rmSync(`${top}/history/CURRENT`, { force: true })
        life = await begin(top)
        // What was held may be there or not.
        held = []
      }
    }
    await durable(life)
    await life.history.close()
    const wrong = await wrongIn(top, acknowledged, rowsFrom(0, next))
    if (wrong) throw new Error(wrong)
  })
  await fc.assert(property, { seed: SEED, numRuns: 15 })
  t.pass(`seed ${SEED}`)
})

async function begin(top: string): Promise<Life & { top: string }> {
  const level = killable(`${top}/history`)
  const clock = manualClock()
  const { history } = await openTestHistory(`${top}/history`, { clock, openLevel: level.open })
  return { top, history, level, clock }
}
