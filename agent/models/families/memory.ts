// Auto-associative kernel regression: what a healthy machine shows at a point like this, as the mean of remembered healthy
// points, weighted by how near they are. The point is a row, or a window of several rows.
//
//   q      [channels x rows] z of the last rows, flattened channel by channel
//   w_k    = exp(-|q - m_k|² / 2 h²) / sum of them
//   r      = (q - sum_k w_k m_k) * inverse        residual
//   score  = |r| / limit
import { addWeighted, dots, squaresOf } from './dots.ts'
import type { Stretch } from './family.ts'

/** Smallest h² in units of the mean square of the memory: below it float32 cannot tell the distances apart to 1e-4 of the score. */
const BANDWIDTH_MIN = 1e-3
/** Memory vectors whose nearest neighbour is sought. */
const NEIGHBOURS_OF_MAX = 300
/** exp(-20) is 2e-9: such weights change no digit that float32 holds. */
const EXPONENT_MIN = -20

export interface Memory {
  channels: number
  /** Rows of a remembered window. */
  rows: number
  count: number
  /** [count x (channels * rows)], channel by channel. */
  vectors: Float64Array
  /** Square of the kernel's width. */
  h2: number
  /** [channels] 1 / what the residual of a channel is measured in. */
  inverse: Float64Array
}

/** Window [channels x rows] that ends at row `end`, into `out`. */
export function windowInto(out: Float64Array, stretch: Stretch, end: number, rows: number, at = 0): void {
  const { z, channels } = stretch
  for (let c = 0; c < channels; c++) {
    for (let s = 0; s < rows; s++) out[at + c * rows + s] = z[(end - rows + 1 + s) * channels + c]!
  }
}

/** Square of the kernel's width: the median squared distance of a remembered point to the nearest other. */
export function bandwidth(vectors: Float64Array, count: number): number {
  const size = vectors.length / count
  const squares = squaresOf(vectors, count)
  const products = new Float64Array(count)
  const step = Math.max(1, Math.floor(count / NEIGHBOURS_OF_MAX))
  const nearest: number[] = []
  for (let k = 0; k < count; k += step) {
    let least = Number.POSITIVE_INFINITY
    dots(vectors, k * size, vectors, count, size, products)
    for (let other = 0; other < count; other++) {
      if (other === k) continue
      const distance = squares[k]! + squares[other]! - 2 * products[other]!
      if (distance < least) least = distance
    }
    if (least < Number.POSITIVE_INFINITY) nearest.push(Math.max(0, least))
  }
  nearest.sort((a, b) => a - b)
  const square = squares.reduce((sum, value) => sum + value, 0) / count
  // Only constant channels: every point is the same, and any width will do.
  return Math.max(nearest[nearest.length >> 1] ?? 0, BANDWIDTH_MIN * square) || 1
}

/** Residuals of points, one after the other; the arrays are reused. */
export class Recall {
  readonly memory: Memory
  /** [channels * rows], of the last point. */
  readonly residual: Float64Array
  readonly #squares: Float64Array
  readonly #products: Float64Array
  readonly #weights: Float64Array
  readonly #picked: Uint32Array

  constructor(memory: Memory) {
    const { vectors, count, channels, rows } = memory
    this.memory = memory
    this.residual = new Float64Array(channels * rows)
    this.#squares = squaresOf(vectors, count)
    this.#products = new Float64Array(count)
    this.#weights = new Float64Array(count)
    this.#picked = new Uint32Array(count)
  }

  /** Length of the residual of `point` [channels * rows], in units of `inverse`. */
  norm(point: Float64Array): number {
    const { vectors, inverse, rows } = this.memory
    const { residual } = this
    const size = residual.length
    const { count, total } = this.#weigh(point)
    residual.fill(0)
    addWeighted(residual, vectors, this.#picked, this.#weights, count)
    let squares = 0
    for (let i = 0; i < size; i++) {
      residual[i] = (point[i]! - residual[i]! / total) * inverse[Math.floor(i / rows)]!
      squares += residual[i]! ** 2
    }
    return Math.sqrt(squares)
  }

  /** Fills the weights of the points near enough to count, and which they are. */
  #weigh(point: Float64Array): { count: number; total: number } {
    const { vectors, count, h2 } = this.memory
    const products = this.#products
    dots(point, 0, vectors, count, point.length, products)
    let largest = Number.NEGATIVE_INFINITY
    for (let k = 0; k < count; k++) {
      products[k] = (products[k]! - this.#squares[k]! / 2) / h2
      if (products[k]! > largest) largest = products[k]!
    }
    let near = 0
    let total = 0
    for (let k = 0; k < count; k++) {
      const exponent = products[k]! - largest
      if (exponent < EXPONENT_MIN) continue
      this.#picked[near] = k
      total += this.#weights[near++] = Math.exp(exponent)
    }
    return { count: near, total }
  }
}

/** Norm of every row's point; NaN where the run is too short, or `recallOf` has no memory for it. */
export function recallRows(
  stretch: Stretch,
  rows: number,
  recallOf: (row: number) => Recall | undefined,
): Float64Array {
  const norms = new Float64Array(stretch.rows).fill(Number.NaN)
  const point = new Float64Array(stretch.channels * rows)
  for (let r = 0; r < stretch.rows; r++) {
    const recall = stretch.runs[r]! >= rows ? recallOf(r) : undefined
    if (!recall) continue
    windowInto(point, stretch, r, rows)
    norms[r] = recall.norm(point)
  }
  return norms
}
