// The part of JSONPath that names one value: `$`, `$.a.b[0]`, `$['Volume Flow RateRMS']`. Compiled once to keys.
import { AgentError } from '../core/errors.ts'

export type JsonPath = readonly (string | number)[]

const STEP = /^(?:\.([^.[\]'"]+)|\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\])/

/** Throws CONFIG_INVALID when `text` is not such a path. */
export function compileJsonPath(text: string): JsonPath {
  const invalid = (rest: string): AgentError =>
    new AgentError(
      'CONFIG_INVALID',
      `path ${text}: cannot read "${rest}"; write it like $.v, $.a.b[0] or $['Volume Flow']`,
    )
  if (!text.startsWith('$')) throw invalid(text)
  const keys: (string | number)[] = []
  let rest = text.slice(1)
  while (rest !== '') {
    const step = STEP.exec(rest)
    if (!step) throw invalid(rest)
    const [whole, name, index, single, double] = step
    if (index !== undefined) keys.push(Number(index))
    else keys.push(name ?? (single ?? double ?? '').replace(/\\(.)/g, '$1'))
    rest = rest.slice(whole.length)
  }
  return keys
}

/** The value at `path`, or undefined. */
export function valueAt(root: unknown, path: JsonPath): unknown {
  let node = root
  for (let i = 0; i < path.length; i++) {
    if (typeof node !== 'object' || node === null) return undefined
    node = (node as Record<string | number, unknown>)[path[i]!]
  }
  return node
}
