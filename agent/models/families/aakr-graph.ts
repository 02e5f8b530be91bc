// Nodes of one memory; see memory.ts for the mathematics. |q|² is the same for every remembered point, so Softmax loses it, and
// two Gemms with the memory are left: 23 kflop for a row of 38 channels against 300 points.
import type { GraphBuilder } from '../file/graph.ts'
import type { PartNodes } from './family.ts'
import type { Memory } from './memory.ts'
import { lastRows } from './var-graph.ts'

export function addMemory(graph: GraphBuilder, z: string, samples: number, memory: Memory, limit: number): PartNodes {
  const { channels: C, rows, count, vectors, h2, inverse } = memory
  const size = C * rows
  const name = (what: string): string => `memory_${rows}_${what}`
  const recent = samples === rows ? z : lastRows(graph, z, samples - rows, samples)
  const point = graph.node('Flatten', [recent], { axis: 1 })
  const remembered = graph.constant(name('vectors'), [count, size], vectors)
  const halves = Float64Array.from({ length: count }, (_, k) => {
    let squares = 0
    for (let i = k * size; i < (k + 1) * size; i++) squares += Math.fround(vectors[i]!) ** 2
    return -squares / 2
  })
  const scale = { alpha: { float: 1 / h2 }, beta: { float: 1 / h2 }, transB: 1 }
  const nearness = graph.node('Gemm', [point, remembered, graph.constant(name('squares'), [count], halves)], scale)
  const expected = graph.node('MatMul', [graph.node('Softmax', [nearness], { axis: 1 }), remembered])
  const perEntry = Float64Array.from({ length: size }, (_, i) => inverse[Math.floor(i / rows)]! / limit)
  const residual = graph.node('Mul', [
    graph.node('Sub', [point, expected]),
    graph.constant(name('inverse'), [size], perEntry),
  ])
  const squared = graph.node('Mul', [residual, residual])
  return {
    score: graph.node('ReduceL2', [residual], { axes: [1], keepdims: 0 }),
    blame: rows === 1 ? squared : perChannel(graph, squared, C, rows),
  }
}

/** Sums [batch, channels * rows] to [batch, channels]. */
function perChannel(graph: GraphBuilder, squared: string, channels: number, rows: number): string {
  const shaped = graph.node('Reshape', [squared, graph.integers(`memory_${rows}_shape`, [0, channels, rows])])
  return graph.node('ReduceSum', [shaped, graph.integers(`memory_${rows}_axis`, [2])], { keepdims: 0 })
}
