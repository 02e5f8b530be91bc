// Which model is at work and which it stands in for, folded from the journal's records.
import t from 'tap'
import { type BindingKind, type BindingRecord, ModelsFold } from '../../../agent/models/live/fold.ts'

const bound = (release: number, kind: BindingKind, more: Partial<BindingRecord> = {}): BindingRecord => ({
  asset: 'p-1',
  sha256: `sha-${release}`,
  origin: 'local',
  name: 'p-1-baseline',
  release,
  digest: 'd',
  atUs: release,
  by: 'agent',
  kind,
  ...more,
})
const without = [{ channel: 'temp', sinceUs: 7 }]

/** By a fold that has seen them all, and by one that was restored from a checkpoint after each. */
function folded(records: readonly BindingRecord[]): ModelsFold[] {
  const plain = new ModelsFold()
  let restored = new ModelsFold()
  for (const record of records) {
    plain.bind(record)
    restored.bind(record)
    const next = new ModelsFold()
    next.restore(JSON.parse(JSON.stringify(restored.snapshot())))
    restored = next
  }
  return [plain, restored]
}

t.test('a reduced model stands in for the whole one, whatever the set, until that is back', async t => {
  const records = [bound(1, 'baseline'), bound(2, 'rebaseline'), bound(3, 'reduced', { without }), bound(4, 'reduced')]
  for (const fold of folded(records)) {
    t.equal(fold.lineage('p-1').whole?.release, 2)
    t.equal(fold.lineage('p-1').previous?.release, 1, 'what --revert goes back to is another whole model')
    t.equal(fold.lineage('p-1').reference?.release, 1)
    t.equal(fold.localRelease('p-1'), 4)
    t.same(fold.staleFiles('p-1'), ['sha-3'])
  }
  for (const fold of folded([...records, bound(2, 'whole')])) {
    t.equal(fold.bindings.get('p-1')?.release, 2)
    t.match(fold.lineage('p-1'), { whole: undefined, previous: { release: 1 }, reference: { release: 1 } })
    t.equal(fold.localRelease('p-1'), 4, 'releases only rise')
    t.same(fold.staleFiles('p-1'), ['sha-3', 'sha-4'])
  }
})

t.test('a new baseline, a revert or a delivered model meanwhile: what was stood in for is the one before', async t => {
  const records = [bound(1, 'baseline'), bound(2, 'rebaseline'), bound(3, 'reduced', { without })]
  for (const [fold] of [folded([...records, bound(4, 'baseline')])]) {
    t.match(fold!.lineage('p-1'), { whole: undefined, previous: { release: 2 }, reference: { release: 4 } })
  }
  for (const [fold] of [folded([...records, bound(1, 'revert')])]) {
    t.match(fold!.lineage('p-1'), { whole: undefined, previous: { release: 2 }, reference: { release: 1 } })
  }
  const delivered = bound(9, 'baseline', { origin: 'delivered' })
  t.equal(folded([...records, delivered])[0]!.lineage('p-1').whole, undefined)
})
