import t from 'tap'
import { seededPrng } from '../../../agent/core/prng.ts'
import { type JudgeOptions, judgeCapture } from '../../../agent/models/vibration/judge.ts'
import { digitised, femtoBearings, noise, plus, RATE, tones } from '../../support/vibration.ts'

const SAMPLES = 5 * RATE
const faults = (signal: Float64Array, options?: JudgeOptions, rateHz = RATE): string[] =>
  judgeCapture(signal, rateHz, options).findings.map(({ fault }) => fault)
/** 1 x, harmonics, a gear mesh and noise: 0.45 g rms. */
const machine = (seed: number): Float64Array =>
  plus(
    tones(SAMPLES, RATE, [
      [0.3, 24.7, 1],
      [0.1, 49.4, 2],
      [0.05, 74.1],
      [0.4, 1_023, 1],
    ]),
    noise(SAMPLES, 0.2, seed),
  )

t.test('healthy signals have no finding', async t => {
  for (const seed of [1, 2, 3]) {
    for (const fullScale of [4, 16, 500])
      t.same(faults(digitised(machine(seed), fullScale), { fullScale }), [], `seed ${seed}, full scale ${fullScale}`)
  }
  for (const hz of [2.2, 10, 24.7, 1_000, 3_333]) {
    for (const amplitude of [0.01, 1, 9.9])
      t.same(
        faults(digitised(tones(SAMPLES, RATE, [[amplitude, hz, 0.3]]), 10), { fullScale: 10 }),
        [],
        `${amplitude} g at ${hz} Hz`,
      )
  }
  t.same(faults(machine(4).map(Math.fround)), [], 'without digitiser steps')
  t.same(
    faults(
      plus(
        digitised(machine(5), 16),
        noise(SAMPLES, 0, 1).map(() => 1),
      ),
      { fullScale: 16 },
    ),
    [],
    'gravity is no fault of a sensor that measures from 0 Hz',
  )
  t.same(faults(noise(2_560, 1, 6)), [], '0.1 s')
})

t.test('no signal, or digitiser noise only, is a dead sensor', async t => {
  t.same(faults(new Float64Array(SAMPLES)), ['dead'])
  t.same(faults(new Float64Array(SAMPLES).fill(2.5)), ['dead'])
  t.same(faults(digitised(noise(SAMPLES, 0.0002, 1), 16), { fullScale: 16 }), ['dead'])
  t.same(faults(new Float64Array(SAMPLES).fill(Number.NaN)), ['dead'])
})

t.test('flat tops are clipping, at either end and without knowing the full scale', async t => {
  const loud = machine(1).map(value => 3 * value)
  t.same(faults(digitised(loud, 2.5), { fullScale: 2.5 }), ['clipping'])
  t.same(faults(digitised(loud, 2.5)), ['clipping'])
  t.same(faults(loud.map(value => Math.max(value, -2.4))), ['clipping'], 'one side')
  t.same(
    faults(tones(SAMPLES, RATE, [[1, 159.155]]).map(value => Math.min(value, 0.99))),
    ['clipping'],
    'a sine cut at 0.99',
  )
})

t.test('an offset near the end of the range is a bias fault, a moving one a drift', async t => {
  t.same(
    faults(
      digitised(
        machine(2).map(value => value + 4),
        16,
      ),
      { fullScale: 16 },
    ),
    ['bias'],
  )
  const settling = machine(2).map((value, i) => value + 8 * Math.exp(-i / (1.5 * RATE)))
  t.ok(faults(settling, { fullScale: 80 }).includes('drift'))
  t.same(faults(machine(2), { sincePowerUpS: 4 }), ['power-up'])
  t.same(faults(machine(2), { sincePowerUpS: 10 }), [])
})

t.test('an excess below 5 Hz that falls with frequency is a ski slope', async t => {
  // Brownian noise: the density of acceleration falls 6 dB per octave.
  let level = 0
  const walk = noise(SAMPLES, 0.004, 9).map(step => (level = 0.9999 * level + step))
  t.same(faults(plus(machine(3), walk)), ['ski-slope'])
  t.same(
    faults(
      plus(
        machine(3),
        walk.map(value => 0.02 * value),
      ),
    ),
    [],
    'a fiftieth of it',
  )
  t.same(
    faults(
      plus(
        noise(SAMPLES, 0.05, 2),
        tones(SAMPLES, RATE, [
          [0.02, 2.5],
          [0.01, 5, 1],
        ]),
      ),
    ),
    [],
    'a machine at 150/min',
  )
})

