// Consumers: one that takes what comes, and one that sends receipts.
import t from 'tap'
import { AlertLedger, type LaneView } from '../../../agent/uplink/alert-ledger.ts'
import { ReceiptLedger } from '../../../agent/uplink/receipt-ledger.ts'

const GW = 'hamburg/gw-1'
const id = (seq: number, epoch = 'a'): string => `${epoch}${String(seq).padStart(12, '0')}`
const fresh = (to: number, from: number | null = 1): LaneView => ({ lane: 'fresh', backlog: { from, to } })
const backlog = (to: number, from: number | null = 1): LaneView => ({ lane: 'backlog', backlog: { from, to } })

t.test('two lanes: what the backlog still brings is awaited, not missing', async t => {
  const ledger = new AlertLedger()
  const take = (seq: number, view: LaneView = { lane: 'fresh' }) => ledger.take(GW, id(seq), seq, view)
  t.match(take(1), { verdict: 'new' })
  t.same(take(11, fresh(10, 2)), { verdict: 'new' }, 'the jump over the backlog is none')
  t.same(take(2, backlog(10, 2)), { verdict: 'new' })
  t.same(take(12, fresh(10, 3)), { verdict: 'new' })
  t.same(take(5, backlog(10, 3)), { verdict: 'new', gap: { from: 3, to: 4 } }, 'a jump within the backlog')
  t.same(take(15, fresh(10, 6)), { verdict: 'new', gap: { from: 13, to: 14 } }, 'and within the fresh lane')
  t.same(take(3, backlog(10, 6)), { verdict: 'late' })
  for (const seq of [6, 7, 8, 9, 10]) t.same(take(seq, backlog(10, seq)), { verdict: 'new' })
  t.same(take(16), { verdict: 'new' }, 'one lane again')
  t.match(ledger, { received: 13, duplicates: 0, missing: 3, outOfOrder: 1 })
})

t.test('a consumer that begins while there are two lanes', async t => {
  const ledger = new AlertLedger()
  t.same(ledger.take(GW, id(20), 20, fresh(10, 5)), { verdict: 'new' })
  for (const seq of [5, 6, 7]) t.same(ledger.take(GW, id(seq), seq, backlog(10, seq)), { verdict: 'new' })
  t.match(ledger, { received: 4, missing: 0, outOfOrder: 0 })
})

t.test('receipts: only in order, and what is early is not taken', async t => {
  const ledger = new ReceiptLedger()
  const take = (seq: number, confirmed: number) => ledger.take(GW, id(seq), seq, { lane: 'fresh', confirmed })
  t.equal(ledger.position(GW), undefined)
  t.same(take(42, 40), { verdict: 'early' }, 'the first one shows where to begin')
  t.same(ledger.position(GW), { seq: 40 })
  t.same(take(41, 40), { verdict: 'new' })
  t.same(take(43, 40), { verdict: 'early' })
  t.same(take(42, 40), { verdict: 'new' })
  t.same(take(41, 40), { verdict: 'duplicate' })
  t.same(take(43, 40), { verdict: 'new' })
  t.same(ledger.position(GW), { seq: 43 })
  t.match(ledger, { received: 3, early: 2, duplicates: 1, missing: 0 })
})

t.test('receipts: what another consumer confirmed will not come, and is said to be missing', async t => {
  const ledger = new ReceiptLedger()
  ledger.take(GW, id(1), 1, { lane: 'fresh', confirmed: 0 })
  t.same(ledger.take(GW, id(9), 9, { lane: 'fresh', confirmed: 8 }), { verdict: 'new', gap: { from: 2, to: 8 } })
  t.equal(ledger.missing, 7)
  t.same(ledger.position(GW), { seq: 9 })
})

t.test('receipts: a stated gap counts as had; one without an end or with nonsense says nothing', async t => {
  const ledger = new ReceiptLedger()
  ledger.take(GW, id(1), 1, { lane: 'fresh', confirmed: 0 })
  ledger.stated(GW, 2, null)
  ledger.stated(GW, 1.5, 3)
  t.same(ledger.position(GW), { seq: 1 })
  ledger.stated(GW, 2, 4)
  t.same(ledger.position(GW), { seq: 4 })
  t.same(ledger.take(GW, id(5), 5, { lane: 'fresh', confirmed: 1 }), { verdict: 'new' })
  t.equal(ledger.missing, 3)
  ledger.stated('x/y', null, 7)
  t.same(ledger.position('x/y'), { seq: 7 }, 'null: all there was before')
})

