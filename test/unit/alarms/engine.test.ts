import t from 'tap'
import { TRANSITION_BYTES_MAX } from '../../../agent/alarms/fit-record.ts'
import { alarmId } from '../../../agent/alarms/id.ts'
import { type AlarmState, restore } from '../../../agent/alarms/state.ts'
import { AgentError } from '../../../agent/core/errors.ts'
import { seededPrng } from '../../../agent/core/prng.ts'
import {
  gated,
  MINUTE_US,
  SECOND_US,
  START_US,
  scored,
  type TestEngine,
  testEngine,
} from '../../support/alarm-parts.ts'
import { asset, channel } from '../../support/assets.ts'

const limit = { onDelayMs: 0, offDelayMs: 0, deadband: 0.5, priority: 2 as const }
const pump = asset([channel('flow', { unit: 'm3/h' }), channel('discharge', { max: 9, min: 1, limit })], {
  tag: 'P-101A',
  alarm: {
    onDelayMs: 10_000,
    offDelayMs: 5_000,
    deadband: 0.1,
    priority: 3,
    trendHorizonMs: 0,
    shelveMaxMs: 604_800_000,
    action: 'Check strainer',
  },
})

t.test('a fixed limit guards from the first sample and carries its reason', async t => {
  const { engine, transitions } = testEngine([pump])
  engine.rows(gated([[40, 9.4]]))
  t.match(transitions, [
    {
      alertSeq: 1,
      transition: 'raised',
      rule: 'discharge.max',
      asset: 'p-101',
      tag: 'P-101A',
      priority: 2,
      active: true,
      acked: false,
      onsetUs: START_US,
      raisedUs: START_US,
      message: 'discharge 9.4 bar above limit 9 bar',
      evidence: [{ channel: 'discharge', value: 9.4, baseline: 9, unit: 'bar', share: 1 }],
    },
  ])
  t.match(transitions[0]?.id, /^[0-9A-HJKMNP-TV-Z]{13}$/)
  t.equal(transitions[0]?.action, undefined, 'the action is advice for the model alarm')
  engine.rows(gated([[40, 8]], { fromS: 1 }))
  t.match(transitions[1], { alertSeq: 2, transition: 'cleared', active: false, id: transitions[0]?.id, value: 8 })
  t.equal(transitions[1]?.message, 'discharge back within limit 9 bar after 1 s, peak 9.4 bar')
  t.equal(engine.standing().length, 1, 'stands until acknowledged')
})

t.test('rows of one block raise in the order of time', async t => {
  const { engine, transitions } = testEngine([pump])
  engine.rows(
    gated([
      [40, 0.5],
      [40, 5],
      [40, 9.5],
    ]),
  )
  t.same(
    transitions.map(made => `${made.rule} ${made.transition}`),
    ['discharge.min raised', 'discharge.min cleared', 'discharge.max raised'],
  )
})

t.test('a stopped machine neither raises nor clears', async t => {
  const { engine, transitions } = testEngine([pump])
  engine.rows(
    gated(
      [
        [40, 99],
        [40, 99],
      ],
      { stopped: () => true },
    ),
  )
  engine.rows(gated([[40, 9.4]], { fromS: 2 }))
  engine.rows(
    gated(
      [
        [0, 5],
        [0, 5],
      ],
      { fromS: 3, stopped: () => true },
    ),
  )
  t.same(
    transitions.map(made => made.transition),
    ['raised'],
  )
})

