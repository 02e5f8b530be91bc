// Memory vectors that stand for many rows.
import { seededPrng } from '../../core/prng.ts'

// A fit makes six memories (one per fifth, one of all): 300 x 38 from 3,000 rows in 3 rounds are 0.1 s each. 6,000 rows and 5
// rounds found no more faults on four servers.
const ROWS_MAX = 2_000
const ROUNDS = 3
/** Fixed, so that the same rows give the same model. */
const SEED = 1

/** `count` means [count x size] of rows [rows x size], drawn from them at random and moved to their neighbours' mean. */
export function kMeans(values: Float64Array, rows: number, size: number, count: number): Float64Array {
  const centres = draw(values, rows, size, count)
  const sample = evenly(values, rows, size, Math.min(rows, ROWS_MAX))
  const sums = new Float64Array(count * size)
  const members = new Uint32Array(count)
  const squares = new Float64Array(count)
  for (let round = 0; round < ROUNDS; round++) {
    sums.fill(0)
    members.fill(0)
    for (let k = 0; k < count; k++) squares[k] = dot(centres, k * size, centres, k * size, size)
    for (let at = 0; at < sample.length; at += size) {
      const nearest = nearestOf(sample, at, centres, squares, size)
      members[nearest]!++
      for (let i = 0; i < size; i++) sums[nearest * size + i]! += sample[at + i]!
    }
    for (let k = 0; k < count; k++) {
      // One that nothing is nearest to stays where it was drawn.
      if (members[k] === 0) continue
      for (let i = 0; i < size; i++) centres[k * size + i] = sums[k * size + i]! / members[k]!
    }
  }
  return centres
}

/** `count` of the rows, evenly spread, the first and the last among them. */
export function evenly(values: Float64Array, rows: number, size: number, count: number): Float64Array {
  const out = new Float64Array(count * size)
  for (let k = 0; k < count; k++) {
    const row = count === 1 ? 0 : Math.floor((k * (rows - 1)) / (count - 1))
    out.set(values.subarray(row * size, (row + 1) * size), k * size)
  }
  return out
}

/** Four sums at a time: one waits for the addition before it. */
export function dot(a: Float64Array, atA: number, b: Float64Array, atB: number, size: number): number {
  let s0 = 0
  let s1 = 0
  let s2 = 0
  let s3 = 0
  let i = 0
  for (; i + 3 < size; i += 4) {
    s0 += a[atA + i]! * b[atB + i]!
    s1 += a[atA + i + 1]! * b[atB + i + 1]!
    s2 += a[atA + i + 2]! * b[atB + i + 2]!
    s3 += a[atA + i + 3]! * b[atB + i + 3]!
  }
  for (; i < size; i++) s0 += a[atA + i]! * b[atB + i]!
  return s0 + s1 + s2 + s3
}

function nearestOf(
  values: Float64Array,
  at: number,
  centres: Float64Array,
  squares: Float64Array,
  size: number,
): number {
  let nearest = 0
  let least = Number.POSITIVE_INFINITY
  for (let k = 0; k < squares.length; k++) {
    const distance = squares[k]! - 2 * dot(values, at, centres, k * size, size)
    if (distance < least) {
      least = distance
      nearest = k
    }
  }
  return nearest
}

/** Without replacement: the first `count` of a shuffle. */
function draw(values: Float64Array, rows: number, size: number, count: number): Float64Array {
  const prng = seededPrng(SEED)
  const order = Uint32Array.from({ length: rows }, (_, r) => r)
  const drawn = new Float64Array(count * size)
  for (let k = 0; k < count; k++) {
    const other = k + Math.floor(prng.next() * (rows - k))
    const row = order[other]!
    order[other] = order[k]!
    drawn.set(values.subarray(row * size, (row + 1) * size), k * size)
  }
  return drawn
}
