// YAML text -> plain values, plus the line of every path. Bounded before it is parsed: size, nesting and aliases, because
// the parser is recursive, and a stack that is nearly full aborts the process inside V8's regular expressions (seen with
// 100,000 nested mappings on one line), which no catch can help.
import {
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  type ParsedNode,
  parseDocument,
  visit,
  type YAMLError,
} from 'yaml'
import type { Path } from './issues.ts'
import { shown } from './wording.ts'
import { tooDeep } from './yaml-depth.ts'

export const FILE_BYTES_MAX = 2 ** 20
/** Values after aliases are expanded; 1,000 assets with 8 channels of 10 keys are 100,000. */
const VALUES_MAX = 500_000
const DEPTH_MAX = 32
const ALIASES_MAX = 2000
const SYNTAX_ERRORS_MAX = 100

type LineAt = (offset: number) => number

export interface SyntaxIssue {
  line: number
  message: string
  hint?: string
}

export interface YamlFile {
  /** Undefined when the text cannot be made sense of. */
  value: unknown
  errors: SyntaxIssue[]
  /** 1-based; of the nearest key above where the path itself is not in the file. */
  lineOf(path: Path): number
}

export function readYaml(text: string): YamlFile {
  const unreadable = (line: number, message: string, hint?: string): YamlFile => ({
    value: undefined,
    errors: [{ line, message, ...(hint === undefined ? {} : { hint }) }],
    lineOf: () => 1,
  })
  const bytes = Buffer.byteLength(text)
  if (bytes > FILE_BYTES_MAX)
    return unreadable(1, `the file is larger than ${FILE_BYTES_MAX / 2 ** 20} MiB`, 'is it the right file?')
  const deepLine = tooDeep(text)
  if (deepLine !== undefined)
    return unreadable(deepLine, 'nested too deeply', 'a configuration needs fewer than ten levels')
  const lines = new LineCounter()
  try {
    const doc = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      merge: true,
      logLevel: 'error',
      // The parser compares each key with all before it: 25,000 keys took 40 s. `inspect` uses a set.
      uniqueKeys: false,
    })
    return readDocument(doc, text, offset => lines.linePos(offset).line)
  } catch {
    return unreadable(1, 'the text cannot be read as YAML', 'is it the right file?')
  }
}

// After this one the tree still says what was meant, so the other errors of the file can be found in the same run.
const HARMLESS = 'BAD_SCALAR_START'

function readDocument(doc: Document.Parsed, text: string, lineAt: LineAt): YamlFile {
  const problems = [...doc.errors, ...doc.warnings]
  const { duplicates, aliases } = inspect(doc, lineAt)
  const syntax = problems.map(error => syntaxIssue(error, text, lineAt(error.pos[0])))
  const errors = firstPerLine([...syntax, ...aliases, ...duplicates])
  const lineOf = (path: Path): number => lineOfPath(doc, path, lineAt)
  if (aliases.length > 0 || problems.some(error => error.code !== HARMLESS)) return { value: undefined, errors, lineOf }
  let value: unknown
  let excess: string | undefined
  try {
    value = doc.toJS({ maxAliasCount: ALIASES_MAX })
    excess = tooMuch(value)
  } catch (error) {
    // Thrown for aliases of aliases that multiply beyond maxAliasCount, before they are expanded.
    if (!(error instanceof ReferenceError)) throw error
    excess = `aliases of aliases stand for more than ${ALIASES_MAX} copies`
  }
  if (excess === undefined) return { value, errors, lineOf }
  return { value: undefined, errors: [{ line: 1, message: excess, hint: 'use fewer aliases' }], lineOf }
}

// The parser's own messages quote the text, and the text may hold a password: only codes and single characters are used.
const SYNTAX: Record<string, [message: string, hint: string]> = {
  TAB_AS_INDENT: ['a tab is used as indentation, which YAML does not allow', 'use spaces'],
  BLOCK_AS_IMPLICIT_KEY: [
    '"key: value" stands where only a value can',
    'indent it on a line of its own; put text that holds ": " in quotes',
  ],
  MULTILINE_IMPLICIT_KEY: [
    'a key runs over several lines; a line before it is indented wrongly or lacks its colon',
    'give keys of one mapping the same indentation',
  ],
  BAD_INDENT: [
    'the indentation or a closing bracket is wrong here',
    'give keys of one mapping the same indentation, and close every [ and {',
  ],
  MISSING_CHAR: ['a closing quote, bracket or comma is missing', 'close what this line opens'],
  UNEXPECTED_TOKEN: ['this does not belong here', 'check the indentation, and that every [ and { is closed once'],
  MULTIPLE_DOCS: ['a second document begins here; one file is one configuration', 'remove the line "---"'],
  TAG_RESOLVE_FAILED: ['a tag (!name) is not known here', 'leave it out; put text that begins with ! in quotes'],
}

