// `wearwatch collect` as a process beside the broker, with a session that the broker keeps.
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Test } from 'tap'
import { builtFile } from '../../agent/core/built.ts'
import { shortDir } from './short-dir.ts'
import { endChild } from './source-brokers.ts'
import { until } from './waiting.ts'

export interface Collect {
  /** Holds alerts.ndjson. */
  dir: string
  child: ChildProcess
  /** What it wrote to stderr so far. */
  said(): string
  stop(): Promise<void>
}

/** Resolves when it listens, or has ended. `dir` of an earlier one: goes on with its file. */
export async function startCollect(
  t: Test,
  port: number,
  clientId = 'proof',
  more: readonly string[] = [],
  dir = shortDir(t),
  keep = true,
): Promise<Collect> {
  const out = keep ? ['--out', join(dir, 'alerts.ndjson')] : []
  const args = ['--url', `mqtt://127.0.0.1:${port}`, '--client-id', clientId, ...out, ...more]
  const child = spawn(process.execPath, [builtFile('main.js'), 'collect', ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', chunk => {
    said += chunk
  })
  t.teardown(() => endChild(child, 'SIGKILL'))
  await until(() => said.includes('MQTT 3.1.1') || said.includes('MQTT 5') || child.exitCode !== null, 'collect')
  return { dir, child, said: () => said, stop: () => endChild(child, 'SIGINT') }
}
