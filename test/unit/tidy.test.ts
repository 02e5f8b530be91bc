// Reads the source as text and fails on what review should not have to catch twice:
// rooms reaching into each other, import cycles, hidden clocks, functions longer than a screen.

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import t from 'tap'
import ts from 'typescript'

const AGENT = 'agent'
const FUNCTION_LINES_MAX = 70
const COMPOSITION_ROOTS = [/^agent\/(main|pipeline)\.ts$/, /^agent\/pipeline\//, /^agent\/cli\//]
const HIDDEN_INPUT =
  /\b(Date\.now\(|new Date\(\)|Math\.random\(|performance\.now\(|setTimeout\(|setInterval\(|process\.env\b|console\.)/
const HIDDEN_INPUT_ALLOWED = [
  /^agent\/core\/(clock|prng|logger)\.ts$/,
  /^agent\/config\/load\.ts$/,
  /^agent\/cli\//,
  /^agent\/main\.ts$/,
]

const paths = readdirSync(AGENT, { recursive: true, encoding: 'utf8' })
  .filter(p => p.endsWith('.ts'))
  .map(p => join(AGENT, p))
const files = new Map(
  paths.map(path => [path, ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2022, true)]),
)
const room = (path: string): string => path.split('/')[1] ?? ''
const matches = (rules: RegExp[], path: string): boolean => rules.some(rule => rule.test(path))
const importsOf = (path: string, source: ts.SourceFile): string[] =>
  source.statements
    .filter(ts.isImportDeclaration)
    .map(node => (node.moduleSpecifier as ts.StringLiteral).text)
    .filter(spec => spec.startsWith('.'))
    .map(spec => normalize(join(dirname(path), spec)))

t.test("a room imports core, or another room's contract", async t => {
  const offences = [...files].flatMap(([path, source]) =>
    matches(COMPOSITION_ROOTS, path)
      ? []
      : importsOf(path, source)
          .filter(target => room(target) !== room(path) && room(target) !== 'core' && !target.endsWith('/contract.ts'))
          .map(target => `${path} -> ${target}`),
  )
  t.same(offences, [])
})

t.test('no import cycles', async t => {
  const done = new Set<string>(),
    cycles: string[] = []
  const visit = (path: string, trail: string[]): void => {
    if (trail.includes(path)) {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '))
      return
    }
    if (done.has(path)) return
    const source = files.get(path)
    if (source) for (const target of importsOf(path, source)) visit(target, [...trail, path])
    done.add(path)
  }
  for (const path of paths) visit(path, [])
  t.same(cycles, [])
})

t.test('time, randomness, environment and console enter through core only', async t => {
  const offences = [...files]
    .filter(([path]) => !matches(HIDDEN_INPUT_ALLOWED, path))
    .flatMap(([path, source]) =>
      source.text
        .split('\n')
        .flatMap((line, i) => (HIDDEN_INPUT.test(line) ? [`${path}:${i + 1} ${line.trim()}`] : [])),
    )
  t.same(offences, [])
})

t.test(`functions stay under ${FUNCTION_LINES_MAX} lines`, async t => {
  const offences: string[] = []
  for (const [path, source] of files) {
    const line = (at: number): number => source.getLineAndCharacterOfPosition(at).line
    const visit = (node: ts.Node): void => {
      if (ts.isFunctionLike(node) && 'body' in node && node.body) {
        const length = line(node.end) - line(node.getStart()) + 1
        if (length > FUNCTION_LINES_MAX) offences.push(`${path}:${line(node.getStart()) + 1} ${length} lines`)
      }
      ts.forEachChild(node, visit)
    }
    visit(source)
  }
  t.same(offences, [])
})
