// The fault suite: breaks the promises of docs/promises.md on purpose and says which held.
//
//   npm run torture [-- --short] [--only FAULT[,FAULT]] [--seed N] [--count N] [--json FILE] [--list]
//
// Each file beside this one exports faults:
//   {name, what, counts: {full, short}, needs: [tools], run({count, seed, over}): Promise<{runs, failures, notes}>}
// `runs`: cases tried, fewer than `count` only when `over()` said that the time is up. `failures`: one text a case that did not
// hold, with all that is needed to try it again. Exit code 0: everything was tried and held; a skip counts as a failure.
import { readdirSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { entropySeed } from '../../dist/core/prng.js'
import { missingTools } from './support/tools.mjs'

const MINUTE_MS = 60_000
/** All faults together. */
const LIMIT_MS = { short: 10 * MINUTE_MS, full: 12 * 60 * MINUTE_MS }
/** Beyond its time a fault is given so long to come to an end. */
const GRACE_MS = 2 * MINUTE_MS
const FAILURES_SHOWN = 10

const { values: options } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    only: { type: 'string' },
    seed: { type: 'string' },
    count: { type: 'string' },
    json: { type: 'string' },
  },
})
const size = options.short ? 'short' : 'full'

async function allFaults() {
  const files = readdirSync(new URL('.', import.meta.url)).filter(name => /\.mjs$/.test(name) && name !== 'torture.mjs')
  const modules = await Promise.all(files.sort().map(file => import(new URL(file, import.meta.url).href)))
  const faults = modules.flatMap(module => Object.values(module).filter(value => value?.run && value.counts))
  const wanted = options.only?.split(',')
  const unknown = (wanted ?? []).filter(name => !faults.some(fault => fault.name === name))
  if (unknown.length > 0)
    throw new Error(`no fault ${unknown}; there are ${faults.map(fault => fault.name).join(', ')}`)
  return wanted ? faults.filter(fault => wanted.includes(fault.name)) : faults
}

/** One row of the table. */
async function tried(fault, seed, endMs) {
  const count = options.count ? Number(options.count) : fault.counts[size]
  const row = {
    fault: fault.name,
    what: fault.what,
    count,
    runs: 0,
    held: 0,
    seed,
    seconds: 0,
    failures: [],
    notes: [],
  }
  const missing = missingTools(fault.needs)
  if (missing.length > 0) return { ...row, skipped: missing.join('; ') }
  const startMs = performance.now()
  const over = () => performance.now() > endMs
  if (over()) return { ...row, skipped: `no time was left of ${LIMIT_MS[size] / MINUTE_MS} min` }
  const late = setTimeout(() => gaveUp(fault, seed), endMs - startMs + GRACE_MS)
  try {
    const { runs, failures, notes = [] } = await fault.run({ count, seed, short: options.short, over })
    Object.assign(row, { runs, failures, notes })
    if (runs < count) row.failures = [...failures, `only ${runs} of ${count} were tried: the time was up`]
  } catch (error) {
    row.failures = [error.stack]
  }
  clearTimeout(late)
  row.held = Math.max(0, row.runs - row.failures.length)
  row.seconds = Math.round((performance.now() - startMs) / 100) / 10
  return row
}

function gaveUp(fault, seed) {
  console.error(`\n${fault.name} (seed ${seed}) did not end: the rest was not tried`)
  process.exit(1)
}

function resultOf({ skipped, failures }) {
  return skipped ? `SKIPPED: ${skipped}` : failures.length > 0 ? `${failures.length} FAILED` : 'held'
}

function print(row) {
  const cells = [row.fault.padEnd(14), `${row.held}/${row.count}`.padStart(13), String(row.seed).padStart(10)]
  console.log(`${cells.join('  ')}  ${row.seconds.toFixed(1).padStart(7)}  ${resultOf(row)}`)
  for (const note of row.notes) console.log(`    ${note}`)
  for (const failure of row.failures.slice(0, FAILURES_SHOWN))
    console.log(`    - ${failure.replaceAll('\n', '\n      ')}`)
  if (row.failures.length > FAILURES_SHOWN) console.log(`    - … and ${row.failures.length - FAILURES_SHOWN} more`)
  if (row.failures.length > 0) {
    const form = [options.short ? '--short' : '', options.count ? `--count ${options.count}` : ''].filter(Boolean)
    console.log(`    again: npm run torture -- --only ${row.fault} --seed ${row.seed} ${form.join(' ')}`)
  }
}

async function main() {
  const faults = await allFaults()
  if (options.list) {
    for (const { name, what, counts } of faults)
      console.log(`${name.padEnd(14)} ${counts.full} (${counts.short})  ${what}`)
    return 0
  }
  const seed = options.seed === undefined ? entropySeed() : Number(options.seed)
  console.log(`${'fault'.padEnd(14)}  ${'held'.padStart(13)}  ${'seed'.padStart(10)}  seconds`)
  const endMs = performance.now() + LIMIT_MS[size]
  const rows = []
  for (const fault of faults) {
    rows.push(await tried(fault, seed, endMs))
    print(rows.at(-1))
  }
  if (options.json)
    writeFileSync(options.json, `${JSON.stringify({ form: size, node: process.version, rows }, null, 2)}\n`)
  const bad = rows.filter(row => row.skipped || row.failures.length > 0)
  if (bad.length > 0) console.log(`\nnot held: ${bad.map(row => `${row.fault} (${resultOf(row)})`).join(', ')}`)
  return bad.length > 0 ? 1 : 0
}

process.exitCode = await main()
