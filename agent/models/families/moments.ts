import { CholeskyDecomposition, Matrix } from 'ml-matrix'

// Vectors gathered before their products are summed, four sums at a time in registers: 24,000 vectors of 229 take 0.75 s
// this way, and 2.2 s when every vector reads and writes all sums.
const BLOCK = 64

/** Sums of products of vectors of `size`: all that a least squares fit needs of its rows. */
export class Moments {
  readonly size: number
  count = 0
  /** Upper triangle; complete after flush(). */
  readonly #sums: Float64Array
  /** [size rounded up to even x BLOCK]: entry i of the k-th gathered vector at i * BLOCK + k. */
  readonly #block: Float64Array
  #gathered = 0

  constructor(size: number) {
    this.size = size
    this.#sums = new Float64Array(size * size)
    this.#block = new Float64Array((size + (size & 1)) * BLOCK)
  }

  add(vector: Float64Array): void {
    const block = this.#block
    for (let i = 0, at = this.#gathered; i < this.size; i++, at += BLOCK) block[at] = vector[i]!
    this.count++
    if (++this.#gathered === BLOCK) this.flush()
  }

  /** Sums what is gathered. Call it before reading. */
  flush(): void {
    const { size } = this
    const sums = this.#sums
    const block = this.#block
    const count = this.#gathered
    for (let i = 0; i < size; i += 2) {
      for (let j = i; j < size; j += 2) {
        let s00 = 0
        let s01 = 0
        let s10 = 0
        let s11 = 0
        for (let k = 0, a = i * BLOCK, b = j * BLOCK; k < count; k++, a++, b++) {
          const a0 = block[a]!
          const a1 = block[a + BLOCK]!
          const b0 = block[b]!
          const b1 = block[b + BLOCK]!
          s00 += a0 * b0
          s01 += a0 * b1
          s10 += a1 * b0
          s11 += a1 * b1
        }
        sums[i * size + j]! += s00
        if (j + 1 < size) sums[i * size + j + 1]! += s01
        // Below the diagonal where i = j; at() never reads that.
        if (i + 1 < size) sums[(i + 1) * size + j]! += s10
        if (i + 1 < size && j + 1 < size) sums[(i + 1) * size + j + 1]! += s11
      }
    }
    this.#gathered = 0
  }

  /** Sum over `parts`, leaving out one. */
  static total(parts: readonly Moments[], without = -1): Moments {
    const total = new Moments(parts[0]!.size)
    const sums = total.#sums
    parts.forEach((part, index) => {
      if (index === without) return
      part.flush()
      total.count += part.count
      for (let i = 0; i < sums.length; i++) sums[i]! += part.#sums[i]!
    })
    return total
  }

  at(i: number, j: number): number {
    return this.#sums[i <= j ? i * this.size + j : j * this.size + i]!
  }
}

/**
 * Ridge regression of the first `targets` entries on the others, the last of which is the constant 1 and not penalised.
 * `ridge` is in units of one row's variance. Returns [(size - targets) x targets], row-major.
 */
export function regress(moments: Moments, targets: number, ridge: number): Float64Array {
  const inputs = moments.size - targets
  const gram = Matrix.zeros(inputs, inputs)
  const cross = Matrix.zeros(inputs, targets)
  for (let i = 0; i < inputs; i++) {
    for (let j = 0; j < inputs; j++) gram.set(i, j, moments.at(targets + i, targets + j))
    if (i < inputs - 1) gram.set(i, i, gram.get(i, i) + ridge * moments.count)
    for (let k = 0; k < targets; k++) cross.set(i, k, moments.at(targets + i, k))
  }
  return Float64Array.from(new CholeskyDecomposition(gram).solve(cross).to1DArray())
}

/**
 * Each entry from the others at the same time. `weights`[i, j] is the weight of j in the prediction of i, 0 on the diagonal;
 * `explained`[i] the share of the squares of i that the prediction takes away, 0 for an entry that is always 0.
 * With Q = (G + ridge n I)⁻¹ they are -Q[i, j] / Q[i, i] and about 1 - 1 / (Q[i, i] G[i, i]): one inverse for all.
 */
export function othersOf(moments: Moments, ridge: number): { weights: Float64Array; explained: Float64Array } {
  const { size } = moments
  const gram = Matrix.zeros(size, size)
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) gram.set(i, j, moments.at(i, j) + (i === j ? ridge * moments.count : 0))
  }
  const inverse = new CholeskyDecomposition(gram).solve(Matrix.eye(size, size))
  const weights = new Float64Array(size * size)
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      if (i !== j) weights[i * size + j] = -inverse.get(i, j) / inverse.get(i, i)
    }
  }
  const explained = Float64Array.from({ length: size }, (_, i) => {
    const squares = moments.at(i, i)
    return squares > 0 ? 1 - 1 / (inverse.get(i, i) * squares) : 0
  })
  return { weights, explained }
}
