import t from 'tap'
import { lowBand } from '../../../agent/models/vibration/decimate.ts'
import { accelerationFeatures } from '../../../agent/models/vibration/features.ts'
import { Fft, smoothAtLeast } from '../../../agent/models/vibration/fft.ts'
import { severityOf } from '../../../agent/models/vibration/severity.ts'
import { lowSpectrum, STANDARD_GRAVITY, velocityOf } from '../../../agent/models/vibration/velocity.ts'
import { bandPower, welch } from '../../../agent/models/vibration/welch.ts'
import { zonesOf } from '../../../agent/models/vibration/zones.ts'
import { noise, plus, RATE, tones } from '../../support/vibration.ts'

const near = (got: number, want: number, share: number): boolean => Math.abs(got / want - 1) <= share
const mm = (
  samples: Float64Array,
  rateHz = RATE,
  unit: 'g' | 'm/s2' = 'g',
  speed?: Parameters<typeof velocityOf>[3],
) => {
  const velocity = velocityOf(samples, rateHz, unit, speed)
  return 'mmPerS' in velocity ? velocity.mmPerS : Number.NaN
}

t.test('the transform is that of its definition, at every length that it takes', async t => {
  for (const size of [1, 2, 3, 4, 5, 8, 12, 15, 60, 64, 100, 360]) {
    const re = noise(size, 1, size)
    const im = noise(size, 1, size + 1)
    const want = Array.from({ length: size }, (_, k) => {
      let sum = 0
      for (let n = 0; n < size; n++)
        sum += re[n]! * Math.cos((2 * Math.PI * n * k) / size) + im[n]! * Math.sin((2 * Math.PI * n * k) / size)
      return sum
    })
    const [outRe, outIm] = [re.slice(), im.slice()]
    const fft = new Fft(size)
    fft.forward(outRe, outIm)
    t.ok(
      want.every((value, k) => Math.abs(value - outRe[k]!) < 1e-9 * size),
      `length ${size}`,
    )
    fft.inverse(outRe, outIm)
    t.ok(
      re.every((value, i) => Math.abs(value - outRe[i]! / size) < 1e-12 * size) &&
        im.every((value, i) => Math.abs(value - outIm[i]! / size) < 1e-12 * size),
    )
  }
  t.throws(() => new Fft(7), RangeError)
  t.equal(smoothAtLeast(4_001), 4_050)
})

t.test('1 g peak at 159.155 Hz reads 6.93 mm/s rms, whatever phase, offset or drift', async t => {
  const want = 6.9343
  for (const phase of [0, 0.4, 1, Math.PI / 2, 2.5, 4]) {
    const sine = tones(5 * RATE, RATE, [[1, 159.155, phase]])
    t.ok(near(mm(sine), want, 0.002), `phase ${phase}: ${mm(sine)}`)
    for (const [offset, slope] of [
      [3, 0],
      [-100, 0],
      [0, 1],
      [2, -20],
    ] as const) {
      const moved = sine.map((value, i) => value + offset + (slope * i) / sine.length)
      t.ok(near(mm(moved), want, 0.002), `phase ${phase}, offset ${offset}, drift ${slope}: ${mm(moved)}`)
    }
  }
  t.ok(near(mm(tones(4 * RATE, RATE, [[STANDARD_GRAVITY, 159.155]]), RATE, 'm/s2'), want, 0.002), 'in m/s², 4 s')
  for (const rateHz of [2_048, 2_560, 5_000, 10_000, 12_800, 20_000, 48_000, 51_200]) {
    t.ok(near(mm(tones(5 * rateHz, rateHz, [[1, 159.155, 1]]), rateHz), want, 0.005), `at ${rateHz} Hz`)
  }
})

