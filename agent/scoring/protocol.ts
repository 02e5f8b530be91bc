// What host and child say to each other.
//
// Three descriptors: the child's stdin carries frames to it, its stdout frames from it, and descriptor 3 is the slot
// file: an unlinked file in memory (/dev/shm) with one slot per batch in flight. Windows go through a slot, because a
// socket pair moves a megabyte in small pieces, each a wake-up (FACTS of the project: 8 x 512 floats at batch 64 reach
// 0.57-0.62 of a tight loop through the pipe, 0.70-0.78 through shared memory); everything else goes through the pipe.
//
//   frame    magic u32 | type u32 | id u32 | length u32 | payload[length]           all little-endian
//   id       chosen by the host; the answer carries the id of what it answers
//   length   bounded per direction; a longer one, or another magic, means the stream is lost: the child ends, the
//            host kills it. No checksum: a pipe between two processes of one machine does not flip bits.
//
//   host -> child                                      child -> host
//   ------------------------------------------------   -----------------------------------------------------------
//   (at start)                                         HELLO    JSON Hello; another version is refused
//   INIT     JSON Init                                 (none)
//   LOAD     metaLength u32 | JSON LoadMeta | model    PROGRESS JSON Progress, any number, then
//                                                      LOADED JSON Loaded  or  REFUSED JSON Refused
//   SCORE    model u32 | count u32 | slot u32          SCORES   count u32 | K u32 | F u32 | 0 u32 | scores f32[count]
//            (the windows lie in the slot, f32              | contributions f32[count x K] | features f32[count x F]
//            [count, channels, samples], count >= 1)   or FAILED JSON Failed: the run threw, the child lives
//   PROFILE  like LOAD, the manifest parts unused      PROFILED JSON Profiled  or  REFUSED
//   END      (or the end of stdin)                     (exits 0)
//
// The child answers in the order it was asked. `model` is the index of the LOAD among those that succeeded.
import { AgentError } from '../core/errors.ts'
import type { LoadResult, Provider } from './contract.ts'

export const PROTOCOL_VERSION = 1
export const FRAME_MAGIC = 0x31535757 // "WWS1"
export const HEADER_BYTES = 16
/** Sub-header of SCORE (with a reserved word) and of SCORES. */
export const SUB_HEADER_BYTES = 16
export const SLOTS = 2

/** Four times what the model room reads. */
export const MODEL_BYTES_MAX = 64 * 2 ** 20
export const META_BYTES_MAX = 16 * 2 ** 20
/** Windows of one batch, together. */
export const BATCH_BYTES_MAX = 4 * 2 ** 20
/** 1 Mi floats: 8 channels of 5 s at 25.6 kHz. */
export const WINDOW_FLOATS_MAX = BATCH_BYTES_MAX / 4
/** Labels of contributions, and of features. */
export const LABELS_MAX = 4096
export const TO_CHILD_BYTES_MAX = MODEL_BYTES_MAX + META_BYTES_MAX + 4
export const FROM_CHILD_BYTES_MAX = 32 * 2 ** 20

export const FRAME = {
  hello: 1,
  init: 2,
  load: 3,
  progress: 4,
  loaded: 5,
  refused: 6,
  score: 7,
  scores: 8,
  failed: 9,
  profile: 10,
  profiled: 11,
  end: 12,
} as const

export interface Hello {
  protocol: number
  onnxruntime: string
  /** Providers this build of onnxruntime-node was compiled for; whether their libraries are there is another matter. */
  backends: string[]
}

export interface Init {
  slotBytes: number
}

export interface NotTaken {
  provider: Provider
  reason: string
}

/** What the child needs of a manifest. */
export interface LoadMeta {
  name: string
  channels: number
  samples: number
  /** Sizes of the manifest's label lists. */
  contributions: number
  features: number
  selfTest: { windows: string; scores: number[]; tolerance: number }
  providers: readonly Provider[]
  require: boolean
  deviceId: number
  threads: number
  /** Windows per batch, already bounded by BATCH_BYTES_MAX. */
  batchMax: number
}

export interface Progress {
  /** The provider being tried from now on. */
  provider: Provider
}

export interface Loaded {
  provider: Provider
  notTaken: NotTaken[]
  windowUs: number
}

export interface Refused {
  code: LoadResult['refused'][number]['code']
  message: string
  notTaken: NotTaken[]
}

export interface Failed {
  message: string
}

/** One node of the optimised graph and where it ran. */
export interface NodePlacement {
  node: string
  op: string
  provider: string
}

export interface Profiled {
  nodes: NodePlacement[]
}

export interface Frame {
  type: number
  id: number
  payload: Uint8Array
}

export function writeHeader(target: DataView, type: number, id: number, payloadBytes: number): void {
  target.setUint32(0, FRAME_MAGIC, true)
  target.setUint32(4, type, true)
  target.setUint32(8, id, true)
  target.setUint32(12, payloadBytes, true)
}

export function encodeFrame(type: number, id: number, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES + payload.length)
  writeHeader(new DataView(frame.buffer), type, id, payload.length)
  frame.set(payload, HEADER_BYTES)
  return frame
}

export function encodeJson(type: number, id: number, body: unknown): Uint8Array {
  return encodeFrame(type, id, Buffer.from(JSON.stringify(body)))
}

export function encodeLoad(type: number, id: number, meta: LoadMeta, model: Uint8Array): Uint8Array {
  const json = Buffer.from(JSON.stringify(meta))
  const payload = new Uint8Array(4 + json.length + model.length)
  new DataView(payload.buffer).setUint32(0, json.length, true)
  payload.set(json, 4)
  payload.set(model, 4 + json.length)
  return encodeFrame(type, id, payload)
}

export function decodeLoad(payload: Uint8Array): { meta: LoadMeta; model: Uint8Array } {
  const metaBytes = viewOf(payload).getUint32(0, true)
  if (4 + metaBytes > payload.length) throw protocolError(`metadata of ${metaBytes} bytes in ${payload.length}`)
  return {
    meta: decodeJson<LoadMeta>(payload.subarray(4, 4 + metaBytes)),
    model: payload.subarray(4 + metaBytes),
  }
}

export function encodeScore(id: number, model: number, count: number, slot: number): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES + SUB_HEADER_BYTES)
  const view = new DataView(frame.buffer)
  writeHeader(view, FRAME.score, id, SUB_HEADER_BYTES)
  view.setUint32(16, model, true)
  view.setUint32(20, count, true)
  view.setUint32(24, slot, true)
  return frame
}

export function decodeJson<T>(payload: Uint8Array): T {
  return JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString()) as T
}

/** Length of the payload that follows a header; throws SCORER_PROTOCOL when this is no header or the length is out of bounds. */
export function payloadBytesOf(header: DataView, bytesMax: number): number {
  const magic = header.getUint32(0, true)
  const length = header.getUint32(12, true)
  if (magic !== FRAME_MAGIC) throw protocolError(`magic 0x${magic.toString(16)} instead of a frame`)
  if (length > bytesMax) throw protocolError(`a frame of ${length} bytes, at most ${bytesMax} are allowed`)
  return length
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

export function protocolError(what: string): AgentError {
  return new AgentError('SCORER_PROTOCOL', `scorer pipe: ${what}; the scorer is ended and started anew`)
}
