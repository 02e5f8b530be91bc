// A taste of what `npm run torture` does to the whole agent and to stores on a refusing disk; the counts there are larger.
import t, { type Test } from 'tap'

interface Fault {
  needs: readonly string[]
  run(context: { count: number; seed: number }): Promise<{ failures: string[]; notes: string[] }>
}

const seed = Number(process.env.WEARWATCH_SEED ?? Math.floor(performance.timeOrigin % 1e6))
const SUITE = new URL('../../scripts/torture/', import.meta.url)

async function taste(t: Test, file: string, count: number, name = 'fault'): Promise<void> {
  const fault = (await import(new URL(`${file}.mjs`, SUITE).href))[name] as Fault
  const { missingTools } = await import(new URL('support/tools.mjs', SUITE).href)
  const missing = missingTools(fault.needs) as string[]
  if (missing.length > 0) return void t.pass('nothing to try it with', { skip: missing.join('; ') })
  t.comment(`WEARWATCH_SEED=${seed}`)
  const { failures, notes } = await fault.run({ count, seed })
  for (const note of notes) t.comment(note)
  t.same(failures, [])
}

t.test('the agent killed under load', t => taste(t, 'agent-kill', 1))
t.test('each store alone on a disk that refuses', t => taste(t, 'disk-errors', 1))
t.test('the clock stepped under the agent', t => taste(t, 'clock', 2))
t.test('alarms through three restarts of the broker', t => taste(t, 'delivery', 3))
t.test('three minutes of the week without a broker', t => taste(t, 'week-offline', 0.05))
// Half a minute each, mostly waiting.
t.test('faults of the machine under the agent', async t => {
  t.jobs = 2
  t.test('no descriptor left', t => taste(t, 'agent-disk', 1, 'emfile'))
  t.test('syncs blocked', t => taste(t, 'agent-disk', 1, 'fsyncBlocked'))
})