t.test('a sine between two lines, and two lines close together, keep their energy', async t => {
  const line = lowSpectrum(tones(5 * RATE, RATE, [[1, 100]]), RATE).lineHz
  t.ok(near(line, 0.625, 1e-9))
  for (const share of [0, 0.25, 0.5, 0.75]) {
    const hz = 100 + share * line
    const want = (1000 * STANDARD_GRAVITY) / (2 * Math.PI * hz) / Math.SQRT2
    t.ok(near(mm(tones(5 * RATE, RATE, [[1, hz, 1]])), want, 0.01), `${hz} Hz`)
  }
  // Beating: 5 s hold whole periods of 2.4 Hz, so the mean square is the sum of both.
  const close = mm(
    tones(5 * RATE, RATE, [
      [1, 100],
      [0.5, 102.4, 1],
    ]),
  )
  const want = (1000 * STANDARD_GRAVITY * Math.hypot(1 / (2 * Math.PI * 100), 0.5 / (2 * Math.PI * 102.4))) / Math.SQRT2
  t.ok(near(close, want, 0.02), `two lines ${close}, ${want}`)
  const spectrum = lowSpectrum(
    tones(5 * RATE, RATE, [
      [1, 100],
      [0.5, 105, 1],
    ]),
    RATE,
  )
  t.ok(
    near(bandPower(spectrum, 97, 102.5), 0.5, 0.02) && near(bandPower(spectrum, 102.5, 108), 0.125, 0.02),
    '5 Hz apart they are told apart',
  )
})

t.test('velocity covers 10 Hz to 1 kHz, from 2 Hz of slow machines', async t => {
  const at = (hz: number, speed?: Parameters<typeof velocityOf>[3]): number =>
    mm(tones(5 * RATE, RATE, [[1, hz]]), RATE, 'g', speed)
  const full = (hz: number): number => (1000 * STANDARD_GRAVITY) / (2 * Math.PI * hz) / Math.SQRT2
  t.ok(near(at(12), full(12), 0.02) && near(at(980), full(980), 0.02))
  t.ok(
    at(7) < 0.01 * full(7) && at(1_100) < 0.01 * full(1_100) && at(1_700) < 1e-3 * full(1_700),
    'outside nothing, and nothing folds back',
  )
  t.ok(near(at(5, { mean: 300, min: 299, max: 301 }), full(5), 0.02))
  t.ok(at(5, { mean: 601, min: 600, max: 602 }) < 0.01 * full(5))
})

t.test('short or uneven captures give no velocity, and say why', async t => {
  const reason = (samples: number, speed?: Parameters<typeof velocityOf>[3]) =>
    velocityOf(new Float64Array(samples), RATE, 'g', speed)
  t.same(reason(2_560), { reason: 'the capture is 0.1 s long, velocity takes 4 s' })
  t.same(reason(3.99 * RATE), { reason: 'the capture is 3.99 s long, velocity takes 4 s' })
  t.same(reason(5 * RATE, { mean: 60, min: 60, max: 60 }), {
    reason: '5 revolutions in the capture, velocity takes 10',
  })
  t.match(reason(5 * RATE, { mean: 1_480, min: 1_440, max: 1_490 }), { reason: /the speed moved by 2.7 %/ })
  t.match(velocityOf(noise(4 * RATE, 1, 1), RATE, 'g', { mean: 1_480, min: 1_475, max: 1_485 }), {
    averages: 4,
    lineHz: 0.625,
  })
})