t.test('scores count running time from rows: on-delay, pending, raise, clear', async t => {
  const { engine, transitions } = testEngine([pump])
  const rows = (fromS: number, count: number, running: boolean): void =>
    engine.rows(
      gated(
        Array.from({ length: count }, () => [40, 5]),
        { fromS, stopped: () => !running },
      ),
    )
  rows(0, 11, true)
  engine.scores(scored([0.5, 1.2, 1.3], [2, 4, 8]))
  t.match(engine.pending(0), { rule: 'model', elapsedUs: 4 * SECOND_US, delayUs: 10 * SECOND_US, setpoint: 1 })
  t.ok(Math.abs((engine.pending(0)?.value ?? 0) - 1.3) < 1e-6)
  // An hour's stop between 10 and 3610 s counts nothing.
  rows(11, 3600, false)
  rows(3611, 6, true)
  engine.scores(scored([1.3], [3613]))
  t.equal(engine.pending(0)?.elapsedUs, 9 * SECOND_US, '4 to 8, 8 to 10 and 3610 to 3613 s')
  t.equal(transitions.length, 0)
  engine.scores(scored([1.3], [3614]))
  t.equal(engine.pending(0), undefined)
  t.equal(transitions.length, 1)
  t.match(transitions[0], {
    transition: 'raised',
    rule: 'model',
    onsetUs: START_US + 4 * SECOND_US,
    message: 'flow 18 % below prediction (flow 58 %, current 27 %)',
    action: 'Check strainer',
    model: { name: 'p-101-var', release: 2, origin: 'local' },
  })
})

t.test('rows of which nothing is known, because a channel was gone, count for no delay', async t => {
  const { engine, transitions } = testEngine([pump])
  engine.rows(gated(Array.from({ length: 120 }, () => [40, 5])))
  engine.scores(scored([1.2, 1.3], [4, 8]))
  engine.unscored(0)
  engine.scores(scored([1.3], [60]))
  t.match(engine.pending(0), { elapsedUs: 4 * SECOND_US })
  engine.scores(scored([1.3], [66]))
  t.match(transitions, [{ transition: 'raised' }])
  engine.scores(scored([0.5], [67]))
  engine.unscored(0)
  engine.scores(scored([0.5], [110]))
  t.equal(transitions.length, 1, 'nor is it cleared')
})

t.test('the off-delay of the model and the clearing message', async t => {
  const { engine, transitions } = testEngine([{ ...pump, alarm: { ...pump.alarm, onDelayMs: 0 } }])
  engine.rows(gated(Array.from({ length: 20 }, () => [40, 5])))
  engine.scores(scored([1.2, 2.1, 0.95, 0.5, 0.5, 0.5], [1, 2, 3, 4, 8, 9]))
  t.same(
    transitions.map(made => made.transition),
    ['raised', 'cleared'],
  )
  t.equal(transitions[1]?.message, 'flow back within prediction after 8 s, peak score 2.1')
  t.equal(transitions[1]?.atUs, START_US + 9 * SECOND_US)
})

t.test('a score that is not a number holds, and is counted', async t => {
  const { engine, transitions } = testEngine([{ ...pump, alarm: { ...pump.alarm, onDelayMs: 0 } }])
  engine.scores(scored([Number.NaN, Number.POSITIVE_INFINITY], [1, 2]))
  t.equal(transitions.length, 0)
})

t.test('after a restart an active alarm is still active: not raised again, cleared when it is good', async t => {
  const first = testEngine([pump])
  first.engine.rows(gated([[40, 9.4]]))
  const raised = first.transitions[0]
  const state = stateOf(first)
  const second = testEngine([pump], { state })
  second.engine.rows(
    gated(
      [
        [40, 9.6],
        [40, 9.7],
      ],
      { fromS: 60 },
    ),
  )
  t.equal(second.transitions.length, 0)
  second.engine.rows(gated([[40, 5]], { fromS: 62 }))
  t.match(second.transitions, [{ id: raised?.id, alertSeq: 2, transition: 'cleared' }])
})

t.test('an alarm whose rule is gone is cleared with a note', async t => {
  const first = testEngine([pump])
  first.engine.rows(gated([[40, 9.4]]))
  const { transitions, engine } = testEngine([asset([channel('flow')])], { state: stateOf(first) })
  t.match(transitions, [{ transition: 'cleared', active: false, acked: false, note: 'rule removed', alertSeq: 2 }])
  t.equal(engine.standing().length, 1, 'still to be acknowledged')
})

