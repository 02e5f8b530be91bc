// The scorer: a process that may be killed at any time. Reads a frame, does what it says, answers, reads the next.
//
// It blocks on purpose, in readSync as in session.run: nothing else lives here, and every wake-up of an event loop costs
// as much as scoring a small batch. It ends when stdin does (the host ended it, or is gone). While it is inside a run it
// cannot notice that: PR_SET_PDEATHSIG, set by setpriv in launch.ts, kills it then.
import { createRequire } from 'node:module'
import { listSupportedBackends } from 'onnxruntime-node'
import { systemClock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import { readFrame, readSlot, writeAll } from './child-io.ts'
import type { ChildModel } from './child-model.ts'
import { type LoadContext, loadModel } from './load-model.ts'
import { profileModel } from './profile.ts'
import {
  BATCH_BYTES_MAX,
  decodeJson,
  decodeLoad,
  encodeJson,
  FRAME,
  type Frame,
  type Hello,
  type Init,
  PROTOCOL_VERSION,
  protocolError,
  viewOf,
} from './protocol.ts'
import { quietRuntime } from './providers.ts'

const models: ChildModel[] = []
const backends = listSupportedBackends().map(backend => backend.name)
// A large ArrayBuffer begins 16 bytes into a page. The kernel's copy into that address takes six times as long as into
// any other tried (AMD EPYC: 100 against 15 µs for 164 kB, 636 against 100 µs for 1 MiB), hence 64-byte alignment.
const ALIGNMENT_BYTES = 48
// Untouched pages cost nothing: only as much becomes resident as the largest batch needs.
const input = new Float32Array(new ArrayBuffer(ALIGNMENT_BYTES + BATCH_BYTES_MAX), ALIGNMENT_BYTES)
const context: LoadContext = {
  backends: new Set(backends),
  unavailable: new Map(),
  input,
  clock: systemClock(),
  onTry: () => {},
}
let slotBytes = 0

async function load(frame: Frame): Promise<void> {
  const { meta, model } = decodeLoad(frame.payload)
  const onTry = (provider: string): void => writeAll(encodeJson(FRAME.progress, frame.id, { provider }))
  const outcome = await loadModel(meta, model, { ...context, onTry })
  if ('refused' in outcome) return writeAll(encodeJson(FRAME.refused, frame.id, outcome.refused))
  models.push(outcome.model)
  writeAll(encodeJson(FRAME.loaded, frame.id, outcome.loaded))
}

async function score(frame: Frame): Promise<void> {
  const view = viewOf(frame.payload)
  const model = models[view.getUint32(0, true)]
  const count = view.getUint32(4, true)
  const slot = view.getUint32(8, true)
  // An empty batch aborts the process inside LSTM and GRU; a host that sends one is broken.
  if (!model || count < 1 || count > model.meta.batchMax)
    throw protocolError(`a batch of ${count} for an unknown model`)
  readSlot(model.inputBytes(count), slot * slotBytes)
  try {
    await model.run(count)
  } catch (error) {
    return writeAll(encodeJson(FRAME.failed, frame.id, { message: messageOf(error) }))
  }
  writeAll(model.answer(frame.id, count))
}

async function profile(frame: Frame): Promise<void> {
  const { meta, model } = decodeLoad(frame.payload)
  const outcome = await profileModel(meta, model, context.backends)
  if ('refused' in outcome) writeAll(encodeJson(FRAME.refused, frame.id, outcome.refused))
  else writeAll(encodeJson(FRAME.profiled, frame.id, outcome))
}

async function handle(frame: Frame): Promise<void> {
  if (frame.type === FRAME.score) await score(frame)
  else if (frame.type === FRAME.load) await load(frame)
  else if (frame.type === FRAME.profile) await profile(frame)
  else if (frame.type === FRAME.init) slotBytes = decodeJson<Init>(frame.payload).slotBytes
  else throw protocolError(`frame type ${frame.type}`)
}

async function main(): Promise<void> {
  quietRuntime()
  const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string }
  const hello: Hello = { protocol: PROTOCOL_VERSION, onnxruntime: version, backends }
  writeAll(encodeJson(FRAME.hello, 0, hello))
  for (let frame = readFrame(); frame && frame.type !== FRAME.end; frame = readFrame()) await handle(frame)
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : messageOf(error)}\n`)
    process.exit(1)
  },
)
