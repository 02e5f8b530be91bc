// The model file: an ONNX graph with its manifest in metadata_props["wearwatch.manifest"]. See contract.ts.
import { createHash } from 'node:crypto'
import { AgentError, messageOf } from '../../core/errors.ts'
import type { Manifest, ModelFile } from '../contract.ts'
import type { GraphBuilder } from './graph.ts'
import { checkGraph } from './graph-check.ts'
import { checkManifest } from './manifest.ts'
import { decodeModel, type Onnx } from './onnx-proto.ts'
import { checkElements } from './onnx-scan.ts'

export const MANIFEST_KEY = 'wearwatch.manifest'
/** The largest file read. Families here are 2 kB to 1 MB; 16 MiB leaves room for what is trained elsewhere. */
export const MODEL_BYTES_MAX = 16 * 1024 * 1024

/**
 * Reads a model file and holds it against its contract as far as that goes without running it; the scorer adds the
 * self-test. `bytes` is kept, not copied. `where` names it in messages (a path, a target).
 *
 * Throws AgentError MODEL_UNREADABLE (not an ONNX file, too large) or MODEL_CONTRACT (no manifest, no self-test, inputs
 * and outputs that do not match it, refused operators), with everything that is wrong in one message.
 */
export function parseModelFile(bytes: Uint8Array, origin: ModelFile['origin'], where = 'the model'): ModelFile {
  const { model, graph } = openModel(bytes, where)
  const manifest = readManifest(model, where)
  const problems = checkGraph(model, graph, manifest)
  if (problems.length > 0) throw contractError(where, problems)
  return { bytes, sha256: sha256Hex(bytes), manifest, origin }
}

/** Any ONNX file with a graph, held against nothing else. Throws AgentError MODEL_UNREADABLE. */
export function openModel(bytes: Uint8Array, where: string): { model: Onnx<'ModelProto'>; graph: Onnx<'GraphProto'> } {
  const model = decode(bytes, where)
  const graph = model.graph
  if (!graph || graph.node.length === 0) {
    throw new AgentError('MODEL_UNREADABLE', `${where} is not an ONNX model: it has no graph. Check the file.`)
  }
  return { model, graph }
}

/** The bytes of a model file. Not checked here: parseModelFile is the one judge. */
export function writeModelFile(graph: GraphBuilder, manifest: Manifest): Uint8Array {
  return graph.toBytes({ [MANIFEST_KEY]: JSON.stringify(manifest) })
}

export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function decode(bytes: Uint8Array, where: string): Onnx<'ModelProto'> {
  if (bytes.length > MODEL_BYTES_MAX) {
    throw new AgentError(
      'MODEL_UNREADABLE',
      `${where} has ${bytes.length} bytes; at most ${MODEL_BYTES_MAX} are read. Export a smaller model.`,
    )
  }
  try {
    checkElements(bytes)
    return decodeModel(bytes)
  } catch (error) {
    throw new AgentError(
      'MODEL_UNREADABLE',
      `${where} is not an ONNX model or is damaged (${messageOf(error)}). Fetch or export it again.`,
      { cause: error },
    )
  }
}

/** Throws AgentError MODEL_CONTRACT: no manifest, two, or one that is wrong, with everything that is wrong in it. */
export function readManifest(model: Onnx<'ModelProto'>, where: string): Manifest {
  const entries = model.metadataProps.filter(entry => entry.key === MANIFEST_KEY)
  const [entry] = entries
  if (!entry || entries.length !== 1) {
    throw contractError(where, [
      `metadata_props["${MANIFEST_KEY}"] is ${entry ? 'there twice' : 'missing'}; docs/models.md says what belongs there`,
    ])
  }
  let value: unknown
  try {
    value = JSON.parse(entry.value)
  } catch (error) {
    throw contractError(where, [`${MANIFEST_KEY} is not JSON (${messageOf(error)})`])
  }
  const manifest = checkManifest(value)
  if (Array.isArray(manifest)) throw contractError(where, manifest)
  return manifest
}

function contractError(where: string, problems: readonly string[]): AgentError {
  return new AgentError('MODEL_CONTRACT', `${where} does not keep the model contract: ${problems.join('; ')}.`)
}
