// 50,000 signed commands, changed, repeated, forged, late, for others: WW_COMMANDS=50000, and WW_SEED for the same tries again.
import t from 'tap'
import { entropySeed } from '../../../agent/core/prng.ts'
import { fuzzCommands } from '../../support/command-fuzz.ts'

t.test('none that was changed or replayed is executed, every other one is', { timeout: 600_000 }, async t => {
  const seed = Number(process.env.WW_SEED ?? entropySeed())
  const count = Number(process.env.WW_COMMANDS ?? 10_000)
  const startedMs = performance.now()
  const result = await fuzzCommands(count, seed)
  t.comment(`seed ${seed}, ${count} in ${Math.round(performance.now() - startedMs)} ms`, result.byKind)
  t.same(result.badExecuted, [], `seed ${seed}`)
  t.equal(result.bad, count)
  t.equal(result.goodExecuted, result.good, `seed ${seed}`)
  t.ok(result.good > count / 20)
  t.equal(result.refused, result.bad, 'each is counted')
  t.ok(Object.keys(result.byKind).length >= 20)
})
