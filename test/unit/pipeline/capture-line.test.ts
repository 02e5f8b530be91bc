// What becomes of a capture: kept, judged, learnt from, scored, or none of it.
import t from 'tap'
import type { WaveformBlock } from '../../../agent/core/types.ts'
import type { Manifest, ModelFile } from '../../../agent/models/contract.ts'
import type { Analysed } from '../../../agent/models/live/analyser.ts'
import { analyseCapture, type RawCapture, toCapture } from '../../../agent/models/vibration/analyse.ts'
import { CaptureLine } from '../../../agent/pipeline/capture-line.ts'
import type { LookedCapture } from '../../../agent/pipeline/vibration.ts'
import { asset, channel } from '../../support/assets.ts'
import { noise } from '../../support/vibration.ts'
import { collectingQueue } from '../../support/window-queue.ts'

const RATE = 5_120
const SAMPLES = 512
const START = 1_700_000_000e6
const END = START + ((SAMPLES - 1) / RATE) * 1e6
const capture = { lengthMs: 100, everyMs: 1_000, settleMs: 0 }
const waveform = { type: 'int16' as const, rateHz: RATE, capture }
const motor = asset([
  channel('de-h', { unit: 'g', waveform }),
  channel('de-v', { unit: 'g', waveform }),
  channel('speed', { unit: '1/min' }),
])

function modelOf(ids: readonly string[], more: Partial<Manifest> = {}): ModelFile {
  const channels = ids.map(id => ({ id, unit: id === 'speed' ? '1/min' : 'g' }))
  const manifest = { name: 'm', release: 1, family: 'bands', channels, samples: SAMPLES, ...more } as Manifest
  return { bytes: new Uint8Array(), sha256: 'ab'.repeat(32), manifest, origin: 'local' }
}

/** `perMin`: NaN where it is not known. */
function bench(perMin = 1_490) {
  const queue = collectingQueue(SAMPLES * 3, 100)
  const state = { model: undefined as ModelFile | undefined, hold: false }
  const [kept, learnt, troubles]: [LookedCapture[], number[], unknown[]] = [[], [], []]
  const stored: { channel: string; startUs: number; samples: Int16Array }[] = []
  const held: (() => void)[] = []
  const line = new CaptureLine(motor, {
    queue: () => queue,
    model: () => state.model,
    analyser: {
      analyse: (raw: RawCapture) =>
        new Promise<Analysed | undefined>(resolve => {
          const settle = (): void => resolve({ capture: toCapture(raw), axes: analyseCapture(toCapture(raw)) })
          if (state.hold) held.push(settle)
          else settle()
        }),
    },
    speed: { during: () => (Number.isNaN(perMin) ? {} : { speed: { mean: perMin, min: perMin, max: perMin } }) },
    vibration: { keep: (_, looked) => kept.push(looked), lost() {}, stream() {} },
    history: {
      appendWaveform(_, channel, { startUs, samples }) {
        stored.push({ channel, startUs, samples: Int16Array.from(samples) })
      },
      async *waveforms(_, channel, fromUs, toUs) {
        for (const piece of stored) {
          if (piece.channel !== channel || piece.startUs < fromUs || piece.startUs >= toUs) continue
          yield { startUs: piece.startUs, rateHz: RATE, samples: piece.samples, scale: 0.001, offset: 0 }
        }
      },
    },
    sensors: (_, found) => troubles.push(...found),
    captured: startUs => learnt.push(startUs),
    failed: error => t.fail(String(error)),
  })
  /** Capture number `k` of both axes; `dead`: the second gives nothing. */
  const send = async (k: number, dead: boolean | 'both' = false, clip = 32_767): Promise<void> => {
    for (const column of [0, 1]) {
      const louder = clip < 32_767 ? 10 : 1
      const live = Int16Array.from(noise(SAMPLES, 300, 10 * k + column), value =>
        Math.max(-clip, Math.min(clip, louder * value)),
      )
      const samples = dead === 'both' || (column === 1 && dead) ? new Int16Array(SAMPLES) : live
      const block: WaveformBlock = {
        asset: 0,
        channel: column,
        startUs: START + k * 1e6,
        rateHz: RATE,
        samples,
        scale: 0.001,
        offset: 0,
        gap: true,
      }
      line.push(block, true)
    }
    await new Promise(setImmediate)
  }
  return { line, queue, state, kept, learnt, troubles, held, send, stored }
}

t.test('a good one is kept, learnt from and scored', async t => {
  const { state, queue, kept, learnt, send, stored } = bench()
  state.model = modelOf(['de-h', 'de-v'])
  await send(0)
  t.equal(stored.length, 2)
  t.same(learnt, [START])
  t.equal(queue.waiting, 1)
  const { values } = queue.windows()[0]!
  t.equal(values[0], Math.fround(stored[0]!.samples[0]! * 0.001))
  t.equal(values[SAMPLES], Math.fround(stored[1]!.samples[0]! * 0.001))
  t.match(kept, [{ unusable: '', axes: [{ findings: [] }, { findings: [] }] }])
})

t.test('one with a fault in every axis is kept for a look and told, neither learnt from nor scored', async t => {
  const { line, state, queue, kept, learnt, troubles, send, stored } = bench()
  state.model = modelOf(['de-h', 'de-v'])
  await send(0, 'both')
  t.equal(stored.length, 2)
  t.same(learnt, [])
  t.equal(queue.waiting, 0)
  t.match(troubles, [
    { channel: 0, fault: 'dead' },
    { channel: 1, fault: 'dead' },
  ])
  t.match(kept, [{ unusable: 'de-h dead, de-v dead', doubt: undefined }])
  t.equal(line.doubtAt(END), undefined)
})

