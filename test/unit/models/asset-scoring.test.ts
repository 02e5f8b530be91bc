import t from 'tap'
import { AgentError } from '../../../agent/core/errors.ts'
import { seededPrng } from '../../../agent/core/prng.ts'
import type { FitResult } from '../../../agent/models/contract.ts'
import { SECOND_US } from '../../support/blocks.ts'
import { FROM_S, range, ScoringLife, turn } from '../../support/scoring-life.ts'

const FITTED = { warnings: [], manifest: {}, sufficiency: { enough: true, reason: '' } } as unknown as FitResult

/** Rows go on arriving, a few a turn, until it scores and some more. */
async function flow(life: ScoringLife, seed: number, turns: number): Promise<void> {
  const prng = seededPrng(seed)
  for (let i = 0; i < turns; i++) {
    const count = Math.floor(prng.next() * 4)
    if (count > 0) life.arrive(count)
    await turn()
  }
}

t.test('learn, fit, catch up: every row after the baseline has exactly one window, in order', async t => {
  for (let seed = 1; seed <= 20; seed++) {
    const life = new ScoringLife(20)
    life.arrive(25)
    t.equal(life.scoring.mode, 'fitting')
    await flow(life, seed, 30)
    const [fit] = life.fits
    t.equal(fit?.data.rows, 20, 'the rows of the baseline, not those after it')
    fit?.done(FITTED)
    await flow(life, seed + 100, 60)
    t.equal(life.scoring.mode, 'scoring')
    life.arrive(3)
    t.same(life.scored(), range(20, life.rows - 1), `seed ${seed}`)
  }
})

t.test('a model of another shape that comes in while rows are caught up with: none lost, none twice', async t => {
  for (let seed = 1; seed <= 20; seed++) {
    const life = new ScoringLife(1e6)
    life.arrive(60)
    const { scoring } = life
    const afterUs = (FROM_S + 19) * SECOND_US
    const bind = (samples: number) => life.swap(samples, model => scoring.bind(model, afterUs))
    bind(4)
    await flow(life, seed, seed % 12)
    bind(6)
    await flow(life, seed + 1, seed % 5)
    bind(6)
    await flow(life, seed + 2, seed % 7)
    bind(3)
    await flow(life, seed + 3, 80)
    t.equal(scoring.mode, 'scoring')
    t.same(life.scored(), range(20, life.rows - 1), `seed ${seed}`)
  }
})

t.test('a model of the same shape goes on without a break', async t => {
  const life = new ScoringLife(1e6)
  life.arrive(10)
  life.swap(4, model => life.scoring.bind(model, life.scoring.lastRowUs))
  await flow(life, 1, 10)
  const before = life.rows
  life.swap(4, model => life.scoring.bind(model, life.scoring.lastRowUs))
  t.equal(life.scoring.mode, 'scoring')
  life.arrive(5)
  t.same(life.scored(), range(10, life.rows - 1))
  t.ok(before > 10)
})

t.test(
  'rows held while the history is slow are bounded, what is dropped is counted, no window reaches over it',
  async t => {
    const life = new ScoringLife(1e6)
    life.arrive(10)
    let release = (): void => {}
    const slow = new Promise<void>(resolve => {
      release = resolve
    })
    life.remembers = false
    life.chunk = () => slow
    life.swap(4, model => life.scoring.bind(model, life.scoring.lastRowUs))
    for (let i = 0; i < 45; i++) life.arrive(500)
    const dropped = life.counters.snapshot()['models.p-101.pending_rows_dropped']
    t.equal(dropped, 8 * 256, '22,500 arrived, 80 chunks of 256 are held')
    release()
    for (let i = 0; life.scoring.mode !== 'scoring' && i < 1000; i++) await turn()
    t.equal(life.scoring.mode, 'scoring')
    t.same(life.scored(), range(10 + 8 * 256 + 3, life.rows - 1), 'a full window after what was dropped')
  },
)

t.test(
  'the clock is set back while it learns: the fit finds the rows of before and after, then all are scored',
  async t => {
    for (const stepS of [-86_400, -8]) {
      const life = new ScoringLife(20)
      life.arrive(10)
      life.clockS = stepS
      life.arrive(10)
      await flow(life, 1, 5)
      t.equal(life.fits[0]?.data.rows, 20, `${stepS} s`)
      life.fits[0]?.done(FITTED)
      await flow(life, 2, 30)
      t.equal(life.scoring.mode, 'scoring')
      const scored = new Set(life.scored())
      t.ok(scored.has(life.rows - 1), 'the newest row ends a window')
    }
  },
)

t.test('the clock is set back while rows are held: they are scored all the same', async t => {
  for (const afterUs of [Number.NEGATIVE_INFINITY, (FROM_S + 19) * SECOND_US]) {
    const life = new ScoringLife(1e6)
    life.arrive(40)
    life.swap(4, model => life.scoring.bind(model, afterUs))
    life.arrive(5)
    life.clockS = -3600
    life.arrive(10)
    await flow(life, 1, 30)
    t.equal(life.scoring.mode, 'scoring')
    const stepped = range(45 + 3, life.rows - 1)
    const before = Number.isFinite(afterUs) ? range(20, 44) : range(43, 44)
    t.same(life.scored(), [...before, ...stepped], 'no window reaches over the step')
  }
})

