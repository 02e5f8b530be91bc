// Where the nodes of a model really ran: ONNX Runtime's own trace of one run (runs in the child).
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type InferenceSession, Tensor } from 'onnxruntime-node'
import { type LoadMeta, type NodePlacement, type Refused, WINDOW_FLOATS_MAX } from './protocol.ts'
import { climb, createSession } from './providers.ts'

const TRACE_BYTES_MAX = 64 * 2 ** 20
/** Dynamic dimensions are profiled at this size; placement does not depend on it. */
const DYNAMIC_SIZE = 1

export type ProfileOutcome = { nodes: NodePlacement[] } | { refused: Refused }

/**
 * Runs the model once on `meta.providers[0]` with zeros for input: the provider of each node of the optimised graph, in
 * the order of their first run, or why there is none.
 */
export async function profileModel(
  meta: LoadMeta,
  model: Uint8Array,
  backends: ReadonlySet<string>,
): Promise<ProfileOutcome> {
  const folder = mkdtempSync(join(tmpdir(), 'wearwatch-profile-'))
  const ladder = { providers: meta.providers, backends, unavailable: new Map() }
  try {
    const climbed = await climb(ladder, async provider => {
      await runOnce(await createSession(model, provider, { ...meta, profilePrefix: join(folder, 'trace') }))
      return parseTrace(readTrace(folder))
    })
    if (climbed.got) return { nodes: climbed.got }
    const message = climbed.notTaken.map(({ reason }) => reason).join('; ')
    return { refused: { code: 'PROVIDER_UNAVAILABLE', message, notTaken: climbed.notTaken } }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function runOnce(session: InferenceSession): Promise<void> {
  const feeds: Record<string, Tensor> = {}
  for (const input of session.inputMetadata) {
    if (!input.isTensor || input.type !== 'float32') throw new Error(`input ${input.name} is not a float32 tensor`)
    const dims = input.shape.map(size => (typeof size === 'number' ? size : DYNAMIC_SIZE))
    const floats = dims.reduce((product, size) => product * size, 1)
    if (floats > WINDOW_FLOATS_MAX)
      throw new Error(`input ${input.name} has ${floats} floats, at most ${WINDOW_FLOATS_MAX} are tried`)
    feeds[input.name] = new Tensor('float32', new Float32Array(floats), dims)
  }
  await session.run(feeds)
  session.endProfiling()
  await session.release()
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
