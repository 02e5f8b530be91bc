// What is kept, told, shown and published of captures.
import t from 'tap'
import { vibrationTexts } from '../../../agent/cli/vibration-text.ts'
import { Counters } from '../../../agent/core/counters.ts'
import type { Logger } from '../../../agent/core/logger.ts'
import { type AxisOut, analyseCapture } from '../../../agent/models/vibration/analyse.ts'
import type { AgentParts } from '../../../agent/pipeline/parts.ts'
import { Vibration } from '../../../agent/pipeline/vibration.ts'
import { spectrumOf, vibrationStatus } from '../../../agent/pipeline/vibration-view.ts'
import { featuresMessage, stateMessage } from '../../../agent/pipeline/views.ts'
import type { ScoredBatch } from '../../../agent/scoring/contract.ts'
import { asset, channel } from '../../support/assets.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { schemaErrors } from '../../support/uplink-parts.ts'
import { noise, plus, tones } from '../../support/vibration.ts'

const RATE = 5_120
const END = 1_700_000_000e6
const capture = { lengthMs: 4_000, everyMs: 600_000, settleMs: 0 }
const waveform = { type: 'int16' as const, rateHz: RATE, capture }
const motor = asset(
  ['de-h', 'de-v'].map(id => channel(id, { unit: 'g', waveform })),
  { id: 'm-204', machine: { group: 2, support: 'rigid' } },
)
const head = { site: 'hall', gateway: 'gw-1' }

function bench() {
  const appended: { cls: string; columns: readonly string[]; values: Float64Array }[] = []
  const logged: string[] = []
  const note = (text: string): void => void logged.push(text)
  const logger = { room: () => ({ warn: note, info: note, error: note }) } as unknown as Logger
  const counters = new Counters()
  const history = {
    append(
      _id: string,
      cls: string,
      columns: readonly string[],
      _rows: number,
      _times: Float64Array,
      values: Float64Array,
    ) {
      appended.push({ cls, columns, values })
    },
  }
  const config = { assets: [motor] }
  const vibration = new Vibration({ config, clock: manualClock(), history: history as never, counters, logger })
  const scoring = { mode: 'learning', model: undefined, learns: false, without: [], inputDrift: () => undefined }
  const parts = {
    version: '1.0.0',
    startedUs: END,
    clockState: () => 'synced',
    config,
    vibration,
    scoring: [scoring],
    scores: { featuresMessage: () => undefined },
    trends: { of: () => undefined },
    lines: [{ machineNow: () => 'running' }],
    host: { status: () => ({ state: 'idle', placements: [], quarantined: [] }) },
  } as unknown as AgentParts
  return { appended, logged, counters, vibration, parts }
}

/** 0.5 g peak at 159.155 Hz, 3.47 mm/s, on the first axis; a quarter of it on the second. */
function look(seconds = 4): AxisOut[] {
  const samples = seconds * RATE
  const axis = (amplitude: number, seed: number) => ({
    samples: Float32Array.from(plus(tones(samples, RATE, [[amplitude, 159.155]]), noise(samples, 0.01, seed))),
    unit: 'g',
  })
  return analyseCapture({ rateHz: RATE, axes: [axis(0.5, 1), axis(0.125, 2)] })
}

t.test('a capture goes to the history by name, and to status, features and spectrum', async t => {
  const { appended, vibration, parts } = bench()
  t.same(vibrationStatus(parts, 0), {})
  t.equal(featuresMessage(parts, 0), undefined)
  t.equal(spectrumOf(parts, 0), undefined)
  vibration.keep(0, {
    endUs: END,
    axes: look(),
    unusable: '',
    notScored: '',
    speed: { mean: 1480, min: 1470, max: 1490 },
  })
  const [row] = appended
  t.equal(row?.cls, 'vibration')
  const value = (name: string): number => row!.values[row!.columns.indexOf(name)]!
  t.ok(Math.abs(value('de-h velocity rms') / 3.4666 - 1) < 0.02)
  t.ok(Math.abs(value('de-v velocity rms') / 0.8667 - 1) < 0.02)
  t.ok(Math.abs(value('de-h rms') / 0.3537 - 1) < 0.01)
  t.same([value('de-h sensor fault'), value('speed')], [0, 1480])
  t.match(vibrationStatus(parts, 0), {
    vibration: {
      at: '2023-11-14T22:13:20.000Z',
      axes: [{ channel: 'de-h', velocityMmPerS: Number }, { channel: 'de-v' }],
      severity: { zone: 'C', channel: 'de-h' },
    },
  })
  const message = featuresMessage(parts, 0)
  t.match(message, { at: '2023-11-14T22:13:20.000Z', vibration: { severity: { zone: 'C' } } })
  t.same(schemaErrors('features', { schema: 'wearwatch.features/1', ...head, asset: 'm-204', ...message }), [])
  const [axis] = spectrumOf(parts, 0)!.axes
  const { fromHz, lineHz, mmPerS } = axis!
  t.ok(lineHz <= 0.625)
  t.ok(Math.abs(fromHz + mmPerS.indexOf(Math.max(...mmPerS)) * lineHz - 159.155) <= lineHz)
  t.ok(fromHz + mmPerS.length * lineHz >= 1000)
  const total = Math.hypot(...mmPerS.slice(Math.ceil(10 / lineHz)))
  t.ok(Math.abs(total / 3.4666 - 1) < 0.02, 'the lines sum to the velocity')
})

