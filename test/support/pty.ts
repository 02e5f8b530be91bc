// A pair of pseudo-terminals by socat: what is written to `plant` arrives at `device` as from a serial port.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { shortDir } from './short-dir.ts'
import { endChild } from './source-brokers.ts'
import { until } from './waiting.ts'

/** Undefined where socat is not installed. */
export async function startPty(t: Test): Promise<{ device: string; plant: string } | undefined> {
  if (spawnSync('socat', ['-V']).error) return undefined
  const dir = shortDir(t)
  const device = join(dir, 'device')
  const plant = join(dir, 'plant')
  const child = spawn('socat', [`pty,raw,echo=0,link=${device}`, `pty,raw,echo=0,link=${plant}`], { stdio: 'ignore' })
  t.teardown(() => endChild(child))
  await until(() => existsSync(device) && existsSync(plant), 'socat')
  return { device, plant }
}
