// NAB, standard profile: an alarm counts at its rising edge, the earlier in its window the more; the first 15 % of a series (750
// rows at most) are the baseline and are not scored.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const PROBATION_SHARE = 0.15
const PROBATION_ROWS_MAX = 750
const WEIGHTS = { truePositive: 1, falsePositive: 0.11, falseNegative: 1 }

export async function run({ data, backtest, log }) {
  const windows = JSON.parse(readFileSync(join(data, 'windows.json'), 'utf8'))
  const names = Object.keys(windows).sort()
  const series = []
  for (const [i, name] of names.entries()) {
    const path = join(data, name)
    const times = timesOf(path)
    const rows = Math.min(Math.floor(PROBATION_SHARE * times.length), PROBATION_ROWS_MAX)
    const { json, recordings } = await backtest([path], ['--fit-rows', `0:${rows}`])
    const { family, familyReason } = json.recordings[0].model
    const found = { name, ...judge(edgesOf(recordings[0]), windowsOf(windows[name], times), rows), family }
    series.push(found)
    log(
      `${i + 1}/${names.length} ${name} ${family}: ${found.hits} hit, ${found.misses} missed, ${found.falseAlarms} false`,
    )
    if (i === 0) log(familyReason)
  }
  const all = scoreOf(series)
  const half = k => scoreOf(series.filter((_, i) => i % 2 === k))
  const sum = key => series.reduce((total, one) => total + one[key], 0)
  const groups = [...new Set(names.map(name => dirname(name)))]
  return {
    goals: [{ name: 'NAB dev part, label-free', mark: '35', goal: '≥ 65', measured: all.toFixed(1), met: all >= 65 }],
    details: [
      `NAB: ${sum('hits')} of ${sum('hits') + sum('misses')} windows hit, ${sum('falseAlarms')} false alarms in ${series.length} series; ` +
        `by halves (every other series) ${half(0).toFixed(0)} and ${half(1).toFixed(0)}.`,
      ...groups.map(group => {
        const of = series.filter(({ name }) => dirname(name) === group)
        const count = key => of.reduce((total, one) => total + one[key], 0)
        const families = [...new Set(of.map(({ family }) => family))].join(', ')
        return `NAB ${group} (${families}): ${count('hits')} hit, ${count('misses')} missed, ${count('falseAlarms')} false.`
      }),
    ],
    series,
  }
}

function timesOf(path) {
  const lines = readFileSync(path, 'utf8').trimEnd().split(/\r?\n/).slice(1)
  return lines.map(line => Date.parse(`${line.slice(0, line.indexOf(',')).replace(' ', 'T')}Z`))
}

/** Rows at which an alarm is raised. */
function edgesOf({ rows, alarms }) {
  return rows.filter((_, i) => alarms[i] === 1 && alarms[i - 1] !== 1)
}

/** [first row, last row] of each labelled window. */
function windowsOf(ranges, times) {
  return ranges.map(range => {
    const [from, to] = range.map(text => Date.parse(`${text.replace(' ', 'T')}Z`))
    return [times.findIndex(time => time >= from), times.findLastIndex(time => time <= to)]
  })
}

/** NAB's scaled sigmoid: 1 well before the right end of a window, 0 at it, towards -1 after. */
function sigmoid(position) {
  if (position > 3) return -1
  if (position < -3) return 1
  return 2 / (1 + Math.exp(5 * position)) - 1
}

/** As in NAB's sweeper: the first alarm in a window counts by its place, the others in it not at all; windows of the probation are left out. */
export function judge(edges, windows, probation) {
  const alarms = edges.filter(row => row >= probation)
  const judged = windows.filter(([, to]) => to >= probation)
  let score = 0
  let hits = 0
  for (const [from, to] of judged) {
    const first = alarms.find(row => row >= from && row <= to)
    if (first === undefined) score -= WEIGHTS.falseNegative
    else {
      hits++
      score += (WEIGHTS.truePositive * sigmoid(-(to - first + 1) / (to - from + 1))) / sigmoid(-1)
    }
  }
  const outside = alarms.filter(row => !windows.some(([from, to]) => row >= from && row <= to))
  for (const row of outside) {
    const before = judged.filter(([, to]) => to < row).at(-1)
    const place = before ? sigmoid((row - before[1]) / (before[1] - before[0])) : -1
    score += WEIGHTS.falsePositive * place
  }
  return { score, hits, misses: judged.length - hits, falseAlarms: outside.length }
}

/** 0: no alarm at all, 100: every window at its first row and nothing else. */
function scoreOf(series) {
  const windows = series.reduce((sum, { hits, misses }) => sum + hits + misses, 0)
  const raw = series.reduce((sum, { score }) => sum + score, 0)
  return (100 * (raw + WEIGHTS.falseNegative * windows)) / ((WEIGHTS.truePositive + WEIGHTS.falseNegative) * windows)
}
