// Which axes of a capture with sensor faults are looked at, and which show the least there is.
import t from 'tap'
import { Doubts, doubtOf, type JudgedAxis, NO_DOUBT, rmsOf } from '../../../agent/models/live/capture-doubt.ts'

const channels = ['x', 'y', 'speed'].map(id => ({ id, unit: id === 'speed' ? '1/min' : 'g' }))
const reference = { fromUs: 0, toUs: 1, rows: 20, centre: [0, 0, 1490], deviation: [0.1, 0.2, 3] }
const bands = { family: 'bands', channels, reference }

const well: JudgedAxis = { findings: [], rms: 0.1 }
const dead: JudgedAxis = { findings: [{ fault: 'dead' }], rms: undefined }
const clips = (rms: number): JudgedAxis => ({ findings: [{ fault: 'clipping' }], rms })
const given = (axes: Record<string, JudgedAxis>) => (id: string) => axes[id]

t.test('the axes that are well are looked at, as long as there is one', async t => {
  t.equal(doubtOf(bands, given({ x: well, y: well })), NO_DOUBT)
  t.same(doubtOf(bands, given({ x: dead, y: well })), { unwatched: ['x'], clipped: [] })
  t.equal(doubtOf(bands, given({ x: dead, y: dead })), undefined, 'the speed is no axis')
  t.equal(doubtOf({ ...bands, family: 'pytorch' }, given({ x: dead, y: well })), undefined)
})

t.test('an axis that clips counts where it is louder than its own baseline, and has nothing else', async t => {
  t.same(doubtOf(bands, given({ x: clips(0.13), y: well })), { unwatched: [], clipped: ['x'] })
  t.same(doubtOf(bands, given({ x: well, y: clips(0.13) })), { unwatched: ['y'], clipped: [] }, 'its range has shrunk')
  t.same(doubtOf(bands, given({ x: clips(0.13), y: dead })), { unwatched: ['y'], clipped: ['x'] })
  t.equal(doubtOf(bands, given({ x: clips(0.09), y: dead })), undefined)
  const bias = { findings: [{ fault: 'clipping' }, { fault: 'bias' }], rms: 3 }
  t.same(doubtOf(bands, given({ x: bias, y: well })), { unwatched: ['x'], clipped: [] })
  const { reference: _, ...unknown } = bands
  t.same(
    doubtOf(unknown, given({ x: clips(0.01), y: well })),
    { unwatched: [], clipped: ['x'] },
    'no baseline is known',
  )
})

t.test('what is in doubt waits for its score, not for ever', async t => {
  const doubts = new Doubts()
  const doubt = { unwatched: ['x'], clipped: [] }
  doubts.add(1, NO_DOUBT)
  t.equal(doubts.take(1), undefined)
  for (let k = 0; k < 200; k++) doubts.add(k, doubt)
  t.equal(doubts.take(0), undefined)
  t.equal(doubts.take(199), doubt)
  t.ok(Math.abs(rmsOf([4, 6, 4, 6]) - 1) < 1e-12, 'rms is about the mean')
})
