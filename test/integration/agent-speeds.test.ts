// A two-speed motor on a serial line into the built daemon: a baseline for each speed in one model, and what becomes of captures at
// speeds that none of them knows.
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { seededPrng } from '../../agent/core/prng.ts'
import { encodeFrame, FRAME_TYPES } from '../../agent/decode/frame-format.ts'
import { type Daemon, startDaemon, wearwatch } from '../support/daemon.ts'
import { recently } from '../support/plant.ts'
import { startPty } from '../support/pty.ts'
import { until } from '../support/waiting.ts'

const RATE = 5_120
const LENGTH_S = 2
const EVERY_S = 60
const SCALE = 0.0001
const FRAME_SAMPLES = 512
const SPEED_EVERY_S = 0.5

interface SpeedStatus {
  assets: {
    mode: string
    score?: number
    learning?: { rows: number }
    model?: { release: number }
    unwatched?: { reason: string }
    vibration?: { at: string; speed?: number; notScored?: string }
  }[]
  alarms: { message: string; active: boolean }[]
  counters: Record<string, number>
}

/** A motor whose vibration follows its speed: its blades pass 12 times a revolution, and all of it grows with the square of the speed. */
class Motor {
  readonly #line: FileHandle
  readonly #prng = seededPrng(7)
  readonly #counters = [0, 0]
  timeUs: number

  constructor(line: FileHandle, startUs: number) {
    this.#line = line
    this.timeUs = startUs
  }

