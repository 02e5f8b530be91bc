import t from 'tap'
import type { SimulatorSourceConfig } from '../../../agent/config/contract.ts'
import { PUMP_CHANNELS, PumpModel } from '../../../agent/sources/pump-model.ts'
import { createSource } from '../../../agent/sources/registry.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { testAsset } from '../../support/source-assets.ts'
import { testDeps } from '../../support/source-deps.ts'

const SEED = 7
const CONFIG: SimulatorSourceConfig = {
  kind: 'simulator',
  id: 'line',
  seed: SEED,
  rateHz: 10,
  fault: 'none',
  faultAfterMs: 0,
}
const at = (name: (typeof PUMP_CHANNELS)[number]): number => PUMP_CHANNELS.indexOf(name)

/** Mean of each channel over running, settled seconds [fromS, toS). */
function means(model: PumpModel, fromS: number, toS: number): number[] {
  const sums = new Array<number>(PUMP_CHANNELS.length).fill(0)
  let rows = 0
  let settledS = 0
  for (let s = 1; s < toS; s++) {
    model.step(1)
    settledS = model.running ? settledS + 1 : 0
    if (s < fromS || settledS < 120) continue
    rows++
    model.values.forEach((value, i) => {
      sums[i]! += value
    })
  }
  return sums.map(sum => sum / rows)
}

t.test('a seed replays its pump; another seed is another pump', async t => {
  const run = (seed: number): number[] => {
    const model = new PumpModel(seed, { fault: 'none', faultAfterS: 0 })
    for (let i = 0; i < 500; i++) model.step(0.1)
    return [...model.values]
  }
  t.same(run(SEED), run(SEED))
  t.not(run(SEED)[0], run(SEED + 1)[0])
})

t.test('the first hour has several starts, and what stands still reads zero', async t => {
  const model = new PumpModel(SEED, { fault: 'none', faultAfterS: 0 })
  let stopped: number[] | undefined
  let stoppedS = 0
  for (let s = 0; s < 3600; s++) {
    model.step(1)
    stoppedS = model.running ? 0 : stoppedS + 1
    if (stoppedS === 30) stopped = [...model.values]
  }
  t.ok(model.starts >= 3 && model.starts <= 6, `${model.starts} starts`)
  t.match(stopped, { [at('flow')]: 0, [at('current')]: 0, [at('speed')]: 0 })
})

t.test('running values lie where such a pump runs, and obey the affinity laws among themselves', async t => {
  const mean = means(new PumpModel(SEED, { fault: 'none', faultAfterS: 0 }), 0, 7200)
  for (const [name, low, high] of [
    ['flow', 85, 105],
    ['suction', 0.2, 0.45],
    ['discharge', 2.8, 3.5],
    ['current', 24, 32],
    ['speed', 1350, 1450],
    ['motor-temp', 35, 80],
    ['bearing-temp', 30, 60],
    ['vibration', 1.2, 2.2],
  ] as const) {
    t.ok(mean[at(name)]! > low && mean[at(name)]! < high, `${name} ${mean[at(name)]?.toFixed(2)} in ${low}–${high}`)
  }
})

t.test('a clogged strainer takes flow, suction and current, while the speed holds', async t => {
  const healthy = means(new PumpModel(SEED, { fault: 'none', faultAfterS: 0 }), 3600, 9000)
  const clogged = means(new PumpModel(SEED, { fault: 'clogged-strainer', faultAfterS: 0 }), 3600, 9000)
  const ratio = (name: (typeof PUMP_CHANNELS)[number]): number => clogged[at(name)]! / healthy[at(name)]!
  t.ok(ratio('flow') > 0.78 && ratio('flow') < 0.88, `flow ${ratio('flow').toFixed(3)}`)
  t.ok(ratio('current') > 0.85 && ratio('current') < 0.97, `current ${ratio('current').toFixed(3)}`)
  t.ok(clogged[at('suction')]! < healthy[at('suction')]! - 0.5, 'suction falls by more than half a bar')
  t.ok(Math.abs(ratio('speed') - 1) < 0.01, `speed ${ratio('speed').toFixed(4)}`)
})

t.test('worn bearings get hot and shake; a worn impeller lifts less', async t => {
  const healthy = means(new PumpModel(SEED, { fault: 'none', faultAfterS: 0 }), 3600, 9000)
  const bearing = means(new PumpModel(SEED, { fault: 'bearing-wear', faultAfterS: 0 }), 3600, 9000)
  const impeller = means(new PumpModel(SEED, { fault: 'impeller-wear', faultAfterS: 0 }), 3600, 9000)
  t.ok(bearing[at('bearing-temp')]! > healthy[at('bearing-temp')]! + 15)
  t.ok(bearing[at('vibration')]! > 2 * healthy[at('vibration')]!)
  t.ok(impeller[at('discharge')]! < healthy[at('discharge')]! - 0.2)
  t.ok(impeller[at('flow')]! < 0.95 * healthy[at('flow')]!)
})

t.test('rows come at fixed steps of the clock, several a tick when it runs fast, scaled as configured', async t => {
  const clock = manualClock()
  const startUs = clock.nowUs()
  const asset = testAsset(0, [
    { id: 'speed', scale: 2 },
    { id: 'q', binding: { column: 'flow' } },
  ])
  const deps = { ...testDeps([asset], clock), simulatorTickMs: 2000 }
  const source = await createSource(CONFIG, deps)
  source.start()
  clock.advance(6000)
  t.equal(deps.sink.blocks, 3)
  t.same(
    deps.sink.rows.map(row => row.timeUs - startUs),
    Array.from({ length: 60 }, (_, i) => (i + 1) * 100_000),
  )
  const { values } = deps.sink.rows[59]!
  t.ok(values[0]! > 2 * 1200 && values[1]! > 50, `speed x 2 = ${values[0]}, flow ${values[1]}`)
  t.match(source.status(), { state: 'up', detail: /1 simulated pumps at 10 Hz, seed 7/ })
  await source.stop()
  t.equal(clock.pending, 0)
})

t.test('after a long sleep of the machine it catches up a bounded number of rows and counts the rest', async t => {
  const clock = manualClock()
  const deps = { ...testDeps([testAsset(0, [{ id: 'flow' }])], clock), simulatorTickMs: 1_000_000 }
  const source = await createSource(CONFIG, deps)
  source.start()
  clock.advance(1_000_000)
  t.equal(deps.sink.rows.length, 4096)
  t.equal(deps.counters.get('sources.line.skipped_rows').n, 10_000 - 4096)
  t.equal(deps.sink.rows.at(-1)?.timeUs, clock.nowUs())
  await source.stop()
})

t.test('a channel that no pump has is refused with those it has', async t => {
  const deps = testDeps([testAsset(0, [{ id: 'colour' }])])
  await t.rejects(createSource(CONFIG, deps), {
    code: 'CONFIG_INVALID',
    message: /has no "colour"; it has flow, suction/,
  })
})
