import t from 'tap'
import type { Batch } from '../../../agent/scoring/lane.ts'
import { SUB_HEADER_BYTES, viewOf } from '../../../agent/scoring/protocol.ts'
import { ResultDecoder } from '../../../agent/scoring/results.ts'
import { WindowRing } from '../../../agent/scoring/window-ring.ts'
import { wideModel } from '../../support/scoring-models.ts'

function batchOf(count: number): Batch {
  const model = wideModel('w')
  const ring = new WindowRing({ key: 'k', channels: 2, samples: 4 }, 10, 10, { claimed: () => {}, dropped: () => {} })
  for (let i = 0; i < count; i++) ring.claim(100 + i, i)
  const slots = new Int32Array(count)
  ring.take(slots, count)
  const placement = { key: 'k', sha256: model.sha256, provider: 'cpu', notTaken: [], windowUs: 1 } as const
  return {
    entry: { key: 'k', model, placement: { ...placement, notTaken: [] }, ring, batchMax: 10 },
    slots,
    count,
    failures: 0,
  }
}

/** At an odd offset, as a chunk of a stream may have. */
function payloadOf(count: number, values: number[]): Uint8Array {
  const bytes = new Uint8Array(1 + SUB_HEADER_BYTES + values.length * 4).subarray(1)
  viewOf(bytes).setUint32(0, count, true)
  values.forEach((value, i) => {
    viewOf(bytes).setFloat32(SUB_HEADER_BYTES + i * 4, value, true)
  })
  return bytes
}

t.test('scores, contributions and features are told apart', async t => {
  const scored = new ResultDecoder().decode(batchOf(2), payloadOf(2, [1, 2, 10, 11, 20, 21, 7, 8]))
  t.same([...scored.scores], [1, 2])
  t.same([...scored.contributions], [10, 11, 20, 21])
  t.same([...scored.features], [7, 8])
  t.same([...scored.tags], [100, 101])
})

t.test('a row whose score is not finite is left out with all it carries', async t => {
  const scored = new ResultDecoder().decode(
    batchOf(3),
    payloadOf(3, [1, Number.NaN, 3, 10, 11, 20, 21, 30, 31, 7, 8, 9]),
  )
  t.equal(scored.count, 2)
  t.same([...scored.scores], [1, 3])
  t.same([...scored.contributions], [10, 11, 30, 31])
  t.same([...scored.features], [7, 9])
  t.same([...scored.tags], [100, 102])
  t.same([...scored.timesUs], [0, 2])
})

t.test('an answer of another size is a broken protocol', async t => {
  t.throws(() => new ResultDecoder().decode(batchOf(2), payloadOf(2, [1, 2])), { code: 'SCORER_PROTOCOL' })
  t.throws(() => new ResultDecoder().decode(batchOf(2), payloadOf(1, [1, 2, 3, 4, 5, 6, 7, 8])), {
    code: 'SCORER_PROTOCOL',
  })
})
