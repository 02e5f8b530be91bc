// `var+aakr`: two families in one graph, the larger score and its shares, against the float64 references of both.
import t, { type Test } from 'tap'
import { seededPrng } from '../../../agent/core/prng.ts'
import type { FitData } from '../../../agent/models/contract.ts'
import { type AakrFit, fitRows } from '../../../agent/models/families/aakr.ts'
import { featuresOf, fitRelation, type Relation } from '../../../agent/models/families/features.ts'
import { baselineOf, type Standard, standardOf } from '../../../agent/models/families/rows.ts'
import { fitLong, type VarFit } from '../../../agent/models/families/var.ts'
import type { ProcessModel } from '../../../agent/models/fit/combine.ts'
import { memoryParts } from '../../support/model-aakr-reference.ts'
import { fitData, machine, skabRuns, windowAt } from '../../support/model-data.ts'
import { compareGraph, type Expected } from '../../support/model-graph.ts'
import { normParts, referenceFeatures, sumOf } from '../../support/model-var-reference.ts'

interface Combined {
  process: ProcessModel
  standard: Standard
  relation: Relation
  norms: VarFit
  memory: AakrFit
}

function combined(data: FitData, order: number, mean: number, widened = 1): Combined {
  const rows = { ...data, channels: data.channels.length }
  const standard = standardOf(rows)
  const baseline = baselineOf(rows, standard)
  const norms = fitLong(baseline, { order, mean })
  const memory = fitRows(baseline)
  const parts = [...norms.parts, ...memory.parts]
  const samples = Math.max(...parts.map(part => part.samples))
  const relation = fitRelation(baseline, mean)
  const features = featuresOf(relation, standard, data.channels)
  return {
    process: { channels: rows.channels, samples, standard, parts, features, widened },
    standard,
    relation,
    norms,
    memory,
  }
}

/** Which part won, and the whole. */
function reference(
  { process, standard, relation, norms, memory }: Combined,
  window: Float32Array,
): Expected & { part: number } {
  const parts = [...normParts({ ...norms, standard }, window), ...memoryParts({ ...memory, standard }, window)]
  const part = parts.reduce((best, { score }, i) => (score > parts[best]!.score ? i : best), 0)
  const { score, blame } = parts[part]!
  return {
    part,
    score: score / process.widened,
    contributions: blame.map(value => value / sumOf(blame)),
    features: referenceFeatures({ standard, relation }, window, process.samples),
  }
}

/** Noise about the baseline's level, from a tenth of its spread to many times it, in all channels or in one. */
function randomWindows({ process, standard }: Combined, count: number, seed: number): Float32Array[] {
  const prng = seededPrng(seed)
  const { channels, samples } = process
  return Array.from({ length: count }, (_, k) => {
    const scale = 10 ** (2 * prng.next() - 1)
    const only = k % 3 === 0 ? Math.floor(channels * prng.next()) : -1
    // A constant shift is news to the memory and none to a regression; noise is the other way round.
    const shift = Array.from({ length: channels }, () => (k % 2 === 0 ? scale * prng.normal() : 0))
    return Float32Array.from({ length: channels * samples }, (_, i) => {
      const c = Math.floor(i / samples)
      const noise = only < 0 || only === c ? (k % 2 === 0 ? 0.1 : scale) * prng.normal() : 0.1 * prng.normal()
      return standard.centre[c]! + (shift[c]! + noise) / standard.inverse[c]!
    })
  })
}

async function compare(t: Test, model: Combined, windows: readonly Float32Array[]): Promise<Set<number>> {
  await compareGraph(t, model.process, windows, window => reference(model, window))
  return new Set(windows.map(window => reference(model, window).part))
}

for (const [channels, rows, order, mean] of [
  [3, 1_600, 2, 3],
  [8, 4_500, 5, 10],
] as const) {
  t.test(`random input: the graph equals the definition, ${channels} channels`, async t => {
    const model = combined(machine(rows, channels, 41), order, mean)
    const won = await compare(t, model, randomWindows(model, 60, 11))
    const last = model.process.parts.length - 1
    t.ok(won.has(last) && won.size > 1, `parts ${[...won].sort().join(', ')} won, ${last} being the memory`)
  })
}

t.test('of a provisional model every part is widened alike', async t => {
  const data = machine(1_600, 3, 41)
  const [plain, wide] = [combined(data, 2, 3), combined(data, 2, 3, 1.5)]
  const [window] = randomWindows(plain, 1, 3)
  t.ok(Math.abs(reference(plain, window!).score / reference(wide, window!).score - 1.5) < 1e-12)
  await compare(t, wide, randomWindows(wide, 20, 5))
})

const runs = skabRuns()
const skip = runs ? false : 'no recordings: set WEARWATCH_DATA to a folder that holds skab/'
t.test('recorded input: the graph equals the definition', { skip }, async t => {
  for (const run of runs!.slice(0, 3)) {
    const data = fitData(run.values, 8)
    const model = combined(fitData(run.values.slice(0, 400 * 8), 8), 2, 3)
    await compare(
      t,
      model,
      [60, 399, 500, 700, data.rows - 1].map(end => windowAt(data, end, model.process.samples)),
    )
  }
})
