// The rows of a history driven alone: each tells its number, so that any other row in its place is noticed.
import { STORAGE_CLASSES } from '../../../dist/history/keys.js'

const START_US = Date.UTC(2026, 0, 1) * 1000
const DAY_MS = 86_400_000

export const TABLE = { asset: 'p-1', columns: ['number', 'noise', 'often-missing'] }

/** Nothing is removed by age or bytes. */
export const RETENTION = Object.fromEntries(
  STORAGE_CLASSES.map(cls => [cls, { ageMs: 36_500 * DAY_MS, bytes: 2 ** 40 }]),
)

/** `noise` has 53 bits that no codec can leave out. */
export function rowOf(number) {
  const noise = Math.sin(number * 12.9898) * 43_758.5453
  return { timeUs: START_US + number * 100_000, values: [number, noise, number % 7 === 0 ? noise : Number.NaN] }
}
