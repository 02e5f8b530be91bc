import t from 'tap'
import { readYaml } from '../../../agent/config/yaml-text.ts'

t.test('lines of paths', async t => {
  const { value, errors, lineOf } = readYaml(
    'a: 1\nb:\n  c:\n    - x\n    - y: 2\nd: &anchor\n  e: 1\nf: *anchor\ng:\n  <<: *anchor\n  h: 1\n',
  )
  t.same(errors, [])
  t.same(value, { a: 1, b: { c: ['x', { y: 2 }] }, d: { e: 1 }, f: { e: 1 }, g: { e: 1, h: 1 } })
  t.equal(lineOf(['a']), 1)
  t.equal(lineOf(['b', 'c', 1, 'y']), 5)
  t.equal(lineOf(['b', 'c', 7]), 3, 'not there: the nearest above')
  t.equal(lineOf(['f', 'e']), 7, 'through an alias')
  t.equal(lineOf(['g', 'h']), 11)
  t.equal(lineOf(['nothing']), 1)
})

t.test('syntax errors in words, with their lines', async t => {
  for (const [text, line, message] of [
    ['a: 1\nb: 2\na: 3', 3, 'the key "a" stands twice in one mapping'],
    ['a:\n\tb: 1', 2, 'a tab is used as indentation, which YAML does not allow'],
    ['a: 1\nb: %', 2, 'a value cannot begin with % unless it is in quotes'],
    ['a: @x', 1, 'a value cannot begin with @ unless it is in quotes'],
    ['a: b: c', 1, '"key: value" stands where only a value can'],
    ['a: [1', 1, 'the indentation or a closing bracket is wrong here'],
    ['a: "x', 1, 'a closing quote, bracket or comma is missing'],
    ['- a\nb: 1', 2, 'this does not belong here'],
    ['a: 1\n---\nb: 1', 2, 'a second document begins here; one file is one configuration'],
    ['a: !secret x', 1, 'a tag (!name) is not known here'],
    ['a: 1\nb: *x', 2, 'the alias *x has no anchor before it'],
  ] as const) {
    const { errors } = readYaml(text)
    t.match(errors, [{ line, message, hint: String }], JSON.stringify(text))
    t.equal(errors.length, 1, 'one per line')
  }
})

t.test('duplicate keys and bare % do not stop the search for other errors', async t => {
  t.same(readYaml('a: 1\na: 2\nb: 3').value, { a: 2, b: 3 })
  t.same(readYaml('unit: %').value, { unit: '%' })
})

t.test('twenty thousand keys and a thousand aliases take no quadratic time', async t => {
  const text = `d: &d 1\n${Array.from({ length: 20_000 }, (_, i) => `k${i}: ${i % 20 === 0 ? '*d' : i}`).join('\n')}`
  const before = performance.now()
  const { value, errors } = readYaml(text)
  t.same(errors, [])
  t.match(value, { k0: 1, k20: 1, k19999: 19_999 })
  // A watchdog: 0.3 s here; comparing each key with every other took 25 s.
  t.ok(performance.now() - before < 10_000)
  t.match(readYaml(`d: &d 1\nl: [${'*d, '.repeat(2001)}]`).errors, [{ message: 'there are more than 2000 aliases' }])
})

t.test('bounded: size, nesting, aliases', async t => {
  const errorOf = (text: string): string =>
    readYaml(text)
      .errors.map(error => error.message)
      .join()
  t.equal(errorOf('a'.repeat(2 ** 20 + 1)), 'the file is larger than 1 MiB')
  const half = 2 ** 18
  for (const [what, text] of [
    ['flow lists', '['.repeat(half)],
    ['flow maps', '{a: '.repeat(half)],
    ['lists on a line', '- '.repeat(half)],
    ['maps on a line', 'a: '.repeat(half)],
    ['keys on a line', '? '.repeat(half)],
    ['both', '- a: '.repeat(half / 2)],
    ['indentation', Array.from({ length: 1000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')],
    ['lists, a line each', Array.from({ length: 1000 }, (_, i) => `${' '.repeat(i)}-`).join('\n')],
  ] as const) {
    t.equal(errorOf(text), 'nested too deeply', what)
  }
  t.match(errorOf('a: &a\n  b: *a'), /more than 32 levels; an alias may contain itself/)
  const bomb = Array.from(
    { length: 9 },
    (_, i) =>
      `a${i}: &a${i} [${
        i === 0
          ? '1'
          : Array(9)
              .fill(`*a${i - 1}`)
              .join(', ')
      }]`,
  ).join('\n')
  t.match(errorOf(bomb), /expands to more than 500000 values|aliases of aliases stand for/)
})

t.test('an alias bomb is told for what it is', async t => {
  const levels = [
    'a0: &a0 [1, 2]',
    ...Array.from({ length: 12 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i}, `.repeat(9)}]`),
  ]
  t.match(readYaml(levels.join('\n')).errors, [
    { message: /^aliases of aliases stand for more than 2000 copies/, hint: 'use fewer aliases' },
  ])
})
