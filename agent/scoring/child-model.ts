// A loaded model in the child: its session, and every buffer a batch touches, made once.
import { type InferenceSession, Tensor } from 'onnxruntime-node'
import { FRAME, HEADER_BYTES, type LoadMeta, SUB_HEADER_BYTES, viewOf, writeHeader } from './protocol.ts'

const OUTPUT_OFFSET = HEADER_BYTES + SUB_HEADER_BYTES

type Tensors = Record<string, Tensor>

/**
 * ONNX Runtime reads the batch where readSync put it and writes its outputs where writeSync takes them from: per batch
 * nothing is copied in JavaScript and nothing allocated that grows with it. Tensors of one batch size are made once.
 */
export class ChildModel {
  readonly meta: LoadMeta
  readonly floatsPerWindow: number
  readonly #session: InferenceSession
  readonly #input: Float32Array
  readonly #answer: ArrayBuffer
  readonly #tensors: ({ feeds: Tensors; fetches: Tensors } | undefined)[] = []

  /** `input` is shared by all models of the child: batches are scored one after the other. */
  constructor(meta: LoadMeta, session: InferenceSession, input: Float32Array) {
    this.meta = meta
    this.floatsPerWindow = meta.channels * meta.samples
    this.#session = session
    this.#input = input
    this.#answer = new ArrayBuffer(OUTPUT_OFFSET + meta.batchMax * this.#floatsPerRow * 4)
  }

  get #floatsPerRow(): number {
    return 1 + this.meta.contributions + this.meta.features
  }

  /** Bytes of the shared input that a batch of `count` fills. */
  inputBytes(count: number): Uint8Array {
    return new Uint8Array(this.#input.buffer, this.#input.byteOffset, count * this.floatsPerWindow * 4)
  }

  /** Scores what lies in the input. Throws what ONNX Runtime throws, also when an output has another shape than promised. */
  async run(count: number): Promise<void> {
    const { feeds, fetches } = (this.#tensors[count] ??= this.#makeTensors(count))
    await this.#session.run(feeds, fetches)
  }

  /** Outputs of the last run of that size: views, valid until the next run. */
  outputs(count: number): { score: Float32Array; contributions: Float32Array; features: Float32Array } {
    const { contributions, features } = this.meta
    const at = (offset: number, size: number): Float32Array =>
      new Float32Array(this.#answer, OUTPUT_OFFSET + offset * 4, size)
    return {
      score: at(0, count),
      contributions: at(count, count * contributions),
      features: at(count * (1 + contributions), count * features),
    }
  }

  /** The SCORES frame of the last run. */
  answer(id: number, count: number): Uint8Array {
    const payloadBytes = SUB_HEADER_BYTES + count * this.#floatsPerRow * 4
    const frame = new Uint8Array(this.#answer, 0, HEADER_BYTES + payloadBytes)
    const view = viewOf(frame)
    writeHeader(view, FRAME.scores, id, payloadBytes)
    view.setUint32(HEADER_BYTES, count, true)
    view.setUint32(HEADER_BYTES + 4, this.meta.contributions, true)
    view.setUint32(HEADER_BYTES + 8, this.meta.features, true)
    return frame
  }

  release(): Promise<void> {
    return this.#session.release()
  }

  #makeTensors(count: number): { feeds: Tensors; fetches: Tensors } {
    const { channels, samples, contributions, features } = this.meta
    const out = this.outputs(count)
    const window = this.#input.subarray(0, count * this.floatsPerWindow)
    return {
      feeds: { window: new Tensor('float32', window, [count, channels, samples]) },
      fetches: {
        score: new Tensor('float32', out.score, [count]),
        ...(contributions > 0
          ? { contributions: new Tensor('float32', out.contributions, [count, contributions]) }
          : {}),
        ...(features > 0 ? { features: new Tensor('float32', out.features, [count, features]) } : {}),
      },
    }
  }
}
