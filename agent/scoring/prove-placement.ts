// Which providers this machine has, and on which of them each node of a model runs: asked of throw-away children.
import type { ScorerConfig } from '../config/contract.ts'
import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { Provider } from './contract.ts'
import { Deadline } from './deadline.ts'
import { type Environment, launchCommand } from './launch.ts'
import { LOAD_DEADLINE_MS } from './load-settings.ts'
import {
  decodeJson,
  encodeLoad,
  FRAME,
  type LoadMeta,
  type NodePlacement,
  type Profiled,
  type Refused,
} from './protocol.ts'
import { ScorerProcess } from './scorer-process.ts'

export interface ProviderProof {
  provider: Provider
  /** The nodes of the optimised graph in the order they ran, or why there are none. */
  nodes: NodePlacement[] | undefined
  reason: string | undefined
}

export interface PlacementProof {
  onnxruntime: string
  /** One per provider of the ladder, in its order. */
  providers: ProviderProof[]
}

export interface ProofParts {
  config: ScorerConfig
  clock: Clock
  logger: Logger
  environment: Environment
}

/**
 * Runs `model` once on each provider of the ladder with ONNX Runtime's profiler on. A provider that kills its child is
 * reported like any other that cannot be had. Throws SCORER_DIED when no child can be started.
 */
export async function provePlacement(model: Uint8Array, name: string, parts: ProofParts): Promise<PlacementProof> {
  const proof: PlacementProof = { onnxruntime: '', providers: [] }
  for (const provider of parts.config.providers) {
    const process = await startChild(provider, parts)
    proof.onnxruntime = process.hello.onnxruntime
    proof.providers.push(await proveOn(process, provider, model, name, parts))
    await process.end()
  }
  return proof
}

function startChild(provider: Provider, parts: ProofParts): Promise<ScorerProcess> {
  const { config, clock, logger, environment } = parts
  return ScorerProcess.start({
    command: launchCommand([provider], config.memoryMb, environment),
    slotBytes: 4,
    memoryMb: config.memoryMb,
    clock,
    logger,
    onSpawn: () => {},
  })
}

async function proveOn(
  process: ScorerProcess,
  provider: Provider,
  model: Uint8Array,
  name: string,
  parts: ProofParts,
): Promise<ProviderProof> {
  const answer = new Promise<ProviderProof>(resolve => {
    process.listen((type, _id, payload) => {
      if (type === FRAME.profiled) resolve({ provider, nodes: decodeJson<Profiled>(payload).nodes, reason: undefined })
      else resolve({ provider, nodes: undefined, reason: reasonOf(decodeJson<Refused>(payload)) })
    })
  })
  const deadlineMs = LOAD_DEADLINE_MS[provider]
  const deadline = new Deadline(parts.clock, () => process.kill('deadline', `no profile within ${deadlineMs} ms`))
  deadline.arm(deadlineMs)
  process.send(encodeLoad(FRAME.profile, 1, profileMeta(provider, name, parts.config), model))
  const died = process.closed.then(death => ({ provider, nodes: undefined, reason: death.message }))
  const got = await Promise.race([answer, died])
  deadline.disarm()
  return got
}

function reasonOf(refused: Refused): string {
  return refused.notTaken[0]?.reason ?? refused.message
}

/** The shape is the session's own, so models without a manifest can be profiled too. */
function profileMeta(provider: Provider, name: string, config: ScorerConfig): LoadMeta {
  return {
    name,
    channels: 0,
    samples: 0,
    contributions: 0,
    features: 0,
    selfTest: { windows: '', scores: [], tolerance: 0 },
    providers: [provider],
    require: true,
    deviceId: config.deviceId,
    threads: config.threads,
    batchMax: 1,
  }
}
