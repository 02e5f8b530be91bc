// Baselines too short to be fitted.
import t from 'tap'
import { rowsNeeded } from '../../../agent/config/baseline-rows.ts'
import { fitModel } from '../../../agent/models/fit/fit.ts'
import { lines, load, withAsset, withParts } from '../../support/config-io.ts'
import { asset, FLOW, type Rule } from '../../support/config-rules.ts'
import { fitOptions, machine } from '../../support/model-data.ts'

const SIMULATED = 's: {simulator: {rate: 2Hz}}'
const LONGER =
  'to fit a model with order 5 and mean 10, so it will be a smaller one or take longer; expected at least 155'

t.test('so many rows are fitted and one less is not, whatever asks for most', async t => {
  for (const [channels, order, mean] of [
    [1, 5, 10],
    [3, 2, 4],
    [2, 1, 1],
    [20, 5, 10],
    [2, 40, 1],
    [2, 1, 40],
  ] as const) {
    const options = { ...fitOptions, family: 'var' as const, order, mean }
    const needed = rowsNeeded({ channels, order, mean })
    const what = `${channels} channels, order ${order}, mean ${mean}: ${needed} rows`
    t.equal(fitModel(machine(needed, channels, 7), options).manifest.fitted?.rows, needed, what)
    t.throws(() => fitModel(machine(needed - 1, channels, 7), options), { code: 'FIT_INSUFFICIENT' }, what)
  }
})

const SHORT: Rule[] = [
  [
    'a minute at 1 Hz',
    asset(`${FLOW}\nevery: 1s\nlearn: {running: 60s}`),
    [
      `assets.p-101.learn.running: 1min at a row every 1s are 61 rows, too few ${LONGER} rows | write running: 155s or longer`,
    ],
  ],
  [
    'a day of a row every 20 min',
    asset(`channels: {flow: {unit: m3/h, every: 20min}}`),
    [
      `assets.p-101.learn.running: 1d at a row every 20min are 73 rows, too few ${LONGER} rows | write running: 3100min or longer`,
    ],
  ],
  [
    "the simulator's rate",
    withAsset('source: s\nchannels: {flow: {unit: m3/h}}\nlearn: {running: 1min}', SIMULATED),
    [
      `assets.p-101.learn.running: 1min at a row every 500ms are 121 rows, too few ${LONGER} rows | write running: 78s or longer`,
    ],
  ],
  [
    'the grid of scattered channels',
    asset('channels: {flow: {unit: m3/h}, speed: {unit: 1/min}}\nlearn: {running: 1min}'),
    [
      `assets.p-101.learn.running: 1min at a row every 1s are 61 rows, too few ${LONGER} rows | write running: 155s or longer`,
    ],
  ],
  [
    'rows, however often they come',
    asset(`${FLOW}\nlearn: {rows: 154}`),
    [
      `assets.p-101.learn.rows: 154 rows are too few to fit a model with order 5 and mean 10, so it will be a smaller one or take more; expected at least 155 | write rows: 155 or more`,
    ],
  ],
  [
    'a higher order',
    asset(`${FLOW}\nlearn: {rows: 155}\nmodel: {order: 20}`),
    [
      'assets.p-101.learn.rows: 155 rows are too few to fit a model with order 20 and mean 10, so it will be a smaller one or take more; expected at least 320 | write rows: 320 or more',
    ],
  ],
  [
    'of a type',
    withParts(`types: {pump: {learn: {rows: 60}, ${FLOW}}}
assets: {p-101: {type: pump, source: plant, topic: a}}`),
    [
      `types.pump.learn.rows: 60 rows are too few to fit a model with order 5 and mean 10, so it will be a smaller one or take more; expected at least 155 | write rows: 155 or more`,
    ],
  ],
]
t.test('warned of: baselines that no fit takes', async t => {
  for (const [name, yaml, expected] of SHORT) t.same(lines(load(yaml).warnings), expected, name)
})

t.test('the warning has its line', async t => {
  const [issue] = load(asset(`${FLOW}\nevery: 1s\nlearn:\n  running: 1min`)).warnings
  t.equal(
    issue?.line,
    asset(`${FLOW}\nevery: 1s\nlearn:\n  running: 1min`)
      .split('\n')
      .findIndex(line => /running:/.test(line)) + 1,
  )
})

t.test('long enough, unknown, or nothing to learn', async t => {
  const baselines = (yaml: string) => load(yaml).baselines
  t.same(baselines(asset(`${FLOW}\nevery: 1s\nlearn: {running: 154s}`)), [
    { asset: 'p-101', rowsNeeded: 155, rows: 155 },
  ])
  t.same(baselines(asset(`${FLOW}\nlearn: {rows: 155}`)), [{ asset: 'p-101', rowsNeeded: 155, rows: 155 }])
  t.same(
    baselines(asset(`${FLOW}\nlearn: {running: 60s}`)),
    [{ asset: 'p-101', rowsNeeded: 155, rows: undefined }],
    'one message with all channels, and nothing says how often it comes',
  )
  t.same(baselines(asset(`${FLOW}\nlearn: {rows: 60}\nmodel: {file: m.onnx}`)), [], 'a model is there already')
  t.same(
    baselines(
      withAsset(
        'source: daq\nlearn: {rows: 60}\nchannels: {de-h: {unit: g, waveform: int16, rate: 100}}',
        'daq: {serial: {path: /dev/ttyUSB0, baud: 921600, frame: cobs-crc16}}',
      ),
    ),
    [],
    'waveforms alone are not learnt from yet',
  )
  t.same(lines(load(asset(`${FLOW}\nevery: 1s`)).warnings), [])
})