t.test('raised again while unacknowledged: a new occurrence supersedes the old one', async t => {
  const { engine, transitions } = testEngine([pump])
  engine.rows(
    gated([
      [40, 9.4],
      [40, 5],
      [40, 9.5],
    ]),
  )
  t.same(
    transitions.map(made => made.transition),
    ['raised', 'cleared', 'superseded', 'raised'],
  )
  t.match(transitions[2], { id: transitions[0]?.id, by: 'agent', note: `superseded by ${transitions[3]?.id}` })
  t.not(transitions[3]?.id, transitions[0]?.id)
  t.same(
    engine.standing().map(alarm => alarm.id),
    [transitions[3]?.id],
  )
})

const BERT = { actor: 'operator', by: 'bert' } as const

t.test('acknowledging: once, by someone, and not what does not stand', async t => {
  const { engine, transitions } = testEngine([pump])
  engine.rows(gated([[40, 9.4]]))
  const id = transitions[0]?.id ?? ''
  t.match(engine.desk.acknowledge(id.toLowerCase(), { actor: 'operator', by: 'anna', note: 'on my way' }), {
    acked: true,
    active: true,
    by: 'anna',
    note: 'on my way',
  })
  const codeOf = (of: () => unknown): string => {
    try {
      of()
      return 'nothing thrown'
    } catch (error) {
      return error instanceof AgentError ? error.code : String(error)
    }
  }
  t.equal(
    codeOf(() => engine.desk.acknowledge(id, BERT)),
    'COMMAND_REFUSED',
  )
  t.equal(
    codeOf(() => engine.desk.acknowledge('0000000000000', BERT)),
    'NOT_FOUND',
  )
  engine.rows(gated([[40, 5]], { fromS: 1 }))
  t.equal(engine.standing().length, 0, 'acknowledged and cleared: done')
  t.equal(
    codeOf(() => engine.desk.acknowledge(id, BERT)),
    'NOT_FOUND',
  )
})

t.test('ids sort by time and are Crockford base32', async t => {
  const prng = seededPrng(3)
  const ids = [0, 1, 1_000, MINUTE_US * 1e6].map(ms => alarmId(START_US + ms * 1_000, prng))
  t.same([...ids].sort(), ids)
  t.equal(alarmId(-5, prng).slice(0, 9), '000000000')
})

function stateOf({ engine, transitions }: TestEngine): AlarmState {
  return restore(structuredClone({ alertSeq: transitions.length, standing: engine.standing() }))
}

t.test('a machine of waveforms alone: the delays count all time between its windows', async t => {
  const waveform = { type: 'int16' as const, rateHz: 5000 }
  const motor = asset([channel('de-h', { waveform })], {
    alarm: {
      onDelayMs: 2_000,
      offDelayMs: 2_000,
      deadband: 0.1,
      priority: 3,
      trendHorizonMs: 0,
      shelveMaxMs: 604_800_000,
    },
  })
  const { engine, transitions } = testEngine([motor])
  engine.scores(scored([1.5, 1.5, 1.5, 0.5, 0.5], [0, 1, 2, 3, 5]))
  t.match(transitions, [{ transition: 'raised', running: true }, { transition: 'cleared' }])
})

t.test(
  'free text without end is cut, so that the smallest journal takes every transition; state and record agree',
  async t => {
    const long = (what: string): string => `${what} ${'\u0001'.repeat(200_000)}`
    const wordy = asset([channel('flow', { max: 9, limit, unit: long('unit') })], { tag: long('tag') })
    const { engine, transitions } = testEngine([wordy])
    engine.rows(gated([[9.4]]))
    const acknowledged = engine.desk.acknowledge(transitions[0]!.id, {
      actor: 'operator',
      by: long('by'),
      note: long('note'),
    })
    for (const transition of transitions) t.ok(Buffer.byteLength(JSON.stringify(transition)) <= TRANSITION_BYTES_MAX)
    t.match(transitions, [
      { tag: /^tag .*…$/, message: /^flow 9.4 unit .*…$/, value: 9.4 },
      { note: /^note .*…$/, by: /^by .*…$/, acked: true },
    ])
    t.same(engine.standing(), [acknowledged])
    t.equal(acknowledged, transitions[1])
  },
)