t.test('receipts: each lane by itself, and one again when the backlog is here', async t => {
  const ledger = new ReceiptLedger()
  const at = (view: LaneView, confirmed: number): LaneView => ({ ...view, confirmed })
  ledger.take(GW, id(1), 1, { lane: 'fresh', confirmed: 0 })
  t.same(ledger.take(GW, id(12), 12, at(fresh(10), 10)), { verdict: 'early' }, '11 is the first of the fresh lane')
  t.same(ledger.take(GW, id(11), 11, at(fresh(10), 10)), { verdict: 'new' })
  t.same(ledger.position(GW), { seq: 1, fresh: 11 })
  t.same(ledger.take(GW, id(3), 3, at(backlog(10), 1)), { verdict: 'early' })
  for (let seq = 2; seq <= 10; seq++) t.same(ledger.take(GW, id(seq), seq, at(backlog(10), 1)), { verdict: 'new' })
  t.same(ledger.position(GW), { seq: 11 })
  t.same(ledger.take(GW, id(12), 12, { lane: 'fresh', confirmed: 11 }), { verdict: 'new' })
})

t.test('receipts: a second outage during the first backlog; what the fresh lane brought comes again', async t => {
  const ledger = new ReceiptLedger()
  const take = (seq: number, view: LaneView, confirmed: number) => ledger.take(GW, id(seq), seq, { ...view, confirmed })
  take(1, { lane: 'fresh' }, 0)
  for (const seq of [5, 6]) take(seq, fresh(4, 2), 4)
  t.same(ledger.position(GW), { seq: 1, fresh: 6 })
  t.same(take(10, fresh(9, 2), 9), { verdict: 'new' })
  t.same(ledger.position(GW), { seq: 1, fresh: 10 })
  const verdicts = [2, 3, 4, 5, 6, 7, 8, 9].map(seq => take(seq, backlog(9, 2), 1).verdict)
  t.same(verdicts, ['new', 'new', 'new', 'duplicate', 'duplicate', 'new', 'new', 'new'])
  t.same(ledger.position(GW), { seq: 10 })
})

t.test('receipts: a gateway that lost its storage numbers from 1 again, and is taken', async t => {
  const ledger = new ReceiptLedger()
  for (let seq = 1; seq <= 3; seq++) ledger.take(GW, id(seq), seq, { lane: 'fresh', confirmed: seq - 1 })
  t.same(ledger.take(GW, id(1, 'b'), 1, { lane: 'fresh', confirmed: 0 }), { verdict: 'new' })
  t.same(ledger.position(GW), { seq: 1 })
})

t.test('what somebody asked for once more is taken where it is not known, and moves nothing', async t => {
  const receipts = new ReceiptLedger()
  receipts.take(GW, id(5), 5, { lane: 'fresh', confirmed: 4 })
  t.same(receipts.take(GW, id(2), 2, { backfill: true }), { verdict: 'new' })
  t.same(receipts.take(GW, id(5), 5, { backfill: true }), { verdict: 'duplicate' })
  t.same(receipts.take(GW, id(9), 9, { backfill: true }), { verdict: 'new' })
  t.same(receipts.position(GW), { seq: 5 })
  const ledger = new AlertLedger()
  ledger.take(GW, id(5), 5)
  t.same(ledger.take(GW, id(2), 2, { backfill: true }), { verdict: 'late' })
  t.equal(ledger.outOfOrder, 0)
})

t.test('lane fields that are none are not looked at', async t => {
  const bad = { lane: 7, backlog: { from: 'x', to: -1 }, confirmed: 'all', backfill: 'yes' } as unknown as LaneView
  const receipts = new ReceiptLedger()
  t.same(receipts.take(GW, id(1), 1, bad), { verdict: 'new' })
  t.same(receipts.position(GW), { seq: 1 })
  const ledger = new AlertLedger()
  t.same(ledger.take(GW, id(4), 4, { backlog: null } as unknown as LaneView), { verdict: 'new' })
})