t.test('one dead axis does not blind the machine: silence in its place, and the other is scored', async t => {
  const { line, state, queue, kept, learnt, troubles, send, stored } = bench()
  state.model = modelOf(['de-h', 'de-v'])
  await send(0, true)
  t.same(learnt, [], 'not learnt from')
  t.match(troubles, [{ channel: 1, fault: 'dead' }])
  const { values, timeUs } = queue.windows()[0]!
  t.equal(values[0], Math.fround(stored[0]!.samples[0]! * 0.001))
  t.ok(values.slice(SAMPLES, 2 * SAMPLES).every(value => value === 0))
  const doubt = { unwatched: ['de-v'], clipped: [] }
  t.match(kept, [{ unusable: '', doubt }])
  t.same(line.doubtAt(timeUs), doubt)
  t.equal(line.doubtAt(timeUs), undefined, 'once')
  await send(1)
  t.equal(queue.waiting, 2)
  t.equal(line.doubtAt(queue.windows()[1]!.timeUs), undefined, 'with the axis back all is as before')
})

t.test('a model made elsewhere, which silence may mean anything to, is not given such a capture', async t => {
  const { state, queue, kept, send } = bench()
  state.model = modelOf(['de-h', 'de-v'], { family: 'pytorch' })
  await send(0, true)
  t.equal(queue.waiting, 0)
  t.match(kept, [{ unusable: 'de-v dead' }])
})

t.test('a failure that saturates the sensor is scored as it came; a range that shrank is not', async t => {
  const reference = { fromUs: 0, toUs: 1, rows: 20, centre: [0, 0], deviation: [0.3, 0.3] }
  const { line, state, queue, kept, learnt, send } = bench()
  state.model = modelOf(['de-h', 'de-v'], { reference })
  await send(0, false, 900)
  t.same(learnt, [])
  const { values, timeUs } = queue.windows()[0]!
  t.ok(values.includes(Math.fround(0.9)))
  t.same(line.doubtAt(timeUs), { unwatched: [], clipped: ['de-h', 'de-v'] })
  t.match(kept, [{ unusable: 'de-h clipping, de-v clipping' }], 'until its score is beyond the setpoint')
  await send(1, false, 200)
  t.equal(queue.waiting, 1)
  t.match(kept[1], { unusable: 'de-h clipping, de-v clipping', doubt: undefined })
})

t.test('a model that does not look at the axis with the fault goes on', async t => {
  const { state, queue, kept, learnt, troubles, send } = bench()
  state.model = modelOf(['de-h'])
  await send(0, true)
  t.equal(queue.waiting, 1)
  t.same(learnt, [])
  t.equal(troubles.length, 1)
  t.match(kept, [{ unusable: '' }])
})

t.test('those that came while the model was fitted are scored with it, once, before newer ones', async t => {
  const { line, state, queue, held, send } = bench()
  for (let k = 0; k < 5; k++) await send(k, k === 3)
  t.equal(queue.waiting, 0)
  const end = (k: number): number => START + k * 1e6 + ((SAMPLES - 1) / RATE) * 1e6
  const model = modelOf(['de-h', 'de-v'], { fitted: { rows: 2, fromUs: START, toUs: end(0), source: 'captures' } })
  state.hold = true
  await send(5)
  state.model = model
  line.bound(model)
  for (const settle of held) settle()
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
  t.same(
    queue.windows().map(({ timeUs }) => timeUs),
    [2, 3, 4, 5].map(end),
    'without the one of the baseline and those near its end',
  )
  t.same(line.doubtAt(end(3)), { unwatched: ['de-v'], clipped: [] }, 'one with a fault in an axis on the other')
  line.bound(model)
  await new Promise(setImmediate)
  t.equal(queue.waiting, 4)
})

t.test('a model with baselines by speed is given the speed, and none that it does not know', async t => {
  const bins = [
    { fromPerMin: 990, toPerMin: 1010, captures: 20 },
    { fromPerMin: 1480, toPerMin: 1500, captures: 20 },
  ]
  const model = modelOf(['de-h', 'de-v', 'speed'], { speed: { channel: 'speed', bins } })
  for (const [perMin, why] of [
    [1490, ''],
    [1200, /^1200\/min lies between the baselines at 990–1010\/min and 1480–1500\/min/],
    [0, '0/min: the machine did not turn'],
    [Number.NaN, 'no value of speed during the capture'],
  ] as const) {
    const { state, queue, kept, learnt, send } = bench(perMin)
    state.model = model
    await send(0)
    t.match(kept, [{ unusable: why }])
    t.equal(learnt.length, perMin > 0 ? 1 : 0, 'learnt from where the speed is known')
    t.equal(queue.waiting, why === '' ? 1 : 0)
    if (why === '') t.same(new Set(queue.windows()[0]!.values.slice(2 * SAMPLES)), new Set([1490]))
  }
})

t.test(
  'above 1 kHz four times quieter than the baseline while the rest is as before: a loose mount, at a speed it knows',
  async t => {
    const vibration = [
      { lowRms: 0.19, highRms: 2 },
      { lowRms: 0, highRms: 0 },
    ]
    const reference = { fromUs: 0, toUs: 1, rows: 20, centre: [0, 0], deviation: [1, 1], vibration }
    const { state, troubles, send } = bench(1490)
    state.model = modelOf(['de-h', 'de-v'], { reference })
    await send(0)
    t.match(troubles, [{ channel: 0, fault: 'lost-high-frequency' }])
    const slow = { channel: 'speed', bins: [{ fromPerMin: 500, toPerMin: 510, captures: 20 }] }
    const { state: other, troubles: none, send: sendOther } = bench(1490)
    other.model = modelOf(['de-h', 'de-v'], { reference, speed: slow })
    await sendOther(0)
    t.same(none, [])
  },
)
