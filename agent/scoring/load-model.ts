// From the bytes of a model to something that may score, or to the reason why not (runs in the child).

import type { Clock } from '../core/clock.ts'
import { AgentError, messageOf } from '../core/errors.ts'
import { ChildModel } from './child-model.ts'
import type { Provider } from './contract.ts'
import {
  checkBounds,
  checkFinite,
  checkSelfTest,
  checkSignature,
  contractError,
  type SelfTestData,
  selfTestData,
} from './model-check.ts'
import type { Loaded, LoadMeta, Refused } from './protocol.ts'
import { shorten } from './provider-reason.ts'
import { climb, createSession, isAbsence, type Unavailable } from './providers.ts'

export interface LoadContext {
  backends: ReadonlySet<string>
  unavailable: Unavailable
  /** Shared by all models of the child; BATCH_BYTES_MAX long. */
  input: Float32Array
  clock: Clock
  onTry(provider: Provider): void
}

export type LoadOutcome = { model: ChildModel; loaded: Loaded } | { refused: Refused }

/**
 * Climbs the ladder; on each provider creates the session, holds it against the contract, runs the self-test and warms
 * up. A self-test that fails on a GPU is a reason not to take the GPU; one that fails on the last rung refuses the model.
 */
export async function loadModel(meta: LoadMeta, bytes: Uint8Array, context: LoadContext): Promise<LoadOutcome> {
  const providers = meta.require ? meta.providers.slice(0, 1) : meta.providers
  try {
    checkBounds(meta)
    const test = selfTestData(meta)
    const climbed = await climb({ providers, backends: context.backends, unavailable: context.unavailable }, provider =>
      tryProvider(meta, bytes, test, provider, context),
    )
    const { notTaken } = climbed
    if (climbed.got === undefined) return { refused: unavailable(meta, notTaken) }
    const { model, windowUs } = climbed.got
    return { model, loaded: { provider: climbed.provider, notTaken, windowUs } }
  } catch (error) {
    return { refused: refusalOf(meta, error) }
  }
}

async function tryProvider(
  meta: LoadMeta,
  bytes: Uint8Array,
  test: SelfTestData,
  provider: Provider,
  context: LoadContext,
): Promise<{ model: ChildModel; windowUs: number }> {
  context.onTry(provider)
  const session = await createSession(bytes, provider, meta).catch((error: unknown) => {
    if (isAbsence(error)) throw error
    throw new AgentError(
      'MODEL_UNREADABLE',
      `${meta.name}: ONNX Runtime cannot read it on ${provider}: ${shorten(messageOf(error))}. Fetch or export it again.`,
      { cause: error },
    )
  })
  try {
    checkSignature(meta, session.inputMetadata, session.outputMetadata)
    const model = new ChildModel(meta, session, context.input)
    await selfTest(model, test, provider, context.input)
    return { model, windowUs: await medianUs(model, context.clock) }
  } catch (error) {
    await session.release()
    throw error
  }
}

/** Every window of the self-test once, then one full batch of them: what the live path will ask for must work now. */
async function selfTest(model: ChildModel, test: SelfTestData, provider: Provider, input: Float32Array): Promise<void> {
  const { meta, floatsPerWindow } = model
  for (let first = 0; first < test.count; first += meta.batchMax) {
    const count = Math.min(meta.batchMax, test.count - first)
    input.set(test.windows.subarray(first * floatsPerWindow, (first + count) * floatsPerWindow))
    await checkedRun(model, count)
    checkSelfTest(meta, provider, first, model.outputs(count).score)
  }
  for (let i = 0; i < meta.batchMax; i++) {
    const from = (i % test.count) * floatsPerWindow
    input.set(test.windows.subarray(from, from + floatsPerWindow), i * floatsPerWindow)
  }
  await checkedRun(model, meta.batchMax)
  checkSelfTest(meta, provider, 0, model.outputs(meta.batchMax).score.subarray(0, test.count))
}

async function checkedRun(model: ChildModel, count: number): Promise<void> {
  const { meta } = model
  await model.run(count).catch((error: unknown) => {
    throw contractError(meta, `expected a batch of ${count} to run, found: ${shorten(messageOf(error))}`)
  })
  for (const [name, values] of Object.entries(model.outputs(count))) checkFinite(meta, name, values)
}

/** µs per window at batch 1, median of at most 15 runs or 30 ms: enough for a log line. */
async function medianUs(model: ChildModel, clock: Clock): Promise<number> {
  const timesMs: number[] = []
  const endMs = clock.monotonicMs() + 30
  while (timesMs.length < 15 && (timesMs.length < 3 || clock.monotonicMs() < endMs)) {
    const startMs = clock.monotonicMs()
    await model.run(1)
    timesMs.push(clock.monotonicMs() - startMs)
  }
  timesMs.sort((a, b) => a - b)
  return Math.round((timesMs[timesMs.length >> 1] ?? 0) * 1000)
}

function unavailable(meta: LoadMeta, notTaken: Refused['notTaken']): Refused {
  const reasons = notTaken.map(({ provider, reason }) => `${provider}: ${reason}`).join('; ')
  const wanted = meta.require ? 'the required provider' : 'any provider of the ladder'
  return {
    code: 'PROVIDER_UNAVAILABLE',
    message: `${meta.name}: cannot have ${wanted} (${reasons}). Install what is missing, or add cpu to scorer.provider.`,
    notTaken,
  }
}

function refusalOf(meta: LoadMeta, error: unknown): Refused {
  const known = error instanceof AgentError && (error.code === 'MODEL_UNREADABLE' || error.code === 'MODEL_SELF_TEST')
  return {
    code: known ? (error.code as Refused['code']) : 'MODEL_CONTRACT',
    message: error instanceof AgentError ? error.message : `${meta.name}: ${shorten(messageOf(error))}`,
    notTaken: [],
  }
}