  /** One capture, the speed running from `perMin` to `endPerMin`, with what `fault` adds in g at a time in s. */
  async capture(perMin: number, { endPerMin = perMin, fault = (_s: number): number => 0 } = {}): Promise<void> {
    const load = (perMin / 1_480) ** 2 * (1 + 0.02 * this.#prng.normal())
    const speedAt = (s: number): number => perMin + ((endPerMin - perMin) * s) / LENGTH_S
    await this.#send(1, FRAME_TYPES.telemetryF32, 0, [speedAt(0)])
    for (let at = 0; at < RATE * LENGTH_S; at += FRAME_SAMPLES) {
      const values = Array.from({ length: FRAME_SAMPLES }, (_, i) => {
        const s = (at + i) / RATE
        const blades = 0.02 * Math.sin(2 * Math.PI * 12 * (perMin / 60) * s)
        return Math.round((load * (blades + 0.02 * this.#prng.normal()) + fault(s)) / SCALE)
      })
      await this.#send(0, FRAME_TYPES.waveformI16, at / RATE, values)
      const s = (at + FRAME_SAMPLES) / RATE
      if (s % SPEED_EVERY_S < FRAME_SAMPLES / RATE) await this.#send(1, FRAME_TYPES.telemetryF32, s, [speedAt(s)])
    }
    this.timeUs += EVERY_S * 1e6
  }

  async #send(stream: 0 | 1, type: 1 | 3, s: number, values: readonly number[]): Promise<void> {
    const counter = this.#counters[stream]!++ & 0xffff
    await this.#line.write(
      encodeFrame({ type, stream, counter, counterWidth: 'u16', timeUs: this.timeUs + s * 1e6, values }),
    )
  }
}

const status = (daemon: Daemon): Promise<SpeedStatus> => daemon.ask('/v1/status')
const lookedAt = async (daemon: Daemon): Promise<string> => (await status(daemon)).assets[0]!.vibration?.at ?? ''

/** Sends a capture and waits until it has been looked at. */
async function captured(daemon: Daemon, motor: Motor, ...how: Parameters<Motor['capture']>): Promise<void> {
  const before = await lookedAt(daemon)
  await motor.capture(...how)
  await until(async () => (await lookedAt(daemon)) !== before, 'the capture to be looked at', 30_000)
}

const configOf = (device: string): string => `version: 1
gateway: {site: hall, id: gw-1}
sources:
  daq: {serial: {path: ${device}, baud: 921600, frame: cobs-crc16, counter: u16}}
assets:
  m-204:
    source: daq
    gap: 2min
    channels:
      de-h: {stream: 0, waveform: int16, rate: ${RATE}, unit: g, scale: ${SCALE}, point: DE, axis: horizontal, capture: {length: ${LENGTH_S}s, every: ${EVERY_S}s}}
      speed: {stream: 1, index: 0, unit: 1/min, every: 500ms}
    learn: {running: 40min, sufficiency: warn}
    alarm: {on-delay: 90s, off-delay: 90s}
    model: {family: bands}
storage: {dir: data}
scorer: {provider: cpu}
`

t.test('a baseline per speed', async t => {
  const pty = await startPty(t)
  if (!pty) {
    t.pass('socat is not installed', { skip: 'socat is not installed' })
    return
  }
  const daemon = await startDaemon(t, configOf(pty.device))
  await until(
    async () => (await daemon.ask<{ sources: { state: string }[] }>('/v1/status')).sources[0]!.state === 'up',
    'the port',
  )
  const line = await open(pty.plant, 'w')
  t.teardown(() => line.close())
  const motor = new Motor(line, recently(3))

  // The first is void: the sensor's supply may just have come on. One in five changes its speed meanwhile, and is no baseline.
  for (let k = 0; k < 51; k++) {
    await motor.capture(k % 2 === 0 ? 1_480 : 2_950, k % 5 === 4 ? { endPerMin: 2_000 } : {})
  }
  await until(async () => (await status(daemon)).assets[0]!.mode === 'scoring', 'the model', 60_000)
  const learnt = await status(daemon)
  t.equal(learnt.counters['vibration.m-204.not_scored'], 10, 'those whose speed moved')
  await until(() => /m-204 learnt from 40 rows/.test(daemon.log()), 'the log to say so')

  // Healthy at either speed.
  for (const perMin of [1_480, 2_950, 1_490, 2_940]) await captured(daemon, motor, perMin)
  await until(async () => (await daemon.history('m-204', 'scores')).length === 4, 'four scores')
  const scores = (await daemon.history('m-204', 'scores')).map(row => row[1]!)
  t.ok(
    scores.every(score => score < 1),
    `healthy at both speeds: ${scores.map(score => score.toFixed(2)).join(', ')}`,
  )

  const bins = (await daemon.history('m-204', 'features')).map(row => row.at(-1))
  t.same(bins, [1, 2, 1, 2], 'each by the baseline of its speed')

  // A speed between them: never scored, and never in silence.
  await captured(daemon, motor, 1_830)
  const between = (await status(daemon)).assets[0]!
  t.equal(
    between.vibration?.notScored,
    '1830/min lies between the baselines at 1480/min and 2950/min; set-baseline with --since learns such a speed too',
  )
  t.equal(between.unwatched, undefined, 'one alone is no gap')
  for (let k = 0; k < 2; k++) await captured(daemon, motor, 1_830)
  const gap = (await status(daemon)).assets[0]!
  t.match(gap.unwatched?.reason, /^every capture came to nothing \(1830\/min lies between the baselines at/)
  await captured(daemon, motor, 1_480, { endPerMin: 1_600 })
  t.equal((await status(daemon)).counters['vibration.m-204.not_scored'], 14)
  t.equal((await daemon.history('m-204', 'scores')).length, 4)
  const config = join(daemon.dir, 'wearwatch.yaml')
  const { out } = await wearwatch(['status', '--config', config])
  t.match(out, /NOT WATCHED since .*: every capture came to nothing/)
  t.match(out, /capture not scored: the speed moved by 3\.1 %/)

  // Asked for, that speed is learnt too, from what is there: its captures were kept.
  for (let k = 0; k < 9; k++) await captured(daemon, motor, 1_830)
  const asked = await wearwatch(['set-baseline', 'm-204', '--since', '3h', '--config', config])
  t.equal(asked.code, 0, asked.err)
  t.equal((await status(daemon)).assets[0]!.learning?.rows, 56, 'steady captures, not rows of the speed')
  await motor.capture(1_480)
  await until(async () => (await status(daemon)).assets[0]!.model?.release === 2, 'the model of three speeds', 30_000)
  await captured(daemon, motor, 1_830)
  await until(async () => (await daemon.history('m-204', 'features')).at(-1)!.at(-1) === 2, 'the middle one to speak')
  t.equal((await status(daemon)).assets[0]!.unwatched, undefined)

  // What the motor does at the upper speed every day is a fault at the lower one: a line as loud as there is named with its ratio.
  const fault = (s: number): number => 0.03 * Math.sin(2 * Math.PI * 1_500 * s)
  for (let k = 0; k < 4; k++) await captured(daemon, motor, 1_480, { fault })
  await until(async () => (await status(daemon)).alarms.length > 0, 'the alarm', 30_000)
  const [alarm] = (await status(daemon)).alarms
  t.match(alarm?.message, /^DE horizontal 1\.4–1\.6 kHz [\d.]+ x baseline, \d captures/)
  t.match(daemon.log(), /m-204: capture not scored: 1830\/min lies between the baselines at 1480\/min and 2950\/min/)
  await daemon.stop()
})
