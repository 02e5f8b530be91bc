// One ONNX Runtime session on one provider, and the ladder that finds the provider (runs in the child).
import { type InferenceSession, env as ortEnv, InferenceSession as Session } from 'onnxruntime-node'
import { AgentError } from '../core/errors.ts'
import type { Provider } from './contract.ts'
import type { NotTaken } from './protocol.ts'
import { reasonFor } from './provider-reason.ts'

export interface SessionSettings {
  deviceId: number
  threads: number
  /** Prefix of the trace file; absent: no profiling. */
  profilePrefix?: string
}

/** Providers found wanting, with the reason. Probing costs up to a second each, so once per child is enough. */
export type Unavailable = Map<Provider, string>

/** ONNX Runtime prints each failed provider to stderr in colour; the reason reaches the log in words instead. */
export function quietRuntime(): void {
  ortEnv.logLevel = 'fatal'
}

/**
 * A session from bytes: never from a path, which would let a model read the files beside it (external data).
 *
 * `cpu` follows every other provider because ONNX Runtime has no kernel elsewhere for some shape operators and would
 * refuse the model; so single nodes may still run on the CPU, and `wearwatch doctor --providers` shows which.
 */
export function createSession(
  model: Uint8Array,
  provider: Provider,
  settings: SessionSettings,
): Promise<InferenceSession> {
  const { deviceId, threads, profilePrefix } = settings
  return Session.create(model, {
    executionProviders: provider === 'cpu' ? ['cpu'] : [{ name: provider, deviceId }, 'cpu'],
    // One thread beats two on models this small (20,847 against 12,158 runs/s for a 640-wide autoencoder).
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    logSeverityLevel: 4,
    ...(profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: profilePrefix }),
  })
}

export interface Ladder {
  providers: readonly Provider[]
  /** Providers this build knows. */
  backends: ReadonlySet<string>
  unavailable: Unavailable
}

/**
 * Tries the providers one at a time: a list would hide which one was taken. `attempt` creates, checks and tests the
 * model; when it finds fault with the model on the last rung the error goes to the caller.
 */
export async function climb<T>(
  ladder: Ladder,
  attempt: (provider: Provider) => Promise<T>,
): Promise<{ got: T; provider: Provider; notTaken: NotTaken[] } | { got: undefined; notTaken: NotTaken[] }> {
  const notTaken: NotTaken[] = []
  for (const provider of ladder.providers) {
    const known = ladder.backends.has(provider)
      ? ladder.unavailable.get(provider)
      : `not in this build of onnxruntime-node (${process.platform}-${process.arch})`
    if (known !== undefined) {
      notTaken.push({ provider, reason: known })
      continue
    }
    try {
      return { got: await attempt(provider), provider, notTaken }
    } catch (error) {
      const lastRung = provider === ladder.providers.at(-1)
      if (lastRung && error instanceof AgentError) throw error
      const reason = reasonFor(provider, error)
      // A missing library or device fails every model; a node the provider cannot run fails this one only.
      if (provider !== 'cpu' && isAbsence(error)) ladder.unavailable.set(provider, reason)
      notTaken.push({ provider, reason })
    }
  }
  return { got: undefined, notTaken }
}

/** Whether the provider itself is missing, rather than the model at fault. */
export function isAbsence(error: unknown): boolean {
  return /AppendExecutionProvider|Failed to load (shared )?library|CUDA failure|no CUDA-capable device/i.test(
    String(error),
  )
}
