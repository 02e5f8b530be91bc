// Fast Fourier transform in float64 for lengths that are products of 2, 3 and 5: 1.6 s at the rates that digitisers have is
// not always a power of two (2,500 Hz: 4,000), and padding with zeros would move the lines.

/** Factors of every length that `Fft` takes. */
const RADICES = [4, 2, 3, 5] as const

/** Complex transform X[k] = sum x[n] exp(-2 pi i n k / N), unscaled, in place. Reused for many transforms of one length. */
export class Fft {
  readonly size: number
  readonly #factors: number[]
  readonly #cos: Float64Array
  readonly #sin: Float64Array
  readonly #re: Float64Array
  readonly #im: Float64Array

  /** `size`: see `smoothAtLeast`. */
  constructor(size: number) {
    this.size = size
    this.#factors = factorsOf(size)
    this.#cos = Float64Array.from({ length: size }, (_, k) => Math.cos((2 * Math.PI * k) / size))
    this.#sin = Float64Array.from({ length: size }, (_, k) => -Math.sin((2 * Math.PI * k) / size))
    this.#re = new Float64Array(size)
    this.#im = new Float64Array(size)
  }

  /** `re` and `im`: [size], replaced by the transform. */
  forward(re: Float64Array, im: Float64Array): void {
    // Stockham: each pass reads one pair of arrays and writes the other, in order; no bit reversal.
    let from = [re, im] as const
    let to = [this.#re, this.#im] as const
    let done = 1
    for (const radix of this.#factors) {
      this.#pass(from, to, radix, done)
      done *= radix
      ;[from, to] = [to, from]
    }
    if (from[0] === re) return
    re.set(from[0])
    im.set(from[1])
  }

  /** Unscaled as well: forward and inverse together multiply by `size`. */
  inverse(re: Float64Array, im: Float64Array): void {
    this.forward(im, re)
  }

  #pass(
    [re, im]: readonly [Float64Array, Float64Array],
    [outRe, outIm]: readonly [Float64Array, Float64Array],
    radix: number,
    done: number,
  ): void {
    const { size } = this
    const groups = size / (done * radix)
    const stride = size / radix
    const xr = new Float64Array(radix)
    const xi = new Float64Array(radix)
    for (let k = 0; k < done; k++) {
      for (let group = 0; group < groups; group++) {
        const at = group * done + k
        xr[0] = re[at]!
        xi[0] = im[at]!
        for (let part = 1; part < radix; part++) {
          const c = this.#cos[part * k * groups]!
          const s = this.#sin[part * k * groups]!
          const partRe = re[at + part * stride]!
          const partIm = im[at + part * stride]!
          xr[part] = partRe * c - partIm * s
          xi[part] = partRe * s + partIm * c
        }
        const to = group * done * radix + k
        if (radix === 4) butterfly4(xr, xi, outRe, outIm, to, done)
        else this.#butterfly(xr, xi, outRe, outIm, to, done)
      }
    }
  }

  /** Transform of length 2, 3 or 5, by its definition. */
  #butterfly(
    xr: Float64Array,
    xi: Float64Array,
    outRe: Float64Array,
    outIm: Float64Array,
    to: number,
    step: number,
  ): void {
    const radix = xr.length
    const turn = this.size / radix
    for (let out = 0; out < radix; out++) {
      let sumRe = 0
      let sumIm = 0
      for (let part = 0; part < radix; part++) {
        const angle = ((part * out) % radix) * turn
        sumRe += xr[part]! * this.#cos[angle]! - xi[part]! * this.#sin[angle]!
        sumIm += xr[part]! * this.#sin[angle]! + xi[part]! * this.#cos[angle]!
      }
      outRe[to + out * step] = sumRe
      outIm[to + out * step] = sumIm
    }
  }
}

function butterfly4(
  xr: Float64Array,
  xi: Float64Array,
  outRe: Float64Array,
  outIm: Float64Array,
  to: number,
  step: number,
): void {
  const evenRe = xr[0]! + xr[2]!
  const evenIm = xi[0]! + xi[2]!
  const oddRe = xr[1]! + xr[3]!
  const oddIm = xi[1]! + xi[3]!
  const differenceRe = xr[0]! - xr[2]!
  const differenceIm = xi[0]! - xi[2]!
  // -i times (x1 - x3)
  const turnedRe = xi[1]! - xi[3]!
  const turnedIm = xr[3]! - xr[1]!
  outRe[to] = evenRe + oddRe
  outIm[to] = evenIm + oddIm
  outRe[to + step] = differenceRe + turnedRe
  outIm[to + step] = differenceIm + turnedIm
  outRe[to + 2 * step] = evenRe - oddRe
  outIm[to + 2 * step] = evenIm - oddIm
  outRe[to + 3 * step] = differenceRe - turnedRe
  outIm[to + 3 * step] = differenceIm - turnedIm
}

function factorsOf(size: number): number[] {
  const factors: number[] = []
  let rest = size
  for (const radix of RADICES) {
    while (rest % radix === 0) {
      factors.push(radix)
      rest /= radix
    }
  }
  if (rest !== 1 || size < 1) throw new RangeError(`no transform of length ${size}: it has factors beyond 2, 3 and 5`)
  return factors
}

export function isSmooth(size: number): boolean {
  let rest = size
  for (const radix of [2, 3, 5]) while (rest > 1 && rest % radix === 0) rest /= radix
  return rest === 1
}

/** The shortest length of at least `size` that `Fft` takes. */
export function smoothAtLeast(size: number): number {
  let length = Math.max(1, Math.ceil(size))
  while (!isSmooth(length)) length++
  return length
}

/** The longest length of at most `size` that `Fft` takes. */
export function smoothAtMost(size: number): number {
  let length = Math.max(1, Math.floor(size))
  while (!isSmooth(length)) length--
  return length
}
