// Vibration over a serial line into the built daemon: what it measures of captures, and what it makes of a sensor that clips.
import { type FileHandle, open } from 'node:fs/promises'
import t from 'tap'
import { seededPrng } from '../../agent/core/prng.ts'
import { encodeFrame, FRAME_TYPES } from '../../agent/decode/frame-format.ts'
import { streamDaemon } from '../../agent/http/client.ts'
import { type Daemon, startDaemon, wearwatch } from '../support/daemon.ts'
import { recently } from '../support/plant.ts'
import { startPty } from '../support/pty.ts'
import { until } from '../support/waiting.ts'

const RATE = 5_120
const LENGTH_S = 4
const EVERY_S = 60
const SCALE = 0.0001
const FRAME_SAMPLES = 512
/** 0.5 g peak at 159.155 Hz. */
const MM_S = 3.4666

interface VibrationStatus {
  assets: {
    mode: string
    score?: number
    learning?: { rows: number }
    unwatched?: { since: string; reason: string }
    severity?: { zone?: string; text: string; high?: boolean }[]
    vibration?: {
      at: string
      axes: { channel: string; velocityMmPerS?: number; sensorFault?: string }[]
      severity?: { zone: string; text: string }
    }
  }[]
  alarms: { rule: string; message: string; active: boolean }[]
  counters: Record<string, number>
}

/** A sender that keeps silent between its captures. */
class Sender {
  readonly #line: FileHandle
  readonly #prng = seededPrng(5)
  #counter = 0
  timeUs: number

  constructor(line: FileHandle, startUs: number) {
    this.#line = line
    this.timeUs = startUs
  }

