// Nodes from a raw window to the energies of its bands, with operators that every provider has. The transform of a block of
// N = N1 x N2 samples, n = n1 N2 + n2, gives line k = k1 + N1 k2 in two matrix products:
//
//   Y[n2, k1] = sum over n1 of  x[n1 N2 + n2] hann[n] exp(-2 pi i n1 k1 / N1) exp(-2 pi i n2 k1 / N)     one matrix per n2
//   X[k2, k1] = sum over n2 of  Y[n2, k1] exp(-2 pi i n2 k2 / N2)                                        one matrix for all k1
//
// x is real, so k1 = 0 to N1/2 give all powers: line k with k mod N1 above N1/2 has the power of line N - k; and only those k2 are
// computed that have a line in a band. For 1,024 samples that is 87 products a sample and 150 kB of weights; one matrix for all of
// it would be 800 products and 3.2 MB.
//
// n2 lies outermost, windows and blocks innermost: so the second product takes the result of the first as it lies, all lines and
// windows at once, and the window function costs nothing. In the same processor time that is 1.3 times the windows of a product per k1
// (median of eight rounds, 0.9 to 1.5).
import type { GraphBuilder } from '../file/graph.ts'
import { type BandsShape, hann, levelsOf, lineWeights } from './bands-shape.ts'

const N2 = 32

/**
 * Adds nodes; returns the detrended window [batch, channels, samples] and the mean squares [batch, channels, bands + groups].
 * `window` [batch, channels, samples]: raw acceleration.
 */
export function bandEnergies(
  graph: GraphBuilder,
  shape: BandsShape,
  window: string,
): { signal: string; energies: string } {
  const { channels: C, samples, block, blocks } = shape
  const levels = levelsOf(shape)
  const N1 = block / N2
  const K1 = N1 / 2 + 1
  const signal = detrended(graph, window, samples)
  const reshape = (input: string, dims: readonly number[]): string =>
    graph.node('Reshape', [input, graph.integers(`shape_${input}`, dims)])

  const blocksOfAll = overlapped(graph, shape, signal)
  const first = graph.constant('dft_first', [N2, 2 * K1, N1], firstStage(block))
  const half = graph.node('MatMul', [first, graph.node('Transpose', [blocksOfAll], { perm: [0, 2, 1] })])
  const k2 = usedK2(shape)
  const second = graph.constant('dft_second', [2 * k2.length, 2 * N2], secondStage(k2))
  const lines = graph.node('MatMul', [second, reshape(half, [2 * N2, -1])])
  const squares = graph.node('Mul', [lines, lines])
  // Real and imaginary parts, then blocks. The first as a product: over two long rows ReduceSum takes ten times as long.
  const powers = graph.node('MatMul', [graph.constant('re_and_im', [1, 2], [1, 1]), reshape(squares, [2, -1])])
  const perLine = graph.node(
    'ReduceSum',
    [reshape(powers, [k2.length * K1, -1, blocks]), graph.integers('axis_blocks', [2])],
    { keepdims: 0 },
  )
  const weights = graph.constant('lines_to_levels', [levels, k2.length * K1], bandMatrix(shape, k2))
  const banded = graph.node('Transpose', [graph.node('MatMul', [weights, perLine])], { perm: [1, 0] })
  return { signal, energies: reshape(banded, [-1, C, levels]) }
}

/** [n2, windows x blocks, n1]: the even blocks of a window lie one after another, so do the odd ones. */
function overlapped(graph: GraphBuilder, { samples, block, blocks }: BandsShape, signal: string): string {
  const half = block / N2 / 2
  const used = (blocks + 1) * (block / 2)
  const cut = (name: string, input: string, from: number, to: number): string =>
    graph.node('Slice', [
      input,
      ...[from, to, 2].map((at, i) => graph.integers(`${name}_${['from', 'to', 'axis'][i]}`, [at])),
    ])
  const reshape = (input: string, dims: readonly number[]): string =>
    graph.node('Reshape', [input, graph.integers(`shape_${input}`, dims)])
  const whole = used < samples ? cut('used', signal, 0, used) : signal
  const runs = graph.node('Transpose', [reshape(whole, [-1, used / N2, N2])], { perm: [2, 0, 1] })
  const length = 2 * half * Math.ceil(blocks / 2)
  const even = length < used / N2 ? cut('even', runs, 0, length) : runs
  const odd = cut('odd', runs, half, half + 2 * half * Math.floor(blocks / 2))
  return reshape(graph.node('Concat', [even, odd], { axis: 2 }), [N2, -1, 2 * half])
}

