// Runs a model file of family `bands` in ONNX Runtime, and says how far it is from a reference in float64.
import * as ort from 'onnxruntime-node'

export interface BandsOutputs {
  scores: number[]
  contributions: number[][]
  features: number[][]
}

/** `windows`: [channels x samples] each, the speed included where the model takes it. */
export async function runBands(
  bytes: Uint8Array,
  channels: number,
  windows: readonly Float32Array[],
): Promise<BandsOutputs> {
  const session = await ort.InferenceSession.create(bytes, { intraOpNumThreads: 1 })
  const input = new Float32Array(windows.length * windows[0]!.length)
  windows.forEach((window, i) => {
    input.set(window, i * window.length)
  })
  const out = await session.run({
    window: new ort.Tensor('float32', input, [windows.length, channels, windows[0]!.length / channels]),
  })
  await session.release()
  const rows = (name: string): number[][] => {
    const data = out[name]!.data as Float32Array
    const width = data.length / windows.length
    return windows.map((_, i) => [...data.subarray(i * width, (i + 1) * width)])
  }
  return { scores: rows('score').flat(), contributions: rows('contributions'), features: rows('features') }
}

/** The largest difference, relative to what is wanted, or to `floor` where that is less. */
export const worstOf = (got: readonly number[], want: readonly number[], floor: number): number =>
  Math.max(...got.map((value, i) => Math.abs(value - want[i]!) / Math.max(Math.abs(want[i]!), floor)))
