import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { builtFile } from '../core/built.ts'
import { AgentError } from '../core/errors.ts'

export interface LoopResult {
  /** Windows per second. */
  perS: number
  /** Windows per second of processor time: what a core to itself would do, were caches not shared. */
  perCpuS: number
  /** Of one run of the batch. */
  p50Ms: number
  p99Ms: number
}

/** A loop of `session.run` on this model, on one thread of a process of its own; see bench-loop.ts. */
export async function runLoop(bytes: Uint8Array, batch: number, forMs: number): Promise<LoopResult> {
  const args = [builtFile('cli/bench-loop.js'), String(batch), String(forMs)]
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString()
  })
  child.stdin.end(bytes)
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new AgentError('SCORER_DIED', `the tight loop ended with ${code}`)
  return JSON.parse(out) as LoopResult
}
