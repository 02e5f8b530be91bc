// `speed > 300 and current > 2 or flow > 5` -> terms. `and` binds tighter than `or`; there are no brackets.
import type { RunningTerm } from './contract.ts'
import { didYouMean, names, shown } from './wording.ts'

const TERMS_MAX = 32

export type Condition = { anyOf: RunningTerm[][] } | { message: string; hint?: string }

/** @param channels ids of the asset's channels; a term carries the position. */
export function parseCondition(text: string, channels: readonly { id: string; waveform?: unknown }[]): Condition {
  if (/[()]/.test(text)) {
    return { message: 'brackets are not supported', hint: '"and" binds tighter than "or": a > 1 and b > 2 or c > 3' }
  }
  if (/&&|\|\|/.test(text))
    return {
      message: `expected "and" and "or" as words, got "${shown(text)}"`,
      hint: 'write speed > 300 and current > 2',
    }
  const anyOf: RunningTerm[][] = []
  let count = 0
  for (const side of text.trim().split(/\s+or\s+/i)) {
    const allOf: RunningTerm[] = []
    for (const part of side.split(/\s+and\s+/i)) {
      const term = parseTerm(part.trim(), channels)
      if ('message' in term) return term
      if (++count > TERMS_MAX) return { message: `has more than ${TERMS_MAX} comparisons`, hint: 'use fewer' }
      allOf.push(term)
    }
    anyOf.push(allOf)
  }
  return { anyOf }
}

const FORM = 'expected a comparison such as speed > 300'

function parseTerm(
  text: string,
  channels: readonly { id: string; waveform?: unknown }[],
): RunningTerm | { message: string; hint?: string } {
  const match = /^([^\s<>=!]+)\s*([<>=!]+)\s*(\S+)(?:\s+(\S.*))?$/.exec(text)
  if (!match) return { message: `${FORM}, got "${shown(text)}"`, hint: `channels: ${names(channels.map(c => c.id))}` }
  const [, id = '', op = '', digits = '', rest] = match
  if (op !== '>' && op !== '>=' && op !== '<' && op !== '<=') {
    return {
      message: `"${op}" is not a comparison here; expected one of >, >=, <, <=`,
      hint: `write ${shown(id)} > ${shown(digits)}`,
    }
  }
  if (rest !== undefined) {
    return {
      message: `${FORM}, got "${shown(rest)}" after the number`,
      hint: 'join with "and" or "or"; the number is in the unit of the channel',
    }
  }
  const value = Number(digits)
  const channel = channels.findIndex(c => c.id === id)
  if (channel < 0 && Number.isFinite(Number(id))) {
    return {
      message: `${FORM}, got the number first`,
      hint: `turn it round: ${shown(digits)} ${flipped(op)} ${shown(id)}`,
    }
  }
  if (channel < 0)
    return {
      message: `no channel "${shown(id)}" in this asset`,
      hint:
        didYouMean(
          id,
          channels.map(c => c.id),
        ) ?? 'add the channel',
    }
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(digits) || !Number.isFinite(value)) {
    return {
      message: `expected a number after ${op}, got "${shown(digits)}"`,
      hint: 'the number alone, in the unit of the channel',
    }
  }
  if (channels[channel]?.waveform !== undefined) {
    return {
      message: `"${id}" is a waveform; a condition needs a channel with one value at a time`,
      hint: 'use speed, current or a level',
    }
  }
  return { channel, op, value }
}

function flipped(op: string): string {
  return op.startsWith('>') ? op.replace('>', '<') : op.replace('<', '>')
}
