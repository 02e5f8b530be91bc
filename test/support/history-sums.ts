// Minutes and hours as they should be, from the rows.
import assert from 'node:assert/strict'
import type { History, HistorySummary } from '../../agent/history/contract.ts'

const MINUTE_US = 60e6
const HOUR_US = 3600e6

interface Bucket {
  startUs: number
  count: number
  min: number
  max: number
  mean: number
  last: number
}

export function bucketsOf({ startsUs, columns, counts, min, max, mean, last }: HistorySummary, column = 0): Bucket[] {
  return [...startsUs].map((startUs, i) => {
    const at = i * columns.length + column
    return { startUs, count: counts[at]!, min: min[at]!, max: max[at]!, mean: mean[at]!, last: last[at]! }
  })
}

export function expectedOf(rows: readonly (readonly [number, ...number[]])[], bucketUs: number): Bucket[] {
  const byStart = new Map<number, number[]>()
  for (const [timeUs, value] of rows) {
    const start = Math.floor(timeUs / bucketUs) * bucketUs
    byStart.set(start, [...(byStart.get(start) ?? []), value!])
  }
  return [...byStart]
    .sort(([a], [b]) => a - b)
    .map(([startUs, values]) => ({
      startUs,
      count: values.length,
      min: Math.min(...values),
      max: Math.max(...values),
      mean: values.reduce((sum, value) => sum + value, 0) / values.length,
      last: values.at(-1)!,
    }))
}

export function alike(found: readonly Bucket[], expected: readonly Bucket[]): void {
  assert.deepEqual(
    found.map(({ mean, last, ...rest }) => rest),
    expected.map(({ mean, last, ...rest }) => rest),
  )
  // Means are kept as float32.
  for (const [i, { mean }] of found.entries()) {
    assert.ok(Math.abs(mean - expected[i]!.mean) <= 1e-6 * Math.max(1, Math.abs(expected[i]!.mean)))
  }
}

/** Asserts that the hours, the minutes and the rows summed up are of exactly these rows of samples. */
export async function sumsAreOf(
  history: History,
  stored: readonly (readonly [number, ...number[]])[],
  fromUs: number,
  hours: number,
  asset = 'p',
): Promise<void> {
  const range = { asset, class: 'samples', fromUs, toUs: fromUs + hours * HOUR_US } as const
  alike(bucketsOf(await history.summary({ ...range, points: hours })), expectedOf(stored, HOUR_US))
  alike(bucketsOf(await history.summary({ ...range, points: hours * 60 })), expectedOf(stored, MINUTE_US))
  alike(bucketsOf(await history.summary({ ...range, points: hours * 240 })), expectedOf(stored, 15e6))
}
