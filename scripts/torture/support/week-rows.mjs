// The week's samples: 50 assets of 8 channels, 20 rows a second each, so 1,000 rows/s and 604.8 million a week. Values repeat
// after 4096 rows, as a machine's do, and are rounded as sensors round them; each row is known by its asset and number.
import { seededPrng } from '../../../dist/core/prng.js'

export const ASSETS = 50
export const CHANNELS = ['flow', 'suction', 'discharge', 'current', 'speed', 'motor-temp', 'bearing-temp', 'pressure']
export const ROWS_PER_S = 20
export const START_US = Date.UTC(2026, 0, 5) * 1000
const PERIOD_ROWS = 4_096
/** Pressure is beyond its limit for so long, so often, in each asset at another time. */
const BURST_S = 5
const BURST_EVERY_S = 300
const BURST_APART_S = 23

export function assetId(index) {
  return `p-${index + 1}`
}

export function timeOf(row) {
  return START_US + (row * 1e6) / ROWS_PER_S
}

export function inBurst(asset, second) {
  return (second + asset * BURST_APART_S) % BURST_EVERY_S < BURST_S
}

/** [PERIOD_ROWS x channels], random walks around their means. */
export function valueTable() {
  const prng = seededPrng(1)
  const means = [50, 1.2, 6.4, 12.5, 1_480, 61, 55, 5]
  const digits = [1, 2, 2, 2, 0, 1, 1, 2]
  const table = new Float64Array(PERIOD_ROWS * CHANNELS.length)
  for (let channel = 0; channel < CHANNELS.length; channel++) {
    let load = 0
    for (let row = 0; row < PERIOD_ROWS; row++) {
      load = 0.95 * load + prng.normal() * 0.01 * means[channel]
      table[row * CHANNELS.length + channel] = Number((means[channel] + load).toFixed(digits[channel]))
    }
  }
  return table
}

/** Writes the values of `row` of `asset` to `into` at `at`. */
export function fillRow(table, asset, row, into, at) {
  const from = ((row + asset * 37) % PERIOD_ROWS) * CHANNELS.length
  for (let channel = 0; channel < CHANNELS.length; channel++) into[at + channel] = table[from + channel]
  if (inBurst(asset, Math.floor(row / ROWS_PER_S))) into[at + CHANNELS.length - 1] = 10
}

export function weekConfig(url, dir, spaceMib) {
  const units = ['m3/h', 'bar', 'bar', 'A', '1/min', 'Cel', 'Cel', 'bar']
  const channels = CHANNELS.map(
    (id, i) => `      ${id}: {unit: ${units[i]}${id === 'pressure' ? ', max: 9, limit: {off-delay: 3s}' : ''}}`,
  )
  return `version: 1
gateway: {site: hall, id: gw-1}
sources: {plant: {mqtt: {url: "${url}"}}}
types:
  pump:
    source: plant
    topic: plant/{asset}
    value: $.{channel}
    time: $.ts
    every: 50ms
    channels:
${channels.join('\n')}
    learn: {running: 30d, sufficiency: warn, rebaseline: off}
assets:
${Array.from({ length: ASSETS }, (_, i) => `  ${assetId(i)}: {type: pump}`).join('\n')}
uplink: {mqtt: {url: "${url}"}, backfill: {rate: 1000/s}}
storage:
  dir: ${dir}
  journal: ${spaceMib.journal}MiB
  samples: {size: ${spaceMib.samples}MiB}
  black-box: {size: ${spaceMib.blackBox}MiB, before: 1min, after: 1min}
scorer: {provider: cpu}
log: {level: error}
`
}
