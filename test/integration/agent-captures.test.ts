// Vibration in the built daemon: captures by schedule are kept, learnt from and scored, and a rising band is named.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { seededPrng } from '../../agent/core/prng.ts'
import { startDaemon } from '../support/daemon.ts'
import type { AssetStatus, Status } from '../support/plant.ts'
import { shortDir } from '../support/short-dir.ts'
import { npyBytes } from '../support/source-npy.ts'
import { until } from '../support/waiting.ts'

const RATE = 20_000
const SAMPLES = 20_000
const HEALTHY = 100
const SICK = 30

/** Noise of a running machine; from capture HEALTHY on with a tone at 3,500 Hz. */
function recording(): Buffer {
  const prng = seededPrng(3)
  const samples = new Int16Array((HEALTHY + SICK) * SAMPLES)
  for (let i = 0; i < samples.length; i++) {
    const tone = i >= HEALTHY * SAMPLES ? 400 * Math.sin((2 * Math.PI * 3500 * i) / RATE) : 0
    samples[i] = 300 * prng.normal() + 500 * Math.sin((2 * Math.PI * 50 * i) / RATE) + tone
  }
  return npyBytes(samples, [HEALTHY + SICK, 1, SAMPLES])
}

t.test('bands: captures of 1 s every minute', async t => {
  const dir = shortDir(t)
  writeFileSync(join(dir, 'de-h.npy'), recording())
  const config = `version: 1
gateway: {site: hall, id: gw-1}
sources:
  daq: {replay: {files: [de-h.npy], rate: 20kHz, interval: 60s, speed: 300}}
assets:
  m-204:
    source: daq
    channels:
      de-h: {waveform: int16, unit: g, scale: 0.001, point: DE, axis: horizontal, capture: {length: 1s, every: 1min}}
    learn: {running: 40min, sufficiency: warn}
    alarm: {on-delay: 90s, off-delay: 10min}
    model: {family: bands}
storage: {dir: data}
scorer: {provider: cpu}
`
  const daemon = await startDaemon(t, config, { dir })
  const asset = async (): Promise<AssetStatus> => (await daemon.ask<Status>('/v1/status')).assets[0]!
  await until(async () => ((await asset()).learning?.rows ?? 0) > 3, 'captures to be learnt', 60_000)
  await until(async () => (await asset()).mode === 'scoring', 'the model', 60_000)
  t.match((await asset()).model, { name: 'm-204-bands', release: 1, origin: 'local', family: 'bands' })
  await until(async () => (await daemon.ask<Status>('/v1/status')).alarms.length > 0, 'the alarm', 60_000)
  const [alarm] = (await daemon.ask<{ alarms: { message: string }[] }>('/v1/status')).alarms
  t.match(alarm?.message, /^DE horizontal 3\.4–3\.6 kHz [\d.]+ x baseline, [23] captures \(3\.4–3\.6 kHz \d+ %/)
  const scores = await daemon.history('m-204', 'scores')
  const times = scores.map(row => row[0]!)
  t.ok(
    times.slice(1).every((time, i) => time - times[i]! >= 59e6),
    'one score a capture, though its windows are several',
  )
  await daemon.stop()
})
