import fc from 'fast-check'
import type { Test } from 'tap'

/** Asserts a property; a failure prints the seed, the path and the smallest counterexample. */
export function holds<T>(t: Test, property: fc.IProperty<T>, numRuns: number): void {
  const run = fc.check(property, { numRuns })
  t.notOk(run.failed, run.failed ? String(fc.defaultReportMessage(run)) : `${run.numRuns} runs, seed ${run.seed}`)
}