/** Those with a line in a band: a quarter of all lines lies above them. */
function usedK2(shape: BandsShape): number[] {
  const all = Array.from({ length: N2 }, (_, k2) => k2)
  const matrix = bandMatrix(shape, all)
  const K1 = shape.block / N2 / 2 + 1
  return all.filter(k2 =>
    Array.from({ length: levelsOf(shape) }, (_, level) => (level * N2 + k2) * K1).some(at =>
      matrix.subarray(at, at + K1).some(weight => weight > 0),
    ),
  )
}

/** Less mean and least-squares slope. The mean goes first: what is left of a large offset would drown in rounding. */
function detrended(graph: GraphBuilder, window: string, samples: number): string {
  const centred = graph.node('Sub', [window, graph.node('ReduceMean', [window], { axes: [2] })])
  const norm = Math.sqrt((samples * (samples * samples - 1)) / 12)
  const ramp = Float64Array.from({ length: samples }, (_, i) => (i - (samples - 1) / 2) / norm)
  const column = graph.constant('ramp', [samples, 1], ramp)
  const row = graph.node('Reshape', [column, graph.integers('shape_ramp', [1, samples])])
  return graph.node('Sub', [centred, graph.node('MatMul', [graph.node('MatMul', [centred, column]), row])])
}

/** [n2, (re | im, k1), n1], the window included. */
function firstStage(block: number): Float64Array {
  const N1 = block / N2
  const K1 = N1 / 2 + 1
  const window = hann(block)
  const matrix = new Float64Array(N2 * 2 * K1 * N1)
  for (let n2 = 0; n2 < N2; n2++) {
    for (let k1 = 0; k1 < K1; k1++) {
      const re = (n2 * 2 * K1 + k1) * N1
      const im = re + K1 * N1
      for (let n1 = 0; n1 < N1; n1++) {
        const n = n1 * N2 + n2
        const angle = (2 * Math.PI * ((n * k1) % block)) / block
        matrix[re + n1] = window[n]! * Math.cos(angle)
        matrix[im + n1] = -window[n]! * Math.sin(angle)
      }
    }
  }
  return matrix
}

/** [(re | im, k2), (n2, re | im)] */
function secondStage(k2: readonly number[]): Float64Array {
  const width = 2 * N2
  const matrix = new Float64Array(2 * k2.length * width)
  for (const [row, k] of k2.entries()) {
    const re = row * width
    const im = (k2.length + row) * width
    for (let n2 = 0; n2 < N2; n2++) {
      const angle = (2 * Math.PI * ((n2 * k) % N2)) / N2
      matrix[re + 2 * n2] = Math.cos(angle)
      matrix[re + 2 * n2 + 1] = Math.sin(angle)
      matrix[im + 2 * n2] = -Math.sin(angle)
      matrix[im + 2 * n2 + 1] = Math.cos(angle)
    }
  }
  return matrix
}

/** [levels, (k2, k1)]: the share of line k1 + N1 k2, or of the line with the same power below half the rate. */
function bandMatrix(shape: BandsShape, k2: readonly number[]): Float64Array {
  const { block } = shape
  const N1 = block / N2
  const K1 = N1 / 2 + 1
  const levels = levelsOf(shape)
  const weights = lineWeights(shape)
  const width = k2.length * K1
  const matrix = new Float64Array(levels * width)
  for (let column = 0; column < width; column++) {
    const k1 = column % K1
    const k = k1 + N1 * k2[Math.floor(column / K1)]!
    const line = Math.min(k, block - k)
    // For k1 = 0 and N1/2 a line comes twice, as k and as block - k.
    if (line === block / 2 || ((k1 === 0 || k1 === N1 / 2) && k > block / 2)) continue
    for (let level = 0; level < levels; level++) matrix[level * width + column] = weights[line * levels + level]!
  }
  return matrix
}