function syntaxIssue(error: YAMLError, text: string, line: number): SyntaxIssue {
  const at = error.pos[0]
  if (error.code === 'BAD_SCALAR_START') {
    const sign = text[at] ?? ''
    return {
      line,
      message: `a value cannot begin with ${sign} unless it is in quotes`,
      hint: `write "${sign}" with quotes around the whole value`,
    }
  }
  const [message, hint] = SYNTAX[error.code] ?? ['this is not valid YAML', 'check quotes, brackets and indentation']
  return { line, message, hint }
}

/** Keys that stand twice, and aliases that stand for nothing, in one walk. */
function inspect(doc: Document.Parsed, lineAt: LineAt): { duplicates: SyntaxIssue[]; aliases: SyntaxIssue[] } {
  const duplicates: SyntaxIssue[] = []
  const aliases: SyntaxIssue[] = []
  const anchors = new Set<string>()
  let count = 0
  const lineOf = (node: unknown): number => lineAt((node as Node | null)?.range?.[0] ?? 0)
  visit(doc, {
    Value(_key, node) {
      if (node.anchor !== undefined) anchors.add(node.anchor)
    },
    Alias(_key, node) {
      const name = node.source.slice(0, 40)
      if (!anchors.has(node.source)) {
        aliases.push({
          line: lineOf(node),
          message: `the alias *${name} has no anchor before it`,
          hint: `mark what it stands for with &${name}`,
        })
      } else if (++count === ALIASES_MAX + 1) {
        aliases.push({
          line: lineOf(node),
          message: `there are more than ${ALIASES_MAX} aliases`,
          hint: 'use types instead',
        })
      }
    },
    Map(_key, node) {
      if (node.anchor !== undefined) anchors.add(node.anchor)
      const seen = new Set<string>()
      for (const { key } of node.items) {
        const name = isScalar(key) ? String(key.value) : undefined
        if (name === undefined || name === '<<') continue
        if (seen.has(name)) {
          const message = `the key "${shown(name)}" stands twice in one mapping`
          duplicates.push({ line: lineOf(key), message, hint: 'keep one of the two' })
        }
        seen.add(name)
      }
    },
  })
  return { duplicates, aliases }
}

// One slip makes the parser stumble several times over the same line.
function firstPerLine(errors: readonly SyntaxIssue[]): SyntaxIssue[] {
  const seen = new Set<number>()
  return errors
    .filter(error => !seen.has(error.line) && seen.add(error.line))
    .sort((a, b) => a.line - b.line)
    .slice(0, SYNTAX_ERRORS_MAX)
}

/** Why a value is too much to look at; aliases share objects, so a small file can be an endless tree. */
function tooMuch(value: unknown): string | undefined {
  const waiting: { value: unknown; depth: number }[] = [{ value, depth: 0 }]
  let seen = 0
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    if (++seen + waiting.length > VALUES_MAX) return `the file expands to more than ${VALUES_MAX} values`
    if (typeof next.value !== 'object' || next.value === null) continue
    if (next.depth >= DEPTH_MAX) return `the file expands to more than ${DEPTH_MAX} levels; an alias may contain itself`
    for (const inner of Object.values(next.value)) waiting.push({ value: inner, depth: next.depth + 1 })
  }
  return undefined
}

function lineOfPath(doc: Document.Parsed, path: Path, lineAt: LineAt): number {
  let node: unknown = doc.contents
  let line = doc.contents?.range ? lineAt(doc.contents.range[0]) : 1
  for (const part of path) {
    if (isAlias(node)) node = node.resolve(doc)
    const found: Node | Pair | undefined = isMap(node)
      ? node.items.find(pair => isScalar(pair.key) && String(pair.key.value) === String(part))
      : isSeq(node)
        ? (node.items[Number(part)] as ParsedNode | undefined)
        : undefined
    if (!found) return line
    const placed = (isPair(found) ? found.key : found) as Node
    if (placed.range) line = lineAt(placed.range[0])
    node = isPair(found) ? found.value : found
  }
  return line
}