t.test('high frequencies lost while the low ones stay are a loose mount', async t => {
  const reference = { lowRms: 0.24, highRms: 0.35 }
  t.same(faults(machine(1), { reference }), [])
  t.same(
    faults(
      machine(1).map(value => 0.2 * value),
      { reference },
    ),
    [],
    'all of it quieter is the machine',
  )
  const loose = plus(
    tones(SAMPLES, RATE, [
      [0.3, 24.7, 1],
      [0.1, 49.4, 2],
    ]),
    noise(SAMPLES, 0.03, 3),
  )
  t.same(faults(loose, { reference }), ['lost-high-frequency'])
})

t.test('a machine fault is no sensor fault', async t => {
  const reference = { lowRms: 0.24, highRms: 0.35 }
  t.same(
    faults(plus(machine(1), tones(SAMPLES, RATE, [[1.5, 24.7, 1]])), { reference }),
    [],
    'unbalance: the low frequencies rise, the high ones stay',
  )
  t.same(
    faults(plus(tones(SAMPLES, RATE, [[1.5, 24.7, 1]]), noise(SAMPLES, 0.03, 3)), { reference }),
    [],
    'the low frequencies rise while the high ones fall: the machine has changed, and the score has to see it',
  )
  // A damaged race: a resonance at 4 kHz struck 107 times a second, each strike another size; crest factor 20.
  const prng = seededPrng(7)
  const shocks = new Float64Array(SAMPLES)
  for (let at = 0; at < SAMPLES; at += Math.round(RATE / 107)) {
    const size = 5 * (1 + 0.4 * prng.normal())
    for (let i = 0; i < 200 && at + i < SAMPLES; i++) {
      shocks[at + i]! += size * Math.exp(-i / 12) * Math.sin((2 * Math.PI * 4_000 * i) / RATE)
    }
  }
  t.same(faults(plus(machine(1), shocks)), [], 'a very impulsive one')
  t.same(faults(digitised(plus(machine(1), shocks), 50), { fullScale: 50 }), [], 'digitised')
})

t.test('a sine of a few samples a period is not clipped; one at the rail is', async t => {
  for (const hz of [100, 200, 320, 400, 800, 1_600, 3_200, 5_120]) {
    for (const phase of [0, 0.1, Math.PI / 4]) {
      const sine = tones(SAMPLES, RATE, [[1, hz, phase]])
      t.same(faults(digitised(sine, 16), { fullScale: 16 }), [], `${hz} Hz, phase ${phase}`)
      t.same(faults(sine.map(Math.fround)), [], `${hz} Hz, phase ${phase}, float32`)
    }
  }
  t.same(
    faults(digitised(tones(SAMPLES, RATE, [[1.2, 800]]), 1), { fullScale: 32_767 / 32_768 }),
    ['clipping'],
    'beyond the range of the digitiser',
  )
})

t.test('gravity is no bias, however small the range', async t => {
  const standing = digitised(
    machine(2).map(value => value + 1),
    4,
  )
  t.same(faults(standing, { fullScale: 4, gravity: 1 }), [])
  t.same(faults(standing, { fullScale: 4 }), ['bias'])
})

const bearings = femtoBearings()
const skip = bearings ? false : 'no recordings: set WEARWATCH_DATA to a folder that holds femto/'
t.test('recorded captures of bearings are judged so, up to their failure', { skip }, async t => {
  for (const bearing of bearings ?? []) {
    // To the end of their lives: a bearing that fails is no sensor that fails.
    const step = Math.max(1, Math.floor(bearing.captures / 40))
    const wrong = Array.from(
      { length: Math.floor((bearing.captures - 1) / step) + 1 },
      (_, k) => judgeCapture(bearing.capture(bearing.captures - 1 - k * step), bearing.rateHz).findings,
    ).flat()
    t.same(wrong, [], bearing.name)
  }
})
