// wearwatch models wrap: a bare ONNX model, a manifest in YAML and windows -> a model file that a gateway takes.
import { statSync } from 'node:fs'
import type { ConfigIssue } from '../config/contract.ts'
import { formatIssue } from '../config/issues.ts'
import { AgentError } from '../core/errors.ts'
import type { Manifest, ModelFile } from '../models/contract.ts'
import { type GraphShape, inspectModel, type Point } from '../models/file/contract-points.ts'
import { MANIFEST_KEY, openModel, parseModelFile } from '../models/file/model-file.ts'
import { encodeModel, onnx } from '../models/file/onnx-proto.ts'
import { readInput, readInputText } from './files.ts'
import { encodeWindows, runInScorer } from './model-run.ts'
import { readWrapManifest, type WrapManifest } from './models-manifest.ts'
import { verifyModel, windowsOf } from './models-verify.ts'
import { pickWindows, readWindows } from './models-windows.ts'
import { writeBeside } from './write-beside.ts'

export interface WrapRequest {
  file: string
  manifest: string
  out: string
  windows?: string
}

export interface Wrapped {
  model: ModelFile
  /** What a person should know. */
  warnings: string[]
}

/**
 * Throws MODEL_UNREADABLE or MODEL_CONTRACT (with every point that fails and what would do), CONFIG_INVALID (everything wrong
 * with the manifest, by line), USAGE (paths, windows). Nothing is written then.
 */
export async function wrapModel(request: WrapRequest): Promise<Wrapped> {
  refuseInPlace(request)
  const bytes = readInput(request.file)
  const inspection = inspectModel(bytes, request.file)
  const { shape } = inspection
  if (!shape) throw refusal(request.file, inspection.points)
  const written = readWrapManifest(readInputText(request.manifest), shape)
  if (!written.ok) throw manifestError(request.manifest, written.issues)
  const warnings: string[] = []
  const old = inspection.manifest
  if (old)
    warnings.push(
      `${request.file} holds a manifest (${old.name} release ${old.release}); ${request.out} gets the new one.`,
    )
  const manifest = await withSelfTest(bytes, written.manifest, shape, request, warnings)
  const wrapped = parseModelFile(withManifest(bytes, request.file, manifest), 'file', request.out)
  const verdict = await verifyModel(wrapped.bytes, request.out)
  if (!verdict.ok) throw refusal(request.file, verdict.points)
  await writeBeside(request.out, wrapped.bytes)
  return { model: wrapped, warnings }
}

function refuseInPlace({ file, manifest, out }: WrapRequest): void {
  const target = statSync(out, { throwIfNoEntry: false })
  for (const source of [file, manifest]) {
    const there = statSync(source, { throwIfNoEntry: false })
    if (!there || !target || there.ino !== target.ino || there.dev !== target.dev) continue
    throw new AgentError('USAGE', `--out ${out} is ${source} itself, which is never changed; name another file.`)
  }
}

function manifestError(file: string, issues: readonly ConfigIssue[]): AgentError {
  const count = issues.length === 1 ? '1 error' : `${issues.length} errors`
  const lines = issues.map(issue => formatIssue(file, issue))
  return new AgentError('CONFIG_INVALID', [`${file} has ${count}; nothing was written`, ...lines].join('\n'))
}

function refusal(file: string, points: readonly Point[]): AgentError {
  const failing = points.filter(({ point, status }) => status === 'fail' && point !== 'manifest')
  const code = failing[0]?.point === 'file' ? 'MODEL_UNREADABLE' : 'MODEL_CONTRACT'
  const lines = failing.map(({ point, found, todo }) => `  ${point}: ${found}; ${todo}`)
  return new AgentError(code, [`${file} cannot be wrapped, it does not keep the model contract:`, ...lines].join('\n'))
}

async function withSelfTest(
  bytes: Uint8Array,
  { tolerance, ...manifest }: WrapManifest,
  shape: GraphShape,
  request: WrapRequest,
  warnings: string[],
): Promise<Manifest> {
  const ids = manifest.channels.map(({ id }) => id)
  const windows =
    request.windows === undefined ? windowsOf(shape, undefined) : await readWindows(request.windows, ids, shape)
  const [run] = await runInScorer(bytes, shape, windows, ['together'])
  if (!run?.ok)
    throw new AgentError('MODEL_CONTRACT', `${request.file} cannot be wrapped: ${run?.reason ?? 'no answer'}`)
  const { scores } = run.outputs
  const floats = shape.channels * shape.samples
  const kept = pickWindows(scores)
  const keptWindows = new Float32Array(kept.length * floats)
  kept.forEach((w, i) => {
    keptWindows.set(windows.subarray(w * floats, (w + 1) * floats), i * floats)
  })
  const keptScores = kept.map(w => Number(scores[w]!.toPrecision(7)))
  if (request.windows === undefined) {
    warnings.push(
      'the self-test is made of zeros and noise: it proves the arithmetic, not the calibration; give --windows.',
    )
  } else if (!keptScores.some(score => score >= 1)) {
    warnings.push('none of the windows scores 1 or more: the self-test does not show what an alarm looks like.')
  }
  return { ...manifest, selfTest: { windows: encodeWindows(keptWindows), scores: keptScores, tolerance } }
}

/** The same model with this manifest; everything else in it is kept, known or not. */
function withManifest(bytes: Uint8Array, where: string, manifest: Manifest): Uint8Array {
  const { model } = openModel(bytes, where)
  const entry = onnx('StringStringEntryProto', { key: MANIFEST_KEY, value: JSON.stringify(manifest) })
  model.metadataProps = [...model.metadataProps.filter(({ key }) => key !== MANIFEST_KEY), entry]
  return encodeModel(model)
}
