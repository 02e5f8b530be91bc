// Holds a session against the model contract: names, types, shapes, finite outputs, the manifest's self-test.
// Pure on what it is given, so that the same sentences are tested without ONNX Runtime.
import { AgentError } from '../core/errors.ts'
import { LABELS_MAX, type LoadMeta, WINDOW_FLOATS_MAX } from './protocol.ts'

/** What onnxruntime-node tells about an input or output; a symbolic dimension is a string. */
export interface ValueInfo {
  name: string
  isTensor: boolean
  type?: string
  shape?: readonly (number | string)[]
}

export interface SelfTestData {
  count: number
  /** [count, channels, samples] */
  windows: Float32Array
}

/** Throws MODEL_CONTRACT naming the model, what was expected and what was found. */
export function checkSignature(meta: LoadMeta, inputs: readonly ValueInfo[], outputs: readonly ValueInfo[]): void {
  const fail = (what: string): never => {
    throw contractError(meta, what)
  }
  if (inputs.length !== 1 || inputs[0]?.name !== 'window') {
    fail(`expected one input "window", found ${inputs.map(input => `"${input.name}"`).join(', ') || 'none'}`)
  }
  const check = (values: readonly ValueInfo[], name: string, rest: readonly number[], exact: boolean): void => {
    const value = values.find(candidate => candidate.name === name)
    const want = `"${name}" float32 [${['batch', ...rest].join(', ')}]`
    if (!value) fail(`expected ${want}, found no such output`)
    else if (!fits(value, rest, exact)) fail(`expected ${want} with a dynamic batch, found ${shown(value)}`)
  }
  check(inputs, 'window', [meta.channels, meta.samples], true)
  check(outputs, 'score', [], true)
  if (meta.contributions > 0) check(outputs, 'contributions', [meta.contributions], false)
  if (meta.features > 0) check(outputs, 'features', [meta.features], false)
}

/** Bounds that keep one model from asking for more than a gateway has. */
export function checkBounds(meta: LoadMeta): void {
  const floats = meta.channels * meta.samples
  if (!(floats >= 1 && floats <= WINDOW_FLOATS_MAX)) {
    throw contractError(meta, `a window of ${floats} floats, expected 1 to ${WINDOW_FLOATS_MAX}`)
  }
  if (meta.contributions > LABELS_MAX || meta.features > LABELS_MAX) {
    throw contractError(
      meta,
      `${meta.contributions} contributions and ${meta.features} features, expected at most ${LABELS_MAX} of each`,
    )
  }
}

/** The self-test's windows; throws MODEL_CONTRACT when there are none or they do not match the scores. */
export function selfTestData(meta: LoadMeta): SelfTestData {
  const { windows, scores } = meta.selfTest
  const bytes = Buffer.from(windows, 'base64')
  const expected = scores.length * meta.channels * meta.samples * 4
  if (scores.length === 0) throw contractError(meta, 'expected a self-test with at least one window, found none')
  if (bytes.length !== expected) {
    throw contractError(meta, `expected ${expected} bytes of self-test windows, found ${bytes.length}`)
  }
  const data = new Float32Array(expected / 4)
  for (let i = 0; i < data.length; i++) data[i] = bytes.readFloatLE(i * 4)
  return { count: scores.length, windows: data }
}

export function checkFinite(meta: LoadMeta, output: string, values: Float32Array): void {
  const at = values.findIndex(value => !Number.isFinite(value))
  if (at >= 0)
    throw contractError(meta, `expected finite outputs on its own self-test, found ${output}[${at}] = ${values[at]}`)
}

/** Throws MODEL_SELF_TEST on the first score beyond `tolerance * max(1, |expected|)`. */
export function checkSelfTest(meta: LoadMeta, provider: string, first: number, scores: Float32Array): void {
  const { scores: expected, tolerance } = meta.selfTest
  for (let i = 0; i < scores.length; i++) {
    const want = expected[first + i] ?? Number.NaN
    const got = scores[i] ?? Number.NaN
    if (Math.abs(got - want) <= tolerance * Math.max(1, Math.abs(want))) continue
    throw new AgentError(
      'MODEL_SELF_TEST',
      `${meta.name}: self-test window ${first + i} scored ${got} on ${provider}, expected ${want} ± ${tolerance}; ` +
        'the model does not compute here what it computed where it was made. Check driver and provider, or export it anew.',
    )
  }
}

export function contractError(meta: { name: string }, what: string): AgentError {
  return new AgentError('MODEL_CONTRACT', `${meta.name}: ${what}. Export the model to the contract in docs/models.md.`)
}

function fits(value: ValueInfo, rest: readonly number[], exact: boolean): boolean {
  const shape = value.shape
  if (!value.isTensor || value.type !== 'float32' || shape?.length !== rest.length + 1) return false
  if (typeof shape[0] !== 'string') return false
  // A symbolic label dimension is settled by the run: the preallocated output has the manifest's size or the run throws.
  return rest.every((size, i) => shape[i + 1] === size || (!exact && typeof shape[i + 1] === 'string'))
}

function shown(value: ValueInfo): string {
  if (!value.isTensor) return `"${value.name}", which is not a tensor`
  return `"${value.name}" ${value.type} [${value.shape?.map(size => (size === '' ? '?' : size)).join(', ')}]`
}
