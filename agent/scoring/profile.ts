// Where the nodes of a model really ran: ONNX Runtime's own trace of one run (runs in the child).
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Tensor } from 'onnxruntime-node'
import { AgentError, messageOf } from '../core/errors.ts'
import type { LoadMeta, NodePlacement } from './protocol.ts'
import { shorten } from './provider-reason.ts'
import { createSession } from './providers.ts'

const TRACE_BYTES_MAX = 64 * 2 ** 20
/** Dynamic dimensions are profiled at this size; placement does not depend on it. */
const DYNAMIC_SIZE = 1

/**
 * Runs the model once on `meta.providers[0]` with zeros for input and returns the provider of each node of the
 * optimised graph, in the order of their first run. Throws AgentError when it cannot be had or cannot run.
 */
export async function profileModel(meta: LoadMeta, model: Uint8Array): Promise<NodePlacement[]> {
  const provider = meta.providers[0] ?? 'cpu'
  const folder = mkdtempSync(join(tmpdir(), 'wearwatch-profile-'))
  try {
    const session = await createSession(model, provider, { ...meta, profilePrefix: join(folder, 'trace') })
    const feeds: Record<string, Tensor> = {}
    for (const input of session.inputMetadata) {
      if (!input.isTensor || input.type !== 'float32') throw new Error(`input ${input.name} is not a float32 tensor`)
      const dims = input.shape.map(size => (typeof size === 'number' ? size : DYNAMIC_SIZE))
      feeds[input.name] = new Tensor('float32', new Float32Array(dims.reduce((a, b) => a * b, 1)), dims)
    }
    await session.run(feeds)
    session.endProfiling()
    await session.release()
    return parseTrace(readTrace(folder))
  } catch (error) {
    throw new AgentError('MODEL_UNREADABLE', `${meta.name}: no profile on ${provider}: ${shorten(messageOf(error))}`, {
      cause: error,
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The trace is an array of Chrome trace events; a node's kernel run names its operator and provider. */
export function parseTrace(json: string): NodePlacement[] {
  const events: unknown = JSON.parse(json)
  const nodes = new Map<string, NodePlacement>()
  for (const event of Array.isArray(events) ? events : []) {
    const { cat, name, args } = event as { cat?: string; name?: string; args?: Record<string, string> }
    if (cat !== 'Node' || !name?.endsWith('_kernel_time') || !args?.provider) continue
    const node = name.slice(0, -'_kernel_time'.length)
    nodes.set(node, { node, op: args.op_name ?? '?', provider: providerName(args.provider) })
  }
  return [...nodes.values()]
}

/** `CPUExecutionProvider` -> `cpu`, `TensorrtExecutionProvider` -> `tensorrt`. */
function providerName(name: string): string {
  return name.replace(/ExecutionProvider$/, '').toLowerCase()
}

function readTrace(folder: string): string {
  const name = readdirSync(folder).find(entry => entry.endsWith('.json'))
  if (name === undefined) throw new Error('ONNX Runtime wrote no trace')
  const path = join(folder, name)
  if (statSync(path).size > TRACE_BYTES_MAX) throw new Error('the trace is beyond 64 MiB')
  return readFileSync(path, 'utf8')
}
