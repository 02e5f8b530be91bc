// FEMTO: bearings run to failure, a capture of 0.1 s a minute. The baseline is the first hour but at most a quarter of the life. An
// alarm before 40 % of the life counts as early (a convention); its lead is the time from the first alarm to the end.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const INTERVAL_S = 60
const BASELINE_CAPTURES_MAX = 60
const BASELINE_SHARE_MAX = 0.25
const EARLY_SHARE = 0.4
const LEAD_MIN = 30

export async function run({ data, work, backtest, log }) {
  const names = readdirSync(data).flatMap(file => (file.endsWith('.json') ? [file.slice(0, -5)] : []))
  const bearings = []
  for (const name of names.sort()) {
    const about = JSON.parse(readFileSync(join(data, `${name}.json`), 'utf8'))
    const { raw_snapshots: captures, samples, raw_scale_g: scale, fs: rate } = about
    const raw = readFileSync(join(data, `${name}.raw1min.i16`))
    const values = Float32Array.from({ length: captures * samples }, (_, i) => raw.readInt16LE(2 * i) * scale)
    const path = join(work, `${name}.npy`)
    writeFileSync(path, npy([captures, 1, samples], values))
    const baseline = Math.min(BASELINE_CAPTURES_MAX, Math.floor(BASELINE_SHARE_MAX * captures))
    const options = [
      '--rate',
      String(rate),
      '--interval',
      String(INTERVAL_S),
      '--unit',
      'g',
      '--fit-captures',
      `0:${baseline}`,
    ]
    const { recordings } = await backtest([path], options, '--npy')
    const [{ rows, alarms }] = recordings
    const found = {
      name,
      captures,
      ...judge(rows[alarms.indexOf(1)], captures),
      rms: judge(rmsChart(values, samples, baseline), captures),
    }
    bearings.push(found)
    log(`${name}: ${text(found)}; RMS chart ${text(found.rms)}`)
  }
  return { ...report(bearings), bearings }
}

function report(bearings) {
  const lead = of => median(bearings.map(one => of(one).leadMin ?? 0))
  const count = of => bearings.filter(of).length
  const found = count(one => one.leadMin !== undefined)
  const early = count(one => one.early)
  const measured = `${found}/${bearings.length}, ${early} early, median lead ${lead(one => one)} min`
  const chart = `${count(one => one.rms.leadMin !== undefined)}/${bearings.length}, ${count(one => one.rms.early)} early, median lead ${lead(one => one.rms)} min`
  return {
    goals: [
      {
        name: 'FEMTO raw 1-min captures (6)',
        mark: '5/6, 19 min',
        goal: '6/6, none before 40 % of life, median lead ≥ 30 min',
        measured,
        met: found === bearings.length && early === 0 && lead(one => one) >= LEAD_MIN,
      },
    ],
    details: [
      `FEMTO: an RMS chart beside it (largest of five held-out fifths of the baseline, two captures in a row): ${chart}.`,
      ...bearings.map(one => `FEMTO ${one.name}, ${one.captures} min: ${text(one)}; RMS chart ${text(one.rms)}.`),
    ],
  }
}

/** `row`: of the first alarm. */
function judge(row, captures) {
  if (row === undefined) return { leadMin: undefined, early: false }
  return { leadMin: captures - 1 - row, early: row < EARLY_SHARE * captures }
}

const text = ({ leadMin, early }) =>
  leadMin === undefined ? 'missed' : `${leadMin} min before the end${early ? ' (early)' : ''}`

/** The usual chart: z of log rms, limit from five held-out fifths, two captures in a row. */
function rmsChart(values, samples, baseline) {
  const level = Array.from({ length: values.length / samples }, (_, k) => {
    const capture = values.subarray(k * samples, (k + 1) * samples)
    const mean = capture.reduce((sum, value) => sum + value, 0) / samples
    return Math.log(Math.sqrt(capture.reduce((sum, value) => sum + (value - mean) ** 2, 0) / samples))
  })
  const healthy = level.slice(0, baseline)
  const z = (value, of) => {
    const mean = of.reduce((sum, one) => sum + one, 0) / of.length
    return (value - mean) / Math.sqrt(of.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (of.length - 1))
  }
  const fold = k => Math.floor((5 * k) / baseline)
  const heldOut = healthy.map((value, k) =>
    z(
      value,
      healthy.filter((_, i) => fold(i) !== fold(k)),
    ),
  )
  const limit = Math.max(...heldOut)
  const row = level.findIndex(
    (value, k) => k > baseline && z(value, healthy) >= limit && z(level[k - 1], healthy) >= limit,
  )
  return row < 0 ? undefined : row
}

/** A NumPy file of little-endian float32. */
function npy(shape, values) {
  const head = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(', ')}), }`
  const padded = `${head.padEnd(Math.ceil((head.length + 11) / 64) * 64 - 11)}\n`
  const start = Buffer.from('\x93NUMPY\x01\x00', 'latin1')
  const length = Buffer.alloc(2)
  length.writeUInt16LE(padded.length)
  return Buffer.concat([start, length, Buffer.from(padded, 'latin1'), Buffer.from(values.buffer)])
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
