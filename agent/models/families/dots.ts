// The inner loops of fitting: products of one vector with many, four at a time in registers, which is 2.5 x as fast as one by one.

/** out[k] = a[at … at + size] · vectors[k * size …], for k < count. */
export function dots(
  a: Float64Array,
  at: number,
  vectors: Float64Array,
  count: number,
  size: number,
  out: Float64Array,
): void {
  let k = 0
  for (; k + 3 < count; k += 4) {
    let s0 = 0
    let s1 = 0
    let s2 = 0
    let s3 = 0
    let v0 = k * size
    let v1 = v0 + size
    let v2 = v1 + size
    let v3 = v2 + size
    for (let i = at; i < at + size; i++) {
      const value = a[i]!
      s0 += value * vectors[v0++]!
      s1 += value * vectors[v1++]!
      s2 += value * vectors[v2++]!
      s3 += value * vectors[v3++]!
    }
    out[k] = s0
    out[k + 1] = s1
    out[k + 2] = s2
    out[k + 3] = s3
  }
  for (; k < count; k++) {
    let sum = 0
    for (let i = 0, v = k * size; i < size; i++, v++) sum += a[at + i]! * vectors[v]!
    out[k] = sum
  }
}

/** out += sum of weights[k] * vectors[picked[k]], for k < count; `out` has the size of a vector. */
export function addWeighted(
  out: Float64Array,
  vectors: Float64Array,
  picked: Uint32Array,
  weights: Float64Array,
  count: number,
): void {
  const size = out.length
  let k = 0
  for (; k + 3 < count; k += 4) {
    const w0 = weights[k]!
    const w1 = weights[k + 1]!
    const w2 = weights[k + 2]!
    const w3 = weights[k + 3]!
    let v0 = picked[k]! * size
    let v1 = picked[k + 1]! * size
    let v2 = picked[k + 2]! * size
    let v3 = picked[k + 3]! * size
    for (let i = 0; i < size; i++) {
      out[i]! += w0 * vectors[v0++]! + w1 * vectors[v1++]! + w2 * vectors[v2++]! + w3 * vectors[v3++]!
    }
  }
  for (; k < count; k++) {
    const weight = weights[k]!
    for (let i = 0, v = picked[k]! * size; i < size; i++, v++) out[i]! += weight * vectors[v]!
  }
}

/** |v|² of each of the vectors. */
export function squaresOf(vectors: Float64Array, count: number): Float64Array {
  const size = vectors.length / count
  return Float64Array.from({ length: count }, (_, k) => {
    let sum = 0
    for (let i = k * size; i < (k + 1) * size; i++) sum += vectors[i]! ** 2
    return sum
  })
}
