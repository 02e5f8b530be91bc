// Finds nesting that would overflow the recursive YAML parser, by looking at tokens only: the lexer is a flat loop.
import { CST, Lexer } from 'yaml'

const FLOW_DEPTH_MAX = 32
/** `- - - a` or `a: b: c` on one line; outside of brackets a sane line has two. */
const INDICATORS_PER_LINE_MAX = 32
/** Columns; each level of a block needs at least one. */
const INDENT_MAX = 200

/** The line where the text nests too deeply, undefined when nowhere. */
export function tooDeep(text: string): number | undefined {
  let line = 1
  let flowDepth = 0
  let indicators = 0
  let atLineStart = true
  for (const token of new Lexer().lex(text)) {
    const kind = CST.tokenType(token)
    if (kind === 'flow-map-start' || kind === 'flow-seq-start') flowDepth++
    else if (kind === 'flow-map-end' || kind === 'flow-seq-end') flowDepth = Math.max(0, flowDepth - 1)
    else if (kind === 'seq-item-ind' || kind === 'explicit-key-ind') indicators++
    else if (kind === 'map-value-ind' && flowDepth === 0) indicators++
    if (flowDepth > FLOW_DEPTH_MAX || indicators > INDICATORS_PER_LINE_MAX) return line
    if (kind === 'space' && atLineStart && token.length > INDENT_MAX) return line
    atLineStart = kind === 'newline' || (kind === 'space' && atLineStart)
    if (kind === 'newline') indicators = 0
    line += newlines(token)
  }
  return undefined
}

function newlines(token: string): number {
  let count = 0
  for (let at = token.indexOf('\n'); at >= 0; at = token.indexOf('\n', at + 1)) count++
  return count
}
