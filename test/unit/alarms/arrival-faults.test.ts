// Silent sensors, clocks that are wrong, links that are down or bring garbage: told by the clock, for no row comes of them.
import t from 'tap'
import type { AlarmTransition } from '../../../agent/alarms/contract.ts'
import { restore } from '../../../agent/alarms/state.ts'
import type { ChannelConfig, SourceConfig } from '../../../agent/config/contract.ts'
import { gated, testEngine } from '../../support/alarm-parts.ts'
import { asset, channel } from '../../support/assets.ts'
import { Bench, MIN_MS, SENSOR } from '../../support/sensor-parts.ts'

const MINUTE_S = 60
const watched = (id: string, extra: Partial<ChannelConfig> = {}): ChannelConfig =>
  channel(id, { sensor: { ...SENSOR, silentMs: 5 * MIN_MS, clockMs: 5 * MIN_MS }, ...extra })
const onChange = (id: string): ChannelConfig =>
  watched(id, { reports: 'on-change', maxAgeMs: 15 * MIN_MS, sensor: { ...SENSOR, silentMs: 15 * MIN_MS } })
const pump = asset([watched('flow'), watched('current'), onChange('motor')])
const told = (transitions: readonly AlarmTransition[]): string[] =>
  transitions.map(({ transition, asset, rule }) => `${asset} ${rule} ${transition}`)

function bench(config = pump) {
  const made = testEngine([config])
  return { ...made, bench: new Bench(made.engine, config) }
}

t.test('silent: told once it lasts, cleared when values come for a while', async t => {
  const { bench: at, transitions, engine } = bench()
  at.run(60, [0, 1, 2])
  at.run(5 * MINUTE_S - 1, [1])
  t.same(transitions, [])
  at.run(11, [1])
  t.match(transitions, [
    {
      rule: 'flow.silent',
      kind: 'sensor',
      priority: 4,
      message: 'flow: silent, no value comes for 5 min; no alarm of the machine rests on it',
      evidence: [{ channel: 'flow', feature: 'sensor fault: silent', baseline: 300, unit: 's' }],
    },
  ])
  t.notOk(engine.inAlarm(0))
  at.run(30, [0, 1])
  t.equal(transitions.length, 1)
  at.run(31, [0, 1])
  t.match(transitions[1], { transition: 'cleared', message: /^flow: values come again after/ })
})

t.test('a publisher on change is not silent before its heartbeat', async t => {
  const { bench: at, transitions } = bench()
  at.run(60, [0, 1, 2])
  at.run(15 * MINUTE_S - 1, [0, 1])
  t.same(transitions, [])
  at.run(12, [0, 1])
  t.same(told(transitions), ['p-101 motor.silent raised'])
})

t.test('all of an asset at once is one alarm, of the asset; quiet publishers on change are among them', async t => {
  const { bench: at, transitions } = bench()
  at.run(60, [0, 1, 2])
  at.run(20 * MINUTE_S, [])
  t.same(told(transitions), ['p-101 silent raised'])
  t.match(transitions[0], {
    message: 'nothing comes of any of its 3 channels for 5 min; no alarm of the machine rests on it',
  })
  at.run(2 * MINUTE_S, [0, 1, 2])
  t.same(told(transitions), ['p-101 silent raised', 'p-101 silent cleared'])
})

t.test('of a machine that stands still nothing is expected, and after a start all have their time', async t => {
  const { bench: at, transitions } = bench()
  at.run(60, [0, 1, 2])
  at.state = 'stopped'
  at.run(60 * MINUTE_S, [1])
  t.same(transitions, [])
  at.state = 'settling'
  at.run(4 * MINUTE_S, [1])
  t.same(transitions, [])
  at.run(2 * MINUTE_S, [1])
  t.same(told(transitions), ['p-101 flow.silent raised'])
  at.state = 'stopped'
  at.run(10 * MINUTE_S, [1])
  t.equal(transitions.length, 1, 'stopping holds it')
})

t.test('nothing ever came: told as well, whatever the machine does', async t => {
  const { bench: at, transitions } = bench()
  at.state = 'stopped'
  at.run(5 * MINUTE_S + 12, [])
  t.same(told(transitions), ['p-101 silent raised'])
})

t.test('a link that is down silences no sensor, and after it is up all have their time', async t => {
  const { bench: at, transitions } = bench()
  at.run(60, [0, 1, 2])
  at.link('plant', { up: false, sinceMs: at.nowMs })
  at.run(60 * MINUTE_S, [])
  t.same(transitions, [])
  at.link('plant', { up: true, sinceMs: at.nowMs })
  at.run(4 * MINUTE_S, [1])
  t.same(transitions, [])
  at.run(2 * MINUTE_S, [1])
  t.same(told(transitions), ['p-101 flow.silent raised'])
})

t.test('what comes at once after a silence counts before the clock looks again', async t => {
  const config = asset([watched('flow', { max: 90 }), watched('current')])
  const { bench: at, transitions, engine } = bench(config)
  at.run(60, [0, 1])
  at.run(4 * MINUTE_S, [1])
  engine.rows(gated([[95, 10]], { fromS: 301 }))
  t.same(transitions, [], 'a value that was held for too long')
  const values = Float64Array.of(95, Number.NaN)
  const block = { asset: 0, rows: 1, columns: 2, timesUs: Float64Array.of(at.nowUs), values }
  at.arrivals.samples(block, at.nowUs, at.nowMs + 10)
  engine.rows(gated([[95, 10]], { fromS: 302 }))
  t.same(told(transitions), ['p-101 flow.max raised'])
})

