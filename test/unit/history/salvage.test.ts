// A damaged store comes back as far as it can be read, and the original stays.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { appendRows, openTestHistory, rowsOf } from '../../support/history-open.ts'
import { until } from '../../support/waiting.ts'

const T0 = 1_700_000_000_000_000
const ALL = { asset: 'p', class: 'samples', fromUs: 0, toUs: 1e18 } as const

/** 40 chunks of 10 rows, by columns that change, and some rows that are no chunk yet. */
async function filled(dir: string): Promise<number> {
  const { history } = await openTestHistory(dir)
  for (let chunk = 0; chunk < 40; chunk++) {
    const rows = Array.from({ length: 10 }, (_, row): [number, number] => [
      T0 + (chunk * 10 + row) * 1e6,
      Math.sin(chunk * 10 + row),
    ])
    appendRows(history, 'p', rows, [`c${chunk % 2}`])
    if (chunk % 8 === 0) await history.flush()
  }
  await history.close()
  return 400
}

t.test('a store without CURRENT or MANIFEST comes back whole behind the new one', async t => {
  for (const harm of ['CURRENT', 'MANIFEST']) {
    const dir = `${t.testdir()}/${harm}/history`
    const rows = await filled(dir)
    const victim = readdirSync(dir).find(name => name.startsWith(harm))!
    rmSync(`${dir}/${victim}`)
    const { history, report } = await openTestHistory(dir)
    t.match(report, { created: true, setAside: `${dir}.damaged-1` })
    appendRows(history, 'p', [[T0 + 1e12, 7]], ['c0'])
    await until(() => /carried over/.test(history.stats().lossAtOpen ?? ''), 'the salvage to end')
    t.match(
      history.stats().lossAtOpen,
      /was damaged .* a new one begins; \d+ of its chunks were carried over, 0 could not be read/,
    )
    t.equal((await rowsOf(history.query(ALL))).length, rows + 1, 'with what came meanwhile')
    const summary = await history.summary({ ...ALL, fromUs: T0 - 3600e6, toUs: T0 + 3600e6, points: 2 })
    t.equal(
      summary.counts.reduce((sum, count) => sum + count, 0),
      rows,
    )
    t.ok(existsSync(`${dir}.damaged-1`), 'the original stays')
    t.notOk(existsSync(`${dir}.salvage`))
    await history.close()
    const again = await openTestHistory(dir)
    t.equal((await rowsOf(again.history.query(ALL))).length, rows + 1)
    t.equal(again.history.stats().bytes.samples > 0, true)
    await again.history.close()
  }
})

t.test('what is damaged in it is counted; what is not comes back', async t => {
  const dir = `${t.testdir()}/history`
  const rows = await filled(dir)
  const again = await openTestHistory(dir)
  await again.history.close()
  const table = readdirSync(dir).find(
    name => /\.(ldb|log)$/.test(name) && readFileSync(`${dir}/${name}`).length > 4000,
  )!
  const bytes = readFileSync(`${dir}/${table}`)
  bytes.fill(0xff, 2000, 2100)
  writeFileSync(`${dir}/${table}`, bytes)
  rmSync(`${dir}/CURRENT`)
  const { history } = await openTestHistory(dir)
  await until(() => /carried over/.test(history.stats().lossAtOpen ?? ''), 'the salvage to end')
  const back = await rowsOf(history.query(ALL))
  t.ok(back.length > 0 && back.length < rows, `${back.length} of ${rows} rows`)
  t.ok(
    back.every(([time, value]) => value === Math.sin((time - T0) / 1e6)),
    'each as it was',
  )
  await history.close()
})

t.test('stopped in the middle, it begins again at the next start', async t => {
  const dir = `${t.testdir()}/history`
  const rows = await filled(dir)
  rmSync(`${dir}/CURRENT`)
  const first = await openTestHistory(dir)
  await first.history.close()
  t.ok(existsSync(`${dir}.damaged-1/to-carry-over.json`), 'it was stopped')
  const { history } = await openTestHistory(dir)
  await until(() => /carried over/.test(history.stats().lossAtOpen ?? ''), 'the salvage to end')
  t.equal((await rowsOf(history.query(ALL))).length, rows)
  await history.close()
})
