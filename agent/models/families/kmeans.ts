// Memory vectors that stand for many rows.
import { seededPrng } from '../../core/prng.ts'
import { dots, squaresOf } from './dots.ts'

// A fit makes six memories (one per fifth, one of all), and six more to judge whether there is enough. On three servers of 38
// channels 1,500 rows in 2 rounds gave VUS-PR .401, 2,000 in 3 .404, 6,000 in 5 .389.
const ROWS_MAX = 1_500
const ROUNDS = 2
/** Fixed, so that the same rows give the same model. */
const SEED = 1

/** `count` means [count x size] of rows [rows x size], drawn from them at random and moved to their neighbours' mean. */
export function kMeans(values: Float64Array, rows: number, size: number, count: number, draw = drawAny): Float64Array {
  const centres = draw(values, rows, size, count)
  const sample = evenly(values, rows, size, Math.min(rows, ROWS_MAX))
  const sums = new Float64Array(count * size)
  const members = new Uint32Array(count)
  const products = new Float64Array(count)
  for (let round = 0; round < ROUNDS; round++) {
    sums.fill(0)
    members.fill(0)
    const squares = squaresOf(centres, count)
    for (let at = 0; at < sample.length; at += size) {
      dots(sample, at, centres, count, size, products)
      const nearest = nearestOf(products, squares)
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

function nearestOf(products: Float64Array, squares: Float64Array): number {
  let nearest = 0
  let least = Number.POSITIVE_INFINITY
  for (let k = 0; k < squares.length; k++) {
    const distance = squares[k]! - 2 * products[k]!
    if (distance < least) {
      least = distance
      nearest = k
    }
  }
  return nearest
}

/** Without replacement: the first `count` of a shuffle. */
export function drawAny(values: Float64Array, rows: number, size: number, count: number): Float64Array {
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

/** Each with a probability in proportion to the squared distance from those before it (k-means++): rare shapes are among them. */
export function drawApart(values: Float64Array, rows: number, size: number, count: number): Float64Array {
  const prng = seededPrng(SEED)
  const out = new Float64Array(count * size)
  const squares = squaresOf(values, rows)
  const products = new Float64Array(rows)
  const distances = new Float64Array(rows).fill(Number.POSITIVE_INFINITY)
  let picked = Math.floor(prng.next() * rows)
  for (let k = 0; k < count; k++) {
    out.set(values.subarray(picked * size, (picked + 1) * size), k * size)
    dots(values, picked * size, values, rows, size, products)
    let sum = 0
    for (let r = 0; r < rows; r++) {
      const distance = Math.max(0, squares[r]! + squares[picked]! - 2 * products[r]!)
      if (distance < distances[r]!) distances[r] = distance
      sum += distances[r]!
    }
    let left = prng.next() * sum
    for (picked = 0; picked < rows - 1; picked++) {
      left -= distances[picked]!
      if (left < 0) break
    }
  }
  return out
}