  /** One capture of tone and noise, `louder` times as loud, cut at `clip` g. */
  async capture(louder = 1, clip = Number.POSITIVE_INFINITY): Promise<void> {
    const samples = RATE * LENGTH_S
    const phase = 6 * this.#prng.next()
    const load = 1 + 0.02 * this.#prng.normal()
    for (let at = 0; at < samples; at += FRAME_SAMPLES) {
      const values = Array.from({ length: FRAME_SAMPLES }, (_, i) => {
        const tone = 0.5 * Math.sin(2 * Math.PI * 159.155 * ((at + i) / RATE) + phase)
        const g = louder * (tone + 0.05 * load * this.#prng.normal())
        return Math.round(Math.max(-clip, Math.min(clip, g)) / SCALE)
      })
      const timeUs = this.timeUs + (at / RATE) * 1e6
      const counter = this.#counter++ & 0xffff
      const type = FRAME_TYPES.waveformI16
      await this.#line.write(encodeFrame({ type, stream: 1, counter, counterWidth: 'u16', timeUs, values }))
    }
    this.timeUs += EVERY_S * 1e6
  }
}

const status = (daemon: Daemon): Promise<VibrationStatus> => daemon.ask('/v1/status')

async function rowsOf(daemon: Daemon): Promise<{ columns: string[]; rows: (number | null)[][] }> {
  let columns: string[] = []
  const rows: (number | null)[][] = []
  for await (const line of streamDaemon(daemon.socket, '/v1/history?asset=m-204&class=vibration')) {
    if (Array.isArray(line)) rows.push(line as number[])
    else columns = (line as { columns: string[] }).columns
  }
  return { columns, rows }
}

t.test('velocity, sensor faults, severity', async t => {
  const pty = await startPty(t)
  if (!pty) {
    t.pass('socat is not installed', { skip: 'socat is not installed' })
    return
  }
  const config = `version: 1
gateway: {site: hall, id: gw-1}
sources:
  daq: {serial: {path: ${pty.device}, baud: 921600, frame: cobs-crc16, counter: u16}}
assets:
  m-204:
    source: daq
    machine: {speed: 1480/min, zones: [1.4, 3, 4.5]}
    channels:
      de-h: {stream: 1, waveform: int16, rate: ${RATE}, unit: g, scale: ${SCALE}, point: DE, axis: horizontal, capture: {length: ${LENGTH_S}s, every: ${EVERY_S}s}}
    learn: {running: 20min, sufficiency: warn}
    alarm: {on-delay: 90s, off-delay: 90s}
    model: {family: bands}
storage: {dir: data}
scorer: {provider: cpu}
`
  const daemon = await startDaemon(t, config)
  await until(
    async () => (await daemon.ask<{ sources: { state: string }[] }>('/v1/status')).sources[0]!.state === 'up',
    'the port',
  )
  const line = await open(pty.plant, 'w')
  t.teardown(() => line.close())
  const sender = new Sender(line, recently(3))
  // The first is void: the sensor's supply may just have come on.
  for (let k = 0; k < 22; k++) await sender.capture()
  await until(async () => (await status(daemon)).assets[0]!.mode === 'scoring', 'the model', 60_000)

  const { columns, rows } = await rowsOf(daemon)
  const at = (name: string): number => 1 + columns.indexOf(`de-h ${name}`)
  t.equal(rows.length, 21, 'one row a capture, but for the first')
  for (const row of rows) {
    const velocity = row[at('velocity rms')]!
    t.ok(Math.abs(velocity / MM_S - 1) < 0.02, `${velocity} mm/s`)
    t.equal(row[at('sensor fault')], 0)
  }
  t.match(daemon.log(), /in absolute terms: zone C: de-h 3\.5 mm\/s \(B\/C at 3; .*; look at the machine before/)
  const learnt = (await status(daemon)).assets[0]!
  t.match(learnt.severity, [{ zone: 'C', high: true }])
  t.match(learnt.vibration, { severity: { zone: 'C' }, axes: [{ channel: 'de-h' }] })

  const scored = async (): Promise<number> => (await daemon.history('m-204', 'scores')).length
  const before = await scored()
  // A supply that breaks down cuts the range to less than the machine needs.
  for (let k = 0; k < 4; k++) await sender.capture(1, 0.3)
  await until(async () => (await status(daemon)).alarms.length > 0, 'the alarm of the sensor', 30_000)
  await until(async () => (await rowsOf(daemon)).rows.length === 25, 'all of them to be measured')
  const clipping = await status(daemon)
  t.match(clipping.alarms, [
    {
      rule: 'de-h.sensor',
      active: true,
      message: /^DE horizontal: clipping, [\d.]+ % of samples stand at the end of the range/,
    },
  ])
  t.equal(clipping.alarms.length, 1, 'no alarm of the machine')
  t.equal(clipping.counters['vibration.m-204.de-h.clipping'], 4)
  t.match(clipping.assets[0], { unwatched: { reason: /^every capture came to nothing \(de-h clipping\)$/ } })
  t.equal(await scored(), before, 'none of them is scored')
  t.equal((await rowsOf(daemon)).rows.at(-1)![at('sensor fault')], 3)
  const shown = await wearwatch(['status', '--socket', daemon.socket])
  t.match(shown.out, /NOT WATCHED since .*: every capture came to nothing \(de-h clipping\)/)
  t.match(shown.out, /sensor: clipping/)

  // A machine five times as loud is beyond what the sensor can show.
  for (let k = 0; k < 3; k++) await sender.capture(5, 1)
  const ofMachine = async () => (await status(daemon)).alarms.find(({ rule }) => rule === 'model')
  await until(async () => (await ofMachine()) !== undefined, 'the alarm of the machine', 30_000)
  t.match(await ofMachine(), {
    message: /^DE horizontal at least 2\.\d x its usual rms, \d captures; DE horizontal clips$/,
  })
  await until(async () => (await scored()) === before + 3, 'all of them to be scored')
  const saturated = await status(daemon)
  t.same(
    saturated.alarms.flatMap(({ rule, active }) => (active ? [rule] : [])).sort(),
    ['de-h.sensor', 'de-h.velocity.danger', 'de-h.velocity.warning', 'model'],
    'of sensor and machine, by its model and by its zones',
  )
  t.match(
    saturated.alarms.find(({ rule }) => rule === 'de-h.velocity.warning'),
    {
      message:
        /^DE horizontal velocity at least [\d.]+ mm\/s above warning 3\.75 mm\/s: at least zone D \(C\/D at 4\.5; zones of the configuration\); baseline 3\.\d+ mm\/s, zone C$/,
    },
  )
  t.notOk(saturated.assets[0]!.unwatched)
  const seen = await wearwatch(['status', '--socket', daemon.socket])
  t.match(seen.out, /sensor: clipping, at least that/)
  t.match(seen.out, /at least zone D: de-h/)

  for (let k = 0; k < 4; k++) await sender.capture()
  await until(async () => (await status(daemon)).alarms.every(({ active }) => !active), 'the alarm to clear', 30_000)
  await until(async () => (await scored()) === before + 7, 'scoring to go on')
  t.notOk((await status(daemon)).assets[0]!.unwatched)

  const spectrum = await wearwatch(['history', 'm-204', '--spectrum', '--csv', '--socket', daemon.socket])
  const lines = spectrum.out
    .trim()
    .split('\n')
    .slice(1)
    .map(text => text.split(',').map(Number))
  const top = lines.reduce((best, next) => (next[1]! > best[1]! ? next : best))
  t.ok(Math.abs(top[0]! - 159.155) < 0.625, `the highest line is at ${top[0]} Hz`)
  await daemon.stop()
})
