// `npm run accuracy [-- skab smd nab femto]`: measures the detection on recorded machines with `wearwatch backtest` as it is
// shipped, one default configuration, and writes docs/accuracy.json and the table in docs/accuracy.md. Takes minutes.
// The recordings are not part of the project: WEARWATCH_DATA names their folder, else ../shared/data.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { backtester } from './accuracy/backtest.mjs'
import { markdown } from './accuracy/report.mjs'

const SETS = ['skab', 'smd', 'nab', 'femto']
const RESULTS = join('docs', 'accuracy.json')
const PAGE = join('docs', 'accuracy.md')

const data = process.env.WEARWATCH_DATA ?? join('..', 'shared', 'data')
if (!existsSync(data)) {
  console.log(`accuracy: no recordings in ${data}; name their folder with WEARWATCH_DATA. Nothing measured.`)
  process.exit(0)
}
const wanted = process.argv.slice(2)
const unknown = wanted.filter(set => !SETS.includes(set))
if (unknown.length > 0) {
  console.error(`accuracy: no set ${unknown.join(', ')}; there are ${SETS.join(', ')}`)
  process.exit(2)
}
const results = existsSync(RESULTS) ? JSON.parse(readFileSync(RESULTS, 'utf8')) : {}
const work = mkdtempSync(join(tmpdir(), 'wearwatch-accuracy-'))
try {
  for (const set of SETS) {
    if (wanted.length > 0 && !wanted.includes(set)) continue
    if (!existsSync(join(data, set))) {
      console.log(`${set}: no recordings in ${join(data, set)}, skipped`)
      continue
    }
    const startedMs = performance.now()
    // A set is one module: run({ data, work, backtest, log }) returns { goals: [...], details: [...] }, see accuracy/report.mjs.
    const { run } = await import(`./accuracy/${set}.mjs`)
    const log = text => console.log(`${set}: ${text}`)
    const result = await run({ data: join(data, set), work, backtest: backtester(work), log })
    results[set] = { ...result, seconds: Math.round((performance.now() - startedMs) / 1000) }
    for (const { name, measured, met } of result.goals) log(`${met ? 'met    ' : 'NOT MET'} ${name}: ${measured}`)
    writeFileSync(RESULTS, `${JSON.stringify(results, null, 2)}\n`)
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
const machine = `${cpus().length} cores, Node ${process.version}`
writeFileSync(PAGE, markdown(readFileSync(PAGE, 'utf8'), SETS, results, machine))
