// A taste of what `npm run torture` does to the whole agent and to stores on a refusing disk; the counts there are larger.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'

interface Fault {
  needs: readonly string[]
  run(context: { count: number; seed: number }): Promise<{ failures: string[]; notes: string[] }>
}

const seed = Number(process.env.WEARWATCH_SEED ?? Math.floor(performance.timeOrigin % 1e6))
const DIRS = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin']

async function faultOf(file: string): Promise<Fault> {
  return (await import(new URL(`../../scripts/torture/${file}.mjs`, import.meta.url).href)).fault as Fault
}

async function taste(t: Test, file: string, count: number): Promise<void> {
  const fault = await faultOf(file)
  const missing = fault.needs.find(tool => !DIRS.some(dir => existsSync(join(dir, tool))))
  if (missing) return void t.comment(`skipped: ${missing} is not installed`)
  if (fault.needs.includes('mount') && process.getuid?.() !== 0) return void t.comment('skipped: only root may mount')
  t.comment(`WEARWATCH_SEED=${seed}`)
  const { failures, notes } = await fault.run({ count, seed })
  for (const note of notes) t.comment(note)
  t.same(failures, [])
}

t.test('the agent killed under load', t => taste(t, 'agent-kill', 1))
t.test('each store alone on a disk that refuses', t => taste(t, 'disk-errors', 1))
t.test('three minutes of the week without a broker', t => taste(t, 'week-offline', 0.05))