t.test('white noise of known density, and Parseval over adjoining bands', async t => {
  // 0.1 g rms over 0 to 12.8 kHz.
  const signal = noise(10 * RATE, 0.1, 3)
  const density = 0.01 / 12_800
  for (const blockS of [0.02, 0.04, 1.6]) {
    const spectrum = welch(signal, RATE, blockS)
    t.ok(near(bandPower(spectrum, 2_000, 8_000) / 6_000, density, 0.02), `blocks of ${blockS} s`)
  }
  const low = lowSpectrum(signal, RATE)
  t.ok(near(bandPower(low, 100, 1_000) / 900, density, 0.06), 'decimated')

  const mixed = plus(
    signal,
    tones(signal.length, RATE, [
      [1, 3_217.3],
      [0.3, 1_111, 1],
      [0.2, 12_300, 2],
    ]),
  )
  const spectrum = welch(mixed, RATE, 0.04)
  const total = accelerationFeatures(mixed, RATE).rms ** 2
  let sum = 0
  for (let hz = -100; hz < 13_000; hz += 200) sum += bandPower(spectrum, hz, hz + 200)
  t.ok(near(sum, total, 0.005), `bands ${sum}, mean square ${total}`)
  t.ok(
    near(
      spectrum.power.reduce((all, power) => all + power, 0),
      sum,
      1e-9,
    ),
  )
})

t.test('what lies above the lower rate is 80 dB down after decimation', async t => {
  for (const hz of [1_560, 1_700, 2_560, 5_000, 9_000]) {
    const { samples, rateHz } = lowBand(tones(RATE, RATE, [[1, hz, 1]]), RATE)
    t.equal(rateHz, 2_560)
    t.ok(accelerationFeatures(samples, rateHz).peak < 1.2e-4, `${hz} Hz: ${accelerationFeatures(samples, rateHz).peak}`)
  }
  for (const hz of [5, 300, 990]) {
    const { samples, rateHz } = lowBand(tones(RATE, RATE, [[1, hz, 1]]), RATE)
    t.ok(near(accelerationFeatures(samples, rateHz).rms, Math.SQRT1_2, 0.01), `${hz} Hz`)
  }
})

t.test('features of known signals', async t => {
  const sine = accelerationFeatures(
    tones(RATE, RATE, [[2, 3_000, 1]]).map(value => value + 5),
    RATE,
  )
  t.ok(
    near(sine.rms, Math.SQRT2, 1e-3) &&
      near(sine.peak, 2, 2e-2) &&
      near(sine.kurtosis, 1.5, 1e-3) &&
      near(sine.crest, Math.SQRT2, 2e-2),
  )
  t.ok(near(sine.highRms!, Math.SQRT2, 0.01) && sine.envelopeRms! < 0.05)
  t.ok(near(accelerationFeatures(noise(RATE, 1, 5), RATE).kurtosis, 3, 0.05))
  // 50 % modulation of a resonance: the envelope moves by 0.5 / sqrt 2.
  const carrier = tones(RATE, RATE, [[1, 5_000]])
  const modulated = carrier.map((value, i) => value * (1 + 0.5 * Math.sin((2 * Math.PI * 90 * i) / RATE)))
  t.ok(near(accelerationFeatures(modulated, RATE).envelopeRms!, 0.5 / Math.SQRT2, 0.02))
  const still = accelerationFeatures(new Float64Array(1_000).fill(3), 1_000)
  t.same(still, { rms: 0, peak: 0, crest: 0, kurtosis: 0, highRms: undefined, envelopeRms: undefined })
})

t.test('the zone is that of the worst axis, by group and support', async t => {
  const zones = (group: number, support: string) => zonesOf({ group, support })!
  const axes = [
    { channel: 'de-h', mmPerS: 2.9 },
    { channel: 'de-v', mmPerS: 1.1 },
  ]
  t.match(severityOf(axes, zones(2, 'rigid')), {
    zone: 'C',
    channel: 'de-h',
    text: 'zone C: de-h 2.9 mm/s (B/C at 2.8; ISO 20816-3, group 2, rigid)',
  })
  t.match(severityOf(axes, zones(1, 'flexible')), { zone: 'A', text: /A\/B at 3.5/ })
  t.match(
    severityOf([{ channel: 'a', mmPerS: 7.1 }], zones(1, 'rigid')),
    { zone: 'D' },
    'on the boundary it is the worse',
  )
  t.equal(severityOf([], zones(1, 'rigid')), undefined)
})
