// A scorer that takes for ever to load a model (a TensorRT build, a hung driver) must hold up neither the limits nor a stop.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startDaemon } from '../support/daemon.ts'
import { until } from '../support/waiting.ts'

const model = join(import.meta.dirname, '../../models/pump-var.onnx')
const config = `
version: 1
gateway: {site: test, id: gw}
sources: {sim: {simulator: {seed: 7, rate: 10Hz}}}
assets:
  p-1:
    source: sim
    channels:
      flow: {unit: m3/h}
      suction: {unit: bar}
      discharge: {unit: bar, max: 0.1}
      current: {unit: A}
      speed: {unit: 1/min}
      motor-temp: {unit: Cel}
      bearing-temp: {unit: Cel}
      vibration: {unit: mm/s}
    model: {file: ${model}}
storage: {dir: data}
`

/**
 * Scorers whose parent is `pid`, by /proc. Not before they are one: a child stopped between fork and exec would hold the
 * daemon in spawn() for ever.
 */
function scorersOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(child => parentOf(child) === pid && commandOf(child).includes('scoring/child.js'))
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

function parentOf(pid: number): number {
  try {
    return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  } catch {
    return Number.NaN
  }
}

const skip = process.platform === 'linux' ? false : 'stops the scorer by /proc, which only Linux has'

t.test('limits guard and SIGTERM stops within 5 s while a model is loading', { skip }, async t => {
  const daemon = await startDaemon(t, config, { waitUntilLoaded: false })
  let scorer: number | undefined
  await until(() => (scorer = scorersOf(daemon.child.pid!)[0]) !== undefined, 'the scorer child')
  process.kill(scorer!, 'SIGSTOP')
  await until(async () => (await daemon.ask<unknown[]>('/v1/alarms')).length > 0, 'the alarm of the fixed limit')
  const sinceMs = performance.now()
  await daemon.stop()
  t.equal(daemon.child.exitCode, 0)
  t.ok(performance.now() - sinceMs < 5_000)
})
