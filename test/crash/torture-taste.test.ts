// A taste of the fault suite: each fault of journal, history and links driven alone, a few times. `npm run torture` is the whole.
import t from 'tap'
import { entropySeed } from '../../agent/core/prng.ts'

/** Seconds each. */
const COUNTS = { kill: 4, 'bit-flips': 12, files: 12, 'power-model': 10, 'power-ext4': 1, 'hostile-broker': 150 }

interface Fault {
  needs: string[]
  run(context: { count: number; seed: number; short: boolean; over: () => boolean }): Promise<{
    runs: number
    failures: string[]
    notes: string[]
  }>
}

const suite = (path: string): string => new URL(`../../scripts/torture/${path}.mjs`, import.meta.url).href

for (const [name, count] of Object.entries(COUNTS)) {
  t.test(name, async t => {
    const { fault } = (await import(suite(name))) as { fault: Fault }
    const { missingTools } = await import(suite('support/tools'))
    const missing: string[] = missingTools(fault.needs)
    if (missing.length > 0) return void t.pass('nothing to try it with', { skip: missing.join('; ') })
    const seed = entropySeed()
    t.comment(`seed ${seed}`)
    const { runs, failures, notes } = await fault.run({ count, seed, short: true, over: () => false })
    for (const note of notes) t.comment(note)
    t.same(failures, [])
    t.equal(runs, count)
  })
}
