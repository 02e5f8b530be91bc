// What journal and history are filled with when they are driven alone. All of it follows from a number, so that a ledger of
// numbers is enough to know every bit that must be there.
import { STORAGE_CLASSES } from '../../../dist/history/keys.js'

const START_US = Date.UTC(2026, 0, 1) * 1000
const DAY_MS = 86_400_000
const WAVE_STEP_US = 10_000_000

/** Nothing is removed by age or bytes. */
export const RETENTION = Object.fromEntries(
  STORAGE_CLASSES.map(cls => [cls, { ageMs: 36_500 * DAY_MS, bytes: 2 ** 40 }]),
)
/** Numbers that one life of a writer may use; the next life begins with the next ones. */
export const LIFE_NUMBERS = 30_000
/** Rows of one width of the table that changes its columns. */
const CHANGE_ROWS = 5_000

const COLUMNS = {
  narrow: ['number', 'noise', 'often-missing'],
  wide: ['number', 'noise', 'often-missing', 'level'],
  score: ['number', 'score'],
  noisy: ['number', ...Array.from({ length: 8 }, (_, i) => `noise-${i}`)],
}

/** Each row tells its number in its first column, so that any other row in its place is noticed. */
export const TABLES = [
  {
    asset: 'p-1',
    cls: 'samples',
    columnsOf: number => (Math.floor(number / CHANGE_ROWS) % 2 ? COLUMNS.wide : COLUMNS.narrow),
  },
  { asset: 'p-1', cls: 'scores', columnsOf: () => COLUMNS.score },
  { asset: 'p-2', cls: 'samples', columnsOf: () => COLUMNS.noisy },
]
export const WAVE = { asset: 'm-1', channel: 'de-h', rateHz: 25_600, samples: 512 }

export function timeOf(number) {
  return START_US + number * 1_000_000
}

/** 53 bits that no codec can leave out. */
function noise(number, column) {
  return Math.sin(number * 12.9898 + column * 78.233) * 43_758.5453
}

export function cellOf(name, number) {
  if (name === 'number') return number
  if (name === 'often-missing') return number % 7 === 0 ? noise(number, 1) : Number.NaN
  if (name === 'level' || name === 'score') return Math.round(1000 * Math.sin(number / 500)) / 1000
  return noise(number, Number(name.split('-')[1] ?? 0))
}

export function waveStartUs(number) {
  return START_US + number * WAVE_STEP_US
}

export function waveNumber(timeUs) {
  return Math.floor((timeUs - START_US) / WAVE_STEP_US)
}

export function waveSample(number, i) {
  return Math.round(8000 * Math.sin(i / 9 + number)) + ((number * 31 + i * 17) % 64)
}

const KINDS = ['alarm', 'operator', 'model', 'learn']

/** The journal's record `i` of writer `writer` in life `life`. */
export function recordOf(id) {
  const i = Number(id.split('-')[2])
  const text = `${id} ${'x'.repeat((i * 37) % 900)}`
  return { kind: KINDS[i % 4], priority: 1 + (i % 4), payload: Buffer.from(text) }
}