t.test('a step of the wall clock, years either way, silences nobody', async t => {
  const { bench: at, transitions, engine } = bench()
  at.run(60, [0, 1, 2])
  for (const years of [10, -50]) {
    const nowUs = at.nowUs + years * 365 * 86_400e6
    engine.looked({
      nowUs,
      nowMs: at.nowMs + 1,
      clock: 'uncertain',
      assets: [{ arrivals: at.arrivals, state: 'running' }],
      sources: at.sources,
    })
  }
  at.run(60, [0, 1, 2])
  t.same(transitions, [])
})

t.test('a restart keeps a silent sensor silent: what has not come yet is no sign of health', async t => {
  const first = bench()
  first.bench.run(10, [0, 1])
  first.bench.run(6 * MINUTE_S, [1])
  const [raised] = first.transitions
  t.equal(raised?.rule, 'flow.silent')
  const again = testEngine([pump], {
    state: restore({ alertSeq: 1, standing: [raised!] }),
  })
  const at = new Bench(again.engine, pump)
  at.run(30 * MINUTE_S, [1, 2])
  t.same(again.transitions, [], 'neither cleared nor raised anew')
  at.run(62, [0, 1, 2])
  t.same(told(again.transitions), ['p-101 flow.silent cleared'])
})

t.test('clock: ahead of the gateway, or behind it while time goes by as usual', async t => {
  for (const [what, options, raised] of [
    ['right', { aheadUs: 2e6 }, []],
    ['ahead', { aheadUs: 600e6 }, ['p-101 clock raised']],
    ['since boot', { aheadUs: -50 * 365 * 86_400e6 }, ['p-101 clock raised']],
    ['an hour behind', { aheadUs: -3600e6 }, ['p-101 clock raised']],
    ['drifting', { aheadUs: 0, pace: 2 }, ['p-101 clock raised']],
    ['a backlog of a day, ten times as fast', { aheadUs: -86_400e6, pace: 10 }, []],
  ] as const) {
    const { bench: at, transitions } = bench()
    at.run(20 * MINUTE_S, [0, 1, 2], options)
    t.same(told(transitions), raised, what)
  }
})

t.test('clock: of one device among several its own; never while the gateway is not sure of its own time', async t => {
  const scattered = bench()
  for (let minute = 0; minute < 12; minute++) {
    for (let s = 0; s < 60; s++) {
      scattered.bench.run(1, [1, 2])
      scattered.bench.arrivals.samples(
        {
          asset: 0,
          rows: 1,
          columns: 3,
          timesUs: Float64Array.of(scattered.bench.nowUs + 7200e6),
          values: Float64Array.of(1, Number.NaN, Number.NaN),
        },
        scattered.bench.nowUs,
        scattered.bench.nowMs,
      )
    }
  }
  t.match(scattered.transitions, [
    {
      rule: 'flow.clock',
      message: "flow: times are 2 h ahead of the gateway's clock; look at the clock of the device",
    },
  ])
  t.equal(scattered.transitions.length, 1)
  const unsure = bench()
  unsure.bench.clock = 'uncertain'
  unsure.bench.run(20 * MINUTE_S, [0, 1, 2], { aheadUs: 7200e6 })
  t.same(unsure.transitions, [])
})

t.test('links: down, and frames that cannot be read, are alarms of the gateway', async t => {
  const source = (id: string, watch: object): SourceConfig =>
    ({
      kind: 'serial',
      id,
      path: '/d',
      baud: 9600,
      parity: 'none',
      dataBits: 8,
      stopBits: 1,
      frame: 'csv',
      counter: 'u16',
      frameBytesMax: 100,
      delimiter: ',',
      watch,
    }) satisfies SourceConfig
  const sources = [source('plant', { downMs: 5 * MIN_MS, errorsPerMin: 60 }), source('other', {})]
  const quiet = asset([channel('flow')])
  const made = testEngine([quiet], { links: sources })
  const at = new Bench(made.engine, quiet)
  let errors = 0
  const minutes = (count: number, perMin: number): void => {
    for (let i = 0; i < count; i++) {
      errors += perMin
      at.link('plant', { errors })
      at.link('other', { errors: 1000 * errors })
      at.run(60, [0])
    }
  }
  minutes(5, 59)
  t.same(made.transitions, [])
  minutes(4, 120)
  t.match(made.transitions, [
    {
      asset: '_gateway',
      rule: 'plant.frame-errors',
      kind: 'sensor',
      message: 'plant: 120 frames a minute cannot be read, more than 60',
    },
  ])
  minutes(8, 0)
  t.same(told(made.transitions).slice(1), ['_gateway plant.frame-errors cleared'])
  at.link('plant', { up: false, sinceMs: at.nowMs, detail: '/dev/ttyUSB0 went away; is it plugged in?' })
  at.run(5 * MINUTE_S - 1, [])
  t.equal(made.transitions.length, 2)
  at.run(2, [])
  t.match(made.transitions[2], {
    asset: '_gateway',
    rule: 'plant.down',
    message: 'plant: no link for 5 min: /dev/ttyUSB0 went away; is it plugged in?',
  })
  at.link('plant', { up: true, sinceMs: at.nowMs })
  at.run(6 * MINUTE_S, [])
  t.match(told(made.transitions).slice(3), ['_gateway plant.down cleared'])
})
