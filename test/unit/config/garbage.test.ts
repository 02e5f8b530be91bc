// Whatever stands in the file: it loads, or it is a ConfigError whose issues have a line, a path and words.
// `RUNS=5000 npx tap --timeout=600 test/unit/config/garbage.test.ts` for more.
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { parse, stringify } from 'yaml'
import { configJsonSchema } from '../../../agent/config/json-schema.ts'
import { ConfigError } from '../../../agent/config/load.ts'
import { load, PEM } from '../../support/config-io.ts'

/** Of each of the six kinds of garbage. */
const numRuns = Number(process.env.RUNS ?? 80)

const WORLD = { files: { '/etc/ww/broker.pw': 'geheim', '/etc/ww/ca.pem': PEM } }

function survives(text: string): boolean {
  try {
    load(text, WORLD)
    return true
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return (
      error.issues.length > 0 &&
      error.issues.every(({ line, path, message }) => line >= 1 && path !== '' && message !== '')
    )
  }
}

const EXAMPLES = ['docs/examples/pump-mqtt.yaml', 'docs/examples/serial-cobs.yaml'].map(file =>
  readFileSync(file, 'utf8'),
)

const KEYS = (() => {
  const keys = new Set(['__proto__', 'constructor', 'toString', '', '<<', '0', 'p-101'])
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    for (const key of Object.keys((node as { properties?: object }).properties ?? {})) keys.add(key)
    for (const value of Object.values(node)) visit(value)
  }
  visit(configJsonSchema())
  return [...keys]
})()

const WORDS = [
  '10min',
  '512MiB',
  '10Hz',
  'bar',
  'rpm',
  '1/min',
  'mqtt://b:1',
  'mqtt://',
  '$.v',
  'a/{channel}/#',
  'speed > 3',
  '{tag}',
  'x.npy',
  '-1s',
  '.inf',
  '~',
  'no',
]
const leaf = fc.oneof(
  fc.constantFrom<unknown>(...WORDS, null, true, 0, -1, 1e308, Number.NaN, 2 ** 53),
  fc.string(),
  fc.double(),
)
const tree = fc.letrec<{ node: unknown }>(tie => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('node'), { maxLength: 4 }),
    fc.array(fc.tuple(fc.constantFrom(...KEYS), tie('node')), { maxLength: 8 }).map(pairs => {
      const made = {}
      for (const [key, value] of pairs)
        Object.defineProperty(made, key, { value, enumerable: true, configurable: true, writable: true })
      return made
    }),
  ),
})).node

t.test('random text', async t => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 300 }), survives), { numRuns })
  const signs = fc.string({ unit: fc.constantFrom(...'abc:-?[]{},&*!|>\'"%@`# \t\n'), maxLength: 120 })
  fc.assert(fc.property(signs, survives), { numRuns })
  t.pass(`${2 * numRuns} texts`)
})

t.test('random trees of known keys', async t => {
  fc.assert(
    fc.property(tree, node => survives(stringify(node))),
    { numRuns },
  )
  const section = fc.constantFrom(
    'gateway',
    'sources',
    'types',
    'assets',
    'uplink',
    'storage',
    'scorer',
    'sync',
    'control',
    'log',
    'version',
  )
  fc.assert(
    fc.property(fc.constantFrom(...EXAMPLES), section, tree, (text, key, node) =>
      survives(stringify({ ...parse(text), [key]: node })),
    ),
    { numRuns },
  )
  t.pass(`${2 * numRuns} trees`)
})

t.test('an example with one place changed', async t => {
  const places = (node: unknown, path: (string | number)[] = []): (string | number)[][] =>
    typeof node === 'object' && node !== null
      ? [
          path,
          ...Object.entries(node).flatMap(([key, value]) =>
            places(value, [...path, Array.isArray(node) ? Number(key) : key]),
          ),
        ]
      : [path]
  const change = fc
    .constantFrom(...EXAMPLES)
    .chain(text => fc.tuple(fc.constant(text), fc.constantFrom(...places(parse(text)).slice(1)), tree))
  fc.assert(
    fc.property(change, ([text, path, value]) => {
      const made = parse(text)
      const parent = path.slice(0, -1).reduce((at, key) => at[key], made)
      parent[path.at(-1) as string] = value
      return survives(stringify(made))
    }),
    { numRuns },
  )
  t.pass(`${numRuns} changes`)
})

t.test('an example with bytes changed', async t => {
  const edit = fc.tuple(
    fc.constantFrom(...EXAMPLES),
    fc.nat(),
    fc.nat(20),
    fc.constantFrom('', '{', '}', '[', ':', ' ', '\n', '\t', '"', '&a ', '*a', '- ', '%', '!'),
  )
  fc.assert(
    fc.property(edit, ([text, at, length, put]) => {
      const from = at % text.length
      return survives(text.slice(0, from) + put + text.slice(from + length))
    }),
    { numRuns },
  )
  t.pass(`${numRuns} edits`)
})