t.test('a sensor fault is told once as it begins, counted each time, and its axis left out of the zone', async t => {
  const { logged, counters, vibration, parts } = bench()
  const [first, second] = look() as [AxisOut, AxisOut]
  const clipped = { ...first, findings: [{ fault: 'clipping' as const, text: '2 % of samples' }] }
  for (let k = 0; k < 3; k++)
    vibration.keep(0, { endUs: END + k, axes: [clipped, second], unusable: 'de-h clipping', notScored: '' })
  t.same(logged, ['m-204 de-h: clipping, 2 % of samples; the capture is neither scored nor learnt from'])
  t.equal(counters.snapshot()['vibration.m-204.de-h.clipping'], 3)
  t.match(vibrationStatus(parts, 0), {
    vibration: { severity: { zone: 'A', channel: 'de-v' }, axes: [{ sensorFault: 'clipping' }, {}] },
    unwatched: { reason: 'every capture came to nothing (de-h clipping)' },
  })
  const state = stateMessage(parts)
  t.match(state.assets, [{ unwatched: { since: '2023-11-14T22:13:20.000Z' } }])
  t.same(schemaErrors('state', { schema: 'wearwatch.state/1', ...head, ...state }), [])
  const message = featuresMessage(parts, 0)
  t.same(schemaErrors('features', { schema: 'wearwatch.features/1', ...head, asset: 'm-204', ...message }), [])
})

t.test(
  'an axis that is not watched, one that shows the least there is, and what all of that says of the machine',
  async t => {
    const { logged, vibration, parts } = bench()
    const [first, second] = look() as [AxisOut, AxisOut]
    const clipped = { ...first, findings: [{ fault: 'clipping' as const, text: '2 % of samples' }] }
    const dead = { findings: [{ fault: 'dead' as const, text: 'constant 0' }], figures: undefined }
    const doubt = { unwatched: ['de-v'], clipped: ['de-h'] }
    const unusable = 'de-h clipping, de-v dead'
    const keep = (k: number) =>
      vibration.keep(0, { endUs: END + k, axes: [clipped, dead], unusable, notScored: '', doubt })
    const beyond = (score: number): ScoredBatch =>
      ({ count: 1, tags: [0], scores: [score], doubts: [doubt] }) as unknown as ScoredBatch
    for (let k = 0; k < 3; k++) keep(k)
    t.same(logged, [
      'm-204 de-h: clipping, 2 % of samples; it shows the least there is: scored as that, and not learnt from',
      'm-204 de-v: dead, constant 0; the axis is not watched, the capture is scored on the others and not learnt from',
    ])
    t.match(vibrationStatus(parts, 0), {
      vibration: {
        severity: { zone: 'C', channel: 'de-h', text: /^at least zone C: de-h 3\.5 mm\/s/ },
        axes: [
          { sensorFault: 'clipping', atLeast: true },
          { sensorFault: 'dead', notWatched: true },
        ],
      },
      unwatched: { reason: `every capture came to nothing (${unusable})` },
    })
    const { vibration: shown } = vibrationStatus(parts, 0) as Parameters<typeof vibrationTexts>[0]
    t.match(
      vibrationTexts({ vibration: shown! }).join('\n'),
      /sensor: clipping, at least that.*de-v .*sensor: dead, NOT WATCHED/,
    )
    const message = featuresMessage(parts, 0)
    t.same(schemaErrors('features', { schema: 'wearwatch.features/1', ...head, asset: 'm-204', ...message }), [])

    vibration.scored(beyond(0.9))
    t.ok(vibration.unwatched(0, false), 'below the setpoint it says nothing')
    vibration.scored(beyond(1))
    t.equal(vibration.unwatched(0, false), undefined, 'beyond it, the machine is seen to be ill')
    vibration.keep(0, { endUs: END + 9, axes: [second, dead], unusable: '', notScored: '', doubt })
    t.notOk('unwatched' in vibrationStatus(parts, 0))
  },
)

t.test('why there is no velocity is told once and shown', async t => {
  const { logged, vibration, parts } = bench()
  for (let k = 0; k < 3; k++) vibration.keep(0, { endUs: END + k, axes: look(2), unusable: '', notScored: '' })
  t.equal(logged.length, 1)
  t.match(logged[0], /m-204 de-h has no vibration velocity: the capture is 2 s long, velocity takes 4 s/)
  t.match(vibrationStatus(parts, 0), { vibration: { axes: [{ noVelocity: /2 s long/ }, {}] } })
  t.notOk('severity' in (vibrationStatus(parts, 0).vibration as object))
})
