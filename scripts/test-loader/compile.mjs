// Source in, JavaScript out, kept below node_modules/.cache beside the SHA-256 of what it was made from: as long as nothing
// changed no test process loads the compiler. Run by itself it brings everything up to date at once, which `npm test` does
// first: else each process of a fresh clone would load the compiler for its own files.
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)
const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const CACHE = join(ROOT, 'node_modules', '.cache', 'test-loader')
const SOURCES = ['agent', 'test']
const HASH_CHARACTERS = 64

/** What decides the output besides the source: this file and the compiler. */
const RECIPE = [fileURLToPath(import.meta.url), require.resolve('typescript/package.json')].map(path =>
  readFileSync(path),
)

/** JavaScript of the TypeScript file at `path`, which holds `source`. */
export function compiled(path, source) {
  const place = relative(ROOT, path)
  if (place.startsWith('..')) return compile(path, source)
  const keptAt = join(CACHE, `${place}.js`)
  const hash = hashOf(source)
  const kept = keptOf(keptAt, hash)
  if (kept !== undefined) return kept
  const code = compile(path, source)
  keep(keptAt, hash + code)
  return code
}

function compile(fileName, source) {
  const ts = require('typescript')
  const compilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
    // Stack traces point at the .ts line.
    inlineSourceMap: true,
  }
  return ts.transpileModule(source, { fileName, compilerOptions }).outputText
}

function hashOf(source) {
  const hash = createHash('sha256')
  for (const part of RECIPE) hash.update(part)
  return hash.update(source).digest('hex')
}

function keptOf(path, hash) {
  try {
    const text = readFileSync(path, 'utf8')
    return text.startsWith(hash) ? text.slice(HASH_CHARACTERS) : undefined
  } catch {
    return undefined
  }
}

/** Whole or not at all, as test processes run beside each other; without it tests are slower, no more. */
function keep(path, text) {
  try {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(`${path}.${process.pid}`, text)
    renameSync(`${path}.${process.pid}`, path)
  } catch (error) {
    process.emitWarning(`cannot keep ${path}: ${error.message}`)
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const isSource = path => path.endsWith('.ts') && !path.endsWith('.d.ts')
  for (const folder of SOURCES)
    for (const path of readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).filter(isSource))
      compiled(join(ROOT, folder, path), readFileSync(join(ROOT, folder, path), 'utf8'))
}
