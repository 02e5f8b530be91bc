// What becomes of a baseline that is not enough, one that takes too long, one that a person wants anew, and one carried forward.
import t from 'tap'
import type { FitResult, Manifest } from '../../../agent/models/contract.ts'
import { SECOND_US } from '../../support/blocks.ts'
import { FROM_S, ScoringLife, turn } from '../../support/scoring-life.ts'

const atUs = (second: number): number => (FROM_S + second) * SECOND_US

function fitted(rows: number, more: Partial<Manifest> = {}, insufficient?: string): FitResult {
  const reference = { fromUs: atUs(0), toUs: atUs(rows - 1), rows, centre: [rows / 2, -rows / 2], deviation: [1, 1] }
  const channels = [
    { id: 'c0', unit: '1' },
    { id: 'c1', unit: '1' },
  ]
  const manifest = {
    channels,
    fitted: { rows, fromUs: atUs(0), toUs: atUs(rows - 1), source: 'test' },
    reference,
    keeps: 'baseline',
    ...more,
  }
  const sufficiency = { enough: insufficient === undefined, reason: insufficient ?? '' }
  return { warnings: insufficient ? [insufficient] : [], manifest, sufficiency } as unknown as FitResult
}

async function fitsAre(life: ScoringLife, count: number): Promise<void> {
  for (let i = 0; life.fits.length < count && i < 200; i++) await turn()
  if (life.fits.length !== count) throw new Error(`${life.fits.length} fits instead of ${count}`)
}

async function settled(life: ScoringLife): Promise<void> {
  for (let i = 0; i < 300; i++) await turn()
  if (life.scoring.mode === 'fitting') throw new Error('still fitting')
}

t.test('not enough: learns on to half as many rows again, says what is wanting, over a restart too', async t => {
  const life = new ScoringLife(20)
  life.arrive(20)
  await fitsAre(life, 1)
  life.fits[0]!.done(fitted(20, {}, '12 % of the second half exceed'))
  await settled(life)
  t.equal(life.scoring.mode, 'learning')
  t.equal(life.scoring.problem, undefined, 'that is no fault')
  t.match(life.scoring.progress(), { share: 20 / 30, insufficient: '12 % of the second half exceed', missing: [] })
  const record = { ...life.scoring.learnRecord! }
  t.match(record, { rows: 20, retryRows: 30 })

  const again = new ScoringLife(20, record)
  again.arrive(9)
  t.equal(again.scoring.mode, 'learning', 'not tried before')
  again.arrive(1)
  t.equal(again.scoring.mode, 'fitting')

  life.arrive(10)
  await fitsAre(life, 2)
  t.equal(life.fits[1]!.data.rows, 30)
  life.fits[1]!.done(fitted(30))
  await settled(life)
  t.equal(life.scoring.mode, 'scoring')
  t.same(life.installs, ['baseline'])
  t.equal(life.scoring.learnRecord, undefined)
})

t.test('too long: a provisional model scores, learning goes on, the full one takes its place', async t => {
  const life = new ScoringLife(100, undefined, { provisionalAfterMs: 30_000 })
  life.arrive(30)
  t.equal(life.fits.length, 0)
  life.arrive(1)
  await fitsAre(life, 1)
  const { extra, data } = life.fits[0]!
  t.equal(data.rows, 31)
  t.same(extra, { provisional: { widened: 1.5, missing: '100 rows' } })
  life.fits[0]!.done(fitted(31, { provisional: extra.provisional! }))
  await settled(life)
  t.equal(life.scoring.mode, 'scoring')
  t.equal(life.scoring.learns, true)
  const record = { ...life.scoring.learnRecord! }
  t.match(record, { rows: 31 })
  life.arrive(15)
  t.equal(life.fits.length, 1)
  life.arrive(1)
  await fitsAre(life, 2)
  t.match(life.fits[1]!.extra.provisional, { widened: 1.5 }, 'half as many rows more: a better one, provisional still')
  life.fits[1]!.done(fitted(47, { provisional: life.fits[1]!.extra.provisional! }))
  await settled(life)
  life.inAlarm = true
  life.alarms = [{ fromUs: atUs(60) }]
  life.arrive(13)
  t.equal(life.scoring.progress().rows, 47, 'what the provisional model alarms on is not learnt')
  life.inAlarm = false
  life.alarms = [{ fromUs: atUs(60), toUs: atUs(59) }]
  life.arrive(53)
  await fitsAre(life, 4 - 1)
  t.same(life.installs, ['provisional', 'provisional'])
  life.fits.at(-1)!.done(fitted(71, { provisional: extra.provisional! }))
  await settled(life)
  life.arrive(50)
  await fitsAre(life, 4)
  t.same(life.fits[3]!.extra, {}, 'complete')
  life.fits[3]!.done(fitted(100))
  await settled(life)
  t.same(life.installs, ['provisional', 'provisional', 'provisional', 'baseline'])
  t.equal(life.scoring.learns, false)
})

t.test('complete but not enough when it is overdue: provisional, with the reason', async t => {
  const life = new ScoringLife(20, undefined, { provisionalAfterMs: 15_000 })
  life.arrive(1)
  life.arrive(19)
  await fitsAre(life, 1)
  const first = life.fits[0]!.extra.provisional
  life.fits[0]!.done(first ? fitted(20, { provisional: first }) : fitted(20, {}, 'it drifts'))
  await fitsAre(life, 2)
  t.match(life.fits[1]!.extra, { provisional: { widened: 1.5, missing: 'it drifts' } })
  life.fits[1]!.done(fitted(20, { provisional: { widened: 1.5, missing: 'it drifts' } }))
  await settled(life)
  t.equal(life.scoring.mode, 'scoring')
  t.equal(life.scoring.learns, true)
})

