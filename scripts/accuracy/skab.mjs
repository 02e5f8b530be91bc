// SKAB: a water circulation rig at 1 Hz, a valve closed on purpose. Rows 0-399 of each run are its baseline.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { random } from './random.mjs'

const BASELINE = 400
const OPTIONS = ['--label', 'anomaly', '--ignore', 'changepoint', '--fit-rows', `0:${BASELINE}`]
const STARTS = 4

export async function run({ data, work, backtest, log }) {
  const files = ['valve1', 'valve2'].flatMap(group =>
    readdirSync(join(data, group))
      .filter(name => name.endsWith('.csv'))
      .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
      .map(name => join(data, group, name)),
  )
  log(`${files.length} runs`)
  const plain = await backtest(files, OPTIONS)
  const even = f1Of(plain, (_, i) => i % 2 === 0)
  const odd = f1Of(plain, (_, i) => i % 2 === 1)
  const all = f1Of(plain)
  log('shuffled')
  const shuffled = f1Of(await backtest(variants(files, join(work, 'shuffled'), shuffle), OPTIONS))
  const starts = []
  for (let seed = 0; seed < STARTS; seed++) {
    log(`start ${seed + 1} of ${STARTS}`)
    starts.push(f1Of(await backtest(variants(files, join(work, `start${seed}`), later, seed), OPTIONS)))
  }
  log('anomaly-free')
  const free = join(data, 'anomaly-free.csv')
  const quiet = (await backtest([free], ['--fit-rows', '0:4000'])).json.recordings[0]
  const short = (await backtest([free], ['--fit-rows', '0:400'])).json.recordings[0]
  const share = (100 * quiet.rowsInAlarm) / quiet.rows
  const startF1 = mean(starts.map(({ f1 }) => f1))
  return {
    goals: [
      goal('SKAB valves, F1 at FAR', '.853 at 15.9', '≥ .86 at ≤ 15', text(all), all.f1 >= 0.86 && all.far <= 15),
      goal('… guard: rows shuffled in time, F1', '–', '≤ .72', num(shuffled.f1), shuffled.f1 <= 0.72),
      goal(
        `… guard: start 0–150 rows later (${STARTS} draws), F1`,
        '–',
        'no harm: ≥ .86',
        `${num(startF1)} (${starts.map(text).join(', ')})`,
        startF1 >= 0.86,
      ),
      goal(
        'SKAB anomaly-free, 4,000-row baseline',
        '0–4 % of rows',
        '≤ 2 % and no episode',
        `${share.toFixed(2)} %, ${quiet.episodes} episodes`,
        share <= 2 && quiet.episodes === 0,
      ),
      goal(
        '… 400-row baseline must be called not enough',
        '–',
        'not enough',
        short.sufficiency.enough ? 'enough' : 'not enough',
        !short.sufficiency.enough,
      ),
    ],
    details: [
      `SKAB by halves: even files ${text(even)}, odd files ${text(odd)}. MAR ${all.mar.toFixed(1)} %.`,
      `SKAB anomaly-free: score ≥ 1 in ${((100 * quiet.rowsBeyondSetpoint) / quiet.rows).toFixed(2)} % of rows; ` +
        `re-baselining: ${quiet.rebaselines.map(({ row, accepted, reason }) => `row ${row} ${accepted ? 'taken' : 'not taken'} (${reason})`).join('; ')}. ` +
        `With 400 rows: ${short.sufficiency.reason}`,
    ],
  }
}

const goal = (name, mark, wanted, measured, met) => ({ name, mark, goal: wanted, measured, met })
const num = value => value.toFixed(3).replace(/^0/, '')
const text = ({ f1, far }) => `${num(f1)} at ${far.toFixed(1)}`
const mean = values => values.reduce((sum, value) => sum + value, 0) / values.length

function f1Of({ json }, picked = () => true) {
  const sum = { truePositives: 0, falsePositives: 0, falseNegatives: 0, trueNegatives: 0 }
  for (const { alarm } of json.recordings.filter(picked)) for (const key of Object.keys(sum)) sum[key] += alarm[key]
  const { truePositives: tp, falsePositives: fp, falseNegatives: fn, trueNegatives: tn } = sum
  return { f1: (2 * tp) / (2 * tp + fp + fn), far: (100 * fp) / (fp + tn), mar: (100 * fn) / (fn + tp) }
}

/** Changed copies of the files, in a folder of their own. */
function variants(files, folder, change, seed = 0) {
  mkdirSync(folder, { recursive: true })
  const draw = random(seed + 1)
  return files.map((file, i) => {
    const [head, ...rows] = readFileSync(file, 'utf8').trimEnd().split(/\r?\n/)
    const path = join(folder, `${i}.csv`)
    writeFileSync(path, `${[head, ...change(rows, draw)].join('\n')}\n`)
    return path
  })
}

/** The rows after the baseline in any order; the times stay where they are. */
function shuffle(rows, draw) {
  const times = rows.map(row => row.slice(0, row.indexOf(';')))
  const order = rows.map(row => row.slice(row.indexOf(';')))
  for (let i = order.length - 1; i > BASELINE; i--) {
    const k = BASELINE + Math.floor(draw() * (i - BASELINE + 1))
    ;[order[i], order[k]] = [order[k], order[i]]
  }
  return order.map((row, i) => times[i] + row)
}

function later(rows, draw) {
  return rows.slice(Math.floor(draw() * 151))
}
