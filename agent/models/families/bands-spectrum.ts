// Nodes from a raw window to the energies of its bands, with operators that every provider has. The transform of a block of
// N = N1 x N2 samples, n = n1 N2 + n2, gives line k = k1 + N1 k2 in two matrix products:
//
//   Y[n2, k1] = sum over n1 of  x[n1 N2 + n2] exp(-2 pi i n1 k1 / N1)                          one matrix for all n2
//   X[k1, k2] = sum over n2 of  Y[n2, k1] exp(-2 pi i n2 k1 / N) exp(-2 pi i n2 k2 / N2)       one matrix per k1
//
// x is real, so k1 = 0 to N1/2 give all powers: line k with k mod N1 above N1/2 has the power of line N - k. For 1,024 samples
// that is 102 products a sample and 280 kB of weights; one matrix for all of it would be 800 products and 3.2 MB.
import type { GraphBuilder } from '../file/graph.ts'
import { type BandsShape, hann, levelsOf, lineWeights } from './bands-shape.ts'

const N2 = 32

/** Adds nodes; returns the detrended window [batch, channels, samples] and the mean squares [batch, channels, bands + groups]. */
export function bandEnergies(graph: GraphBuilder, shape: BandsShape): { signal: string; energies: string } {
  const { channels: C, samples, block, blocks } = shape
  const levels = levelsOf(shape)
  const N1 = block / N2
  const K1 = N1 / 2 + 1
  const signal = detrended(graph, samples)
  const cut = (input: string, axis: number, from: number, to: number): string =>
    graph.node('Slice', [
      input,
      graph.integers(`cut_${input}_${from}_from`, [from]),
      graph.integers(`cut_${input}_${from}_to`, [to]),
      graph.integers(`cut_${input}_${from}_axis`, [axis]),
    ])
  const reshape = (input: string, dims: readonly number[]): string =>
    graph.node('Reshape', [input, graph.integers(`shape_${input}`, dims)])

  const used = (blocks + 1) * (block / 2)
  const whole = used < samples ? cut(signal, 2, 0, used) : signal
  const halves = graph.node('Transpose', [reshape(whole, [-1, blocks + 1, N1 / 2, N2])], { perm: [0, 1, 3, 2] })
  const overlapped = graph.node('Concat', [cut(halves, 1, 0, blocks), cut(halves, 1, 1, blocks + 1)], { axis: 3 })
  const windowed = graph.node('Mul', [overlapped, graph.constant('hann', [N2, N1], columns(hann(block), N2))])
  // One product for all blocks, its result with k1 in front, so that the next is a batch of large ones.
  const first = graph.node(
    'Gemm',
    [graph.constant('dft_first', [2 * K1, N1], firstStage(N1)), reshape(windowed, [-1, N1])],
    { transB: 1 },
  )
  const parts = graph.node('Transpose', [reshape(first, [K1, 2, -1, N2])], { perm: [0, 2, 1, 3] })
  const second = graph.constant('dft_second', [K1, 2 * N2, 2 * N2], secondStage(N1))
  const lines = graph.node('MatMul', [reshape(parts, [K1, -1, 2 * N2]), second])
  // Real and imaginary parts of all blocks of a line are summed alike.
  const powers = graph.node('ReduceSumSquare', [reshape(lines, [K1, -1, 2 * blocks, N2])], { axes: [2], keepdims: 0 })
  const banded = graph.node('MatMul', [
    reshape(graph.node('Transpose', [powers], { perm: [1, 0, 2] }), [-1, K1 * N2]),
    graph.constant('lines_to_levels', [K1 * N2, levels], bandMatrix(shape, N1)),
  ])
  return { signal, energies: reshape(banded, [-1, C, levels]) }
}

/** Less mean and least-squares slope. The mean goes first: what is left of a large offset would drown in rounding. */
function detrended(graph: GraphBuilder, samples: number): string {
  const centred = graph.node('Sub', ['window', graph.node('ReduceMean', ['window'], { axes: [2] })])
  const norm = Math.sqrt((samples * (samples * samples - 1)) / 12)
  const ramp = Float64Array.from({ length: samples }, (_, i) => (i - (samples - 1) / 2) / norm)
  const column = graph.constant('ramp', [samples, 1], ramp)
  const row = graph.node('Reshape', [column, graph.integers('shape_ramp', [1, samples])])
  return graph.node('Sub', [centred, graph.node('MatMul', [graph.node('MatMul', [centred, column]), row])])
}

/** [n1 N2 + n2] -> [n2, n1]. */
function columns(values: Float64Array, width: number): Float64Array {
  const rows = values.length / width
  return Float64Array.from(values, (_, i) => values[(i % rows) * width + Math.floor(i / rows)]!)
}

/** [(k1, re | im), n1] */
function firstStage(N1: number): Float64Array {
  const matrix = new Float64Array((N1 + 2) * N1)
  for (let k1 = 0; k1 <= N1 / 2; k1++) {
    for (let n1 = 0; n1 < N1; n1++) {
      const angle = (2 * Math.PI * ((n1 * k1) % N1)) / N1
      matrix[2 * k1 * N1 + n1] = Math.cos(angle)
      matrix[(2 * k1 + 1) * N1 + n1] = -Math.sin(angle)
    }
  }
  return matrix
}

/** [k1, (re | im, n2), (re | im, k2)] */
function secondStage(N1: number): Float64Array {
  const size = 2 * N2
  const matrix = new Float64Array((N1 / 2 + 1) * size * size)
  for (let k1 = 0; k1 <= N1 / 2; k1++) {
    for (let n2 = 0; n2 < N2; n2++) {
      for (let k2 = 0; k2 < N2; k2++) {
        const angle = (2 * Math.PI * ((n2 * (k1 + N1 * k2)) % (N1 * N2))) / (N1 * N2)
        const re = (k1 * size + n2) * size
        const im = re + N2 * size
        matrix[re + k2] = Math.cos(angle)
        matrix[re + N2 + k2] = -Math.sin(angle)
        matrix[im + k2] = Math.sin(angle)
        matrix[im + N2 + k2] = Math.cos(angle)
      }
    }
  }
  return matrix
}

/** [(k1, k2), levels]: the share of line k1 + N1 k2, or of the line with the same power below half the rate. */
function bandMatrix(shape: BandsShape, N1: number): Float64Array {
  const { block } = shape
  const levels = levelsOf(shape)
  const weights = lineWeights(shape)
  const matrix = new Float64Array((N1 / 2 + 1) * N2 * levels)
  for (let k1 = 0; k1 <= N1 / 2; k1++) {
    for (let k2 = 0; k2 < N2; k2++) {
      const k = k1 + N1 * k2
      const line = Math.min(k, block - k)
      // For k1 = 0 and N1/2 a line comes twice, as k and as block - k.
      if (line === block / 2 || ((k1 === 0 || k1 === N1 / 2) && k > block / 2)) continue
      matrix.set(weights.subarray(line * levels, (line + 1) * levels), (k1 * N2 + k2) * levels)
    }
  }
  return matrix
}
