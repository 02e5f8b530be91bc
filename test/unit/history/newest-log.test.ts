// Two logs at once: LevelDB's manifest names the older alone, so the newer one is noted by ourselves.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { damageOf } from '../../../agent/history/level-damage.ts'
import { NewestLog, newestLogOf } from '../../../agent/history/newest-log.ts'
import { appendRows, openTestHistory } from '../../support/history-open.ts'

const logsOf = (dir: string): number[] => readdirSync(dir).flatMap(name => Number(/^(\d+)\.log$/.exec(name)?.[1] ?? []))

async function store(dir: string): Promise<number> {
  const { history } = await openTestHistory(dir)
  const rows = Array.from({ length: 500 }, (_, i) => [1_700_000_000_000_000 + i * 1e6, i, -i] as const)
  appendRows(history, 'p-101', rows)
  await history.flush()
  await history.close()
  return Math.max(...logsOf(dir))
}

t.test('the log that is written to is noted, and its loss is damage', async t => {
  const dir = join(t.testdir(), 'history')
  const newest = await store(dir)
  t.equal(await newestLogOf(dir), newest)
  t.equal(await damageOf(dir), undefined)
  // A second log, as while LevelDB writes a memory table out: the manifest does not know of it.
  const second = String(newest + 7).padStart(6, '0')
  writeFileSync(join(dir, `${second}.log`), '')
  await new NewestLog(dir).note()
  t.equal(await damageOf(dir), undefined)
  rmSync(join(dir, `${second}.log`))
  t.equal(await damageOf(dir), `${second}.log is missing`)
})

t.test('a log that LevelDB has done with is none that is missing', async t => {
  const dir = join(t.testdir(), 'history')
  const first = await store(dir)
  const note = readFileSync(join(dir, 'NEWEST-LOG'))
  t.ok((await store(dir)) > first)
  writeFileSync(join(dir, 'NEWEST-LOG'), note)
  t.notOk(existsSync(join(dir, `${String(first).padStart(6, '0')}.log`)))
  t.equal(await damageOf(dir), undefined)
})

t.test('a note that is damaged or gone costs the check alone', async t => {
  const dir = join(t.testdir(), 'history')
  await store(dir)
  for (const text of ['', '99', '99 1', '99 x', 'x'.repeat(1000)]) {
    writeFileSync(join(dir, 'NEWEST-LOG'), text)
    t.equal(await newestLogOf(dir), 0, text.slice(0, 10))
    t.equal(await damageOf(dir), undefined)
  }
  rmSync(join(dir, 'NEWEST-LOG'))
  t.equal(await newestLogOf(dir), 0)
})