t.test('sufficiency: warn takes it all the same', async t => {
  const life = new ScoringLife(20, undefined, { sufficiency: 'warn' })
  life.arrive(20)
  await fitsAre(life, 1)
  life.fits[0]!.done(fitted(20, {}, 'it drifts'))
  await settled(life)
  t.equal(life.scoring.mode, 'scoring')
})

t.test(
  'a new baseline: the old model scores until the new one takes over; what is stored counts with --since',
  async t => {
    for (const sinceS of [undefined, 10]) {
      const life = new ScoringLife(20)
      life.arrive(20)
      await fitsAre(life, 1)
      life.fits[0]!.done(fitted(20))
      await settled(life)
      life.arrive(5)
      const record = await life.scoring.setBaseline(0, sinceS === undefined ? undefined : atUs(sinceS))
      const there = sinceS === undefined ? 0 : 15
      t.match(record, { anew: true, rows: there })
      t.equal(life.scoring.mode, 'scoring')
      t.match(life.scoring.progress(), { anew: true, rows: there })
      const restarted = new ScoringLife(20, record)
      restarted.swap(4, model => restarted.scoring.bind({ ...model, origin: 'local' }, 0))
      t.equal(restarted.scoring.learns, true, 'known over a restart')

      life.arrive(20 - there)
      await fitsAre(life, 2)
      t.equal(life.fits[1]!.data.rows, 20)
      t.same(life.fits[1]!.extra, {}, 'its own reference')
      life.fits[1]!.done(fitted(20))
      await settled(life)
      t.same(life.installs, ['baseline', 'baseline'])
      t.equal(life.scoring.learns, false)
    }
  },
)

t.test('a new baseline given up while it is fitted comes to nothing', async t => {
  const life = new ScoringLife(20)
  life.arrive(20)
  await fitsAre(life, 1)
  life.fits[0]!.done(fitted(20))
  await settled(life)
  await life.scoring.setBaseline(0, atUs(0))
  life.arrive(1)
  await fitsAre(life, 2)
  t.equal(life.scoring.giveUpAnew(), true)
  life.fits[1]!.done(fitted(20))
  await settled(life)
  t.same(life.installs, ['baseline'])
  t.equal(life.scoring.learns, false)
  t.equal(life.scoring.giveUpAnew(), false)
})

/** Rows arrive and are scored one by one. */
function score(life: ScoringLife, rows: number, value = 0.5): void {
  for (let i = 0; i < rows; i++) {
    life.arrive(1)
    life.scoring.scored(atUs(life.rows - 1), value, life.inAlarm)
  }
}

async function learnt(life: ScoringLife): Promise<void> {
  life.arrive(200)
  await fitsAre(life, 1)
  const reference = { fromUs: atUs(0), toUs: atUs(199), rows: 200, centre: [100, -100], deviation: [200, 200] }
  life.fits[0]!.done(fitted(200, { reference }))
  await settled(life)
}

t.test('carried forward: as much as the first baseline held, the reference kept', async t => {
  const life = new ScoringLife(200, undefined, { rebaseline: 'daily' })
  await learnt(life)
  score(life, 199)
  t.equal(life.fits.length, 1)
  score(life, 1)
  await fitsAre(life, 2)
  const { data, extra } = life.fits[1]!
  t.equal(data.rows, 200)
  t.equal(data.values[0], 200, 'the newest rows are among them while no alarm is on its way')
  t.match(extra, { reference: { rows: 200, fromUs: atUs(0) } })
  life.fits[1]!.done(fitted(200, { reference: extra.reference! }))
  await settled(life)
  t.same(life.installs, ['baseline', 'rebaseline'])
  t.match(life.scoring.lastRebaselining, { outcome: 'taken', reason: /standard deviations above/ })
  const record = life.scoring.rebaselineRecord!
  t.equal(record.rebaseline.rows, 0)
  t.same(JSON.parse(JSON.stringify(record)), record)
})

t.test('not carried forward: too far from the first baseline, in alarm, or off', async t => {
  const far = new ScoringLife(200, undefined, { rebaseline: 'daily' })
  far.arrive(200)
  await fitsAre(far, 1)
  far.fits[0]!.done(fitted(200))
  await settled(far)
  score(far, 200)
  await settled(far)
  t.equal(far.fits.length, 1)
  t.match(far.scoring.lastRebaselining, { outcome: 'refused', reason: /further than 5; set a new baseline/ })

  const alarmed = new ScoringLife(200, undefined, { rebaseline: 'daily' })
  await learnt(alarmed)
  score(alarmed, 100)
  alarmed.inAlarm = true
  score(alarmed, 100, 2)
  await settled(alarmed)
  t.match(alarmed.scoring.lastRebaselining, { outcome: 'postponed', reason: /alarm stands/ })

  const off = new ScoringLife(200, undefined, { rebaseline: 'off' })
  await learnt(off)
  score(off, 300)
  t.equal(off.scoring.lastRebaselining, undefined)
})

t.test('a longer period as configured; the model of before back, and nothing learnt since counts', async t => {
  const life = new ScoringLife(200, undefined, { rebaseline: 300_000 })
  await learnt(life)
  const before = life.scoring.model!
  score(life, 299)
  t.equal(life.fits.length, 1)
  score(life, 1)
  await fitsAre(life, 2)
  life.fits[1]!.done(fitted(200, { reference: life.fits[1]!.extra.reference! }))
  await settled(life)
  t.not(life.scoring.model, before)
  life.scoring.reverted(before)
  t.equal(life.scoring.model, before)
  t.same(life.scoring.rebaselineRecord?.rebaseline, {
    stretches: [{ from: atUs(0), to: atUs(199), rows: 200 }],
    rows: 0,
    fresh: 0,
    exceeding: 0,
  })
})
