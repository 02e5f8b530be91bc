// When a channel is gone for good enough, and when it is back: rows in, sets of channels out.
import t from 'tap'
import { ChannelWatch } from '../../../agent/models/live/channel-watch.ts'

const ROWS = 30
const WINDOW = 15

/** Feeds rows from `at` on in which `gone` says which channels have no value; returns [row, missing] of every change. */
class Feed {
  readonly watch: ChannelWatch
  at = 0
  constructor(channels: number, watch = new ChannelWatch([...Array(channels).keys()], { rows: ROWS })) {
    this.watch = watch
    watch.windowRows = WINDOW
  }

  rows(count: number, gone: (row: number) => readonly number[] = () => []): [number, number[]][] {
    const changes: [number, number[]][] = []
    for (let i = 0; i < count; i++, this.at++) {
      const values = new Float64Array(8)
      for (const c of gone(this.at)) values[c] = Number.NaN
      if (this.watch.row(this.at, values, 0)) changes.push([this.at, [...this.watch.missing]])
    }
    return changes
  }
}

t.test('a dead channel is left out after 30 rows, and taken in after 30 with values', async t => {
  const feed = new Feed(3)
  t.same(feed.rows(100), [])
  t.same(
    feed.rows(40, () => [1]),
    [[129, [1]]],
  )
  t.equal(feed.watch.since(1), 100)
  t.same(feed.rows(100), [[169, []]])
})

t.test('a short dropout changes nothing, however often it comes while two thirds of the windows are left', async t => {
  const feed = new Feed(2)
  t.same(
    feed.rows(5_000, row => (row % 100 < 18 ? [0] : [])),
    [],
  )
})

t.test('too patchy to ever fill a window: left out though it is never gone for long', async t => {
  const feed = new Feed(2)
  const patchy = (row: number): number[] => (row % 20 < 10 ? [1] : [])
  const [first, ...more] = feed.rows(3_000, patchy)
  t.same(first, [2 * ROWS + WINDOW - 1, [1]])
  t.same(more, [], 'and stays out')
  t.same(feed.rows(100), [[3_049, []]], 'until it lasts: it has had values since row 2,990, and 60 rows are asked for')
})

t.test('several at once, and all of them', async t => {
  const feed = new Feed(3)
  const changes = feed.rows(200, row => [...(row >= 10 ? [0] : []), ...(row >= 50 ? [1, 2] : [])])
  t.same(changes, [
    [39, [0]],
    [79, [0, 1, 2]],
  ])
  t.same(
    feed.rows(60, row => (row < 230 ? [1] : [])),
    [
      [229, [1]],
      [259, []],
    ],
  )
})

t.test('a loose contact: each relapse asks for twice as long, so that changes die down', async t => {
  const feed = new Feed(1)
  const changes = feed.rows(100_000, row => (row % 80 < 40 ? [0] : []))
  t.same(
    changes,
    [
      [29, [0]],
      [69, []],
      [109, [0]],
    ],
    'from then on 60 rows with values are asked for, and there are never more than 40',
  )
  feed.rows(1_000)
  t.same(feed.watch.missing, [])
  feed.rows(2_000)
  feed.at = 0
  t.same(
    feed.rows(40, () => [0]),
    [[29, [0]]],
  )
  t.same(feed.rows(40), [[69, []]], 'one that stayed for long is trusted as at first')
})

t.test('goes on after a restart with those that were left out', async t => {
  const watch = new ChannelWatch([0, 1], { rows: ROWS, out: [{ channel: 1, since: 7 }] })
  const feed = new Feed(2, watch)
  t.same(watch.missing, [1])
  t.equal(watch.since(1), 7)
  t.same(feed.rows(40), [[29, []]])
})

t.test('one that comes and goes for longer than a window is left out, until it is back for good', async t => {
  const feed = new Feed(1)
  const [left, ...more] = feed.rows(2_000, row => (row % 50 < 25 ? [0] : []))
  t.same(left?.[1], [0])
  t.ok(left![0] < 250, `left out from row ${left![0]} on`)
  t.same(more, [], 'and stays out while it flaps')
  t.same(feed.rows(100), [[2_034, []]], '60 rows on end, of which 25 were there')
})