t.test('a history that fails: scoring goes on with the rows that come', async t => {
  const life = new ScoringLife(1e6)
  life.arrive(20)
  life.chunk = async () => {
    await turn()
    throw new Error('EIO')
  }
  life.swap(4, model => life.scoring.bind(model, (FROM_S + 5) * SECOND_US))
  life.arrive(2)
  for (let i = 0; life.scoring.mode !== 'scoring' && i < 100; i++) await turn()
  life.arrive(10)
  t.same(life.scored(), range(22 + 3, life.rows - 1))
})

t.test('a fit that fails: learning goes on half as long again, and says why', async t => {
  const life = new ScoringLife(20)
  life.arrive(20)
  for (let i = 0; life.fits.length < 1 && i < 100; i++) await turn()
  life.fits[0]?.failed(new Error('a channel is constant'))
  await turn()
  t.equal(life.scoring.mode, 'learning')
  t.match(life.scoring.problem, /a channel is constant/)
  life.arrive(9)
  t.equal(life.scoring.mode, 'learning')
  life.arrive(1)
  t.equal(life.scoring.mode, 'fitting')
  for (let i = 0; life.fits.length < 2 && i < 100; i++) await turn()
  t.equal(life.fits[1]?.data.rows, 30)
  life.fits[1]?.done(FITTED)
  for (let i = 0; life.scoring.mode !== 'scoring' && i < 100; i++) await turn()
  t.equal(life.scoring.problem, undefined)
})

t.test(
  'a disk that fails under a fit: tried again a minute later, with no more rows asked for; then nothing is said of it',
  async t => {
    const life = new ScoringLife(20)
    life.arrive(20)
    for (let i = 0; life.fits.length < 1 && i < 100; i++) await turn()
    life.fits[0]?.failed(new AgentError('HISTORY_IO', 'the history cannot be written: no space left'))
    await turn()
    t.match(life.scoring.problem, /no space left/)
    life.arrive(59)
    t.equal(life.scoring.mode, 'learning')
    life.arrive(1)
    t.equal(life.scoring.mode, 'fitting')
    for (let i = 0; life.fits.length < 2 && i < 100; i++) await turn()
    life.fits[1]?.done(FITTED)
    await flow(life, 1, 30)
    t.equal(life.scoring.mode, 'scoring')
    t.equal(life.scoring.problem, undefined)

    const delivered = new ScoringLife(20)
    delivered.arrive(20)
    for (let i = 0; delivered.fits.length < 1 && i < 100; i++) await turn()
    delivered.fits[0]?.failed(new AgentError('MODEL_STORE_IO', 'no space left'))
    await turn()
    delivered.swap(3, model => delivered.scoring.bind(model, delivered.scoring.lastRowUs))
    t.equal(delivered.scoring.problem, undefined, 'a model is at work')
  },
)

t.test('a model that is delivered while one is being fitted wins', async t => {
  const life = new ScoringLife(20)
  life.arrive(20)
  for (let i = 0; life.fits.length < 1 && i < 100; i++) await turn()
  const delivered = life.swap(3, model => life.scoring.bind(model, life.scoring.lastRowUs))
  life.fits[0]?.done(FITTED)
  await flow(life, 1, 10)
  t.equal(life.scoring.model, delivered)
  t.equal(life.queues.length, 1)
})

t.test('learning goes on from the record; a record of another digest is none', async t => {
  const first = new ScoringLife(20)
  first.arrive(15)
  const record = first.scoring.learnRecord
  t.equal(record?.rows, 15)
  t.equal(new ScoringLife(20, record).scoring.progress().rows, 15)
  t.equal(new ScoringLife(20, { ...record!, digest: 'other' }).scoring.progress().rows, 0)
})

t.test(
  'a model that was refused at start is named until another is at work; one that the config names, until the next start',
  async t => {
    const life = new ScoringLife(20)
    life.scoring.refused('model ab.onnx is damaged')
    t.match(life.scoring.problem, /ab\.onnx/)
    life.swap(4, model => life.scoring.bind(model, life.scoring.lastRowUs))
    t.equal(life.scoring.problem, undefined)

    const named = new ScoringLife(20)
    named.asset.model.file = 'x.onnx'
    named.scoring.refused('model file x.onnx refused: it is no model')
    named.swap(4, model => named.scoring.bind(model, named.scoring.lastRowUs))
    t.match(named.scoring.problem, /x\.onnx/)
  },
)

t.test(
  'rows that arrive while the model of before is loaded are scored once it is, or learnt from when it is refused',
  async t => {
    const loaded = new ScoringLife(20)
    loaded.scoring.expect()
    loaded.arrive(25)
    t.equal(loaded.fits.length, 0, 'nothing is learnt meanwhile')
    loaded.swap(4, model => loaded.scoring.bind(model, Number.NEGATIVE_INFINITY))
    await flow(loaded, 1, 10)
    t.equal(loaded.scoring.mode, 'scoring')
    t.same(loaded.scored(), range(3, loaded.rows - 1))

    const refused = new ScoringLife(20)
    refused.scoring.expect()
    refused.arrive(15)
    refused.scoring.refused('its model cannot be used')
    t.equal(refused.scoring.progress().rows, 15)
  },
)
