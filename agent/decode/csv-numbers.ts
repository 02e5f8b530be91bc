// Numbers in the cells of recorded CSV files, as programs of several countries write them: 1234.5  1234,5  1,234.5  1.234,5
// 1 234,5  1'234.5. What a single mark before three digits means (1,234) is decided once per file, by its other cells.
import type { Delimiter } from './csv-cells.ts'
import { numberOf } from './numbers.ts'

export interface NumberStyle {
  /** 1,234 is one thousand two hundred and thirty-four; else 1.234. */
  commaGroups: boolean
  /** 1.234 likewise. */
  dotGroups: boolean
}

const MISSING = new Set([
  '',
  '-',
  '--',
  '---',
  '?',
  'nan',
  'na',
  'n/a',
  '#n/a',
  '#na',
  '#nv',
  '<na>',
  'nat',
  'null',
  'nil',
  'none',
  'missing',
  'no data',
  'undefined',
])
const SWITCH = new Map([
  ['true', 1],
  ['on', 1],
  ['yes', 1],
  ['false', 0],
  ['off', 0],
  ['no', 0],
])
/** Whole part, plain or in groups of three; decimals; exponent. */
const LOCAL = /^([+-]?)(\d+|\d{1,3}([.,'’ \u00a0\u202f])\d{3}(?:\3\d{3})*|)(?:([.,])(\d*))?([eE][+-]?\d+)?$/

export function isMissing(cell: string): boolean {
  return cell === '' || (cell.length <= 11 && MISSING.has(cell.trim().toLowerCase()))
}

/** 1 or 0 of a cell that says on or off, in words or as a number; else NaN. */
export function switchOf(cell: string): number {
  const text = cell.trim().toLowerCase()
  const value = SWITCH.get(text) ?? numberOf(text)
  return value === 0 || value === 1 ? value : Number.NaN
}

/** NaN where there is no number. */
export function readNumber(cell: string, style: NumberStyle): number {
  if (!style.dotGroups) {
    const value = numberOf(cell)
    if (!Number.isNaN(value)) return value
    // 12,5 by the million: a third of the time that taking it apart costs.
    const comma = style.commaGroups ? -1 : cell.indexOf(',')
    if (comma >= 0 && !cell.includes('.')) {
      const decimal = numberOf(cell.replace(',', '.'))
      if (!Number.isNaN(decimal)) return decimal
    }
  }
  const parts = partsOf(cell)
  if (!parts) return numberOf(cell)
  const { sign, whole, mark, digits, exponent } = parts
  const grouped = isEither(parts) && (mark === ',' ? style.commaGroups : style.dotGroups)
  return numberOf(`${sign}${whole}${grouped ? '' : '.'}${digits}${exponent}`)
}

interface Parts {
  sign: string
  /** Without the marks of its groups. */
  whole: string
  group: string | undefined
  mark: string | undefined
  digits: string
  exponent: string
}

function partsOf(cell: string): Parts | undefined {
  const match = LOCAL.exec(cell.trim().replace('\u2212', '-'))
  if (!match) return undefined
  const [, sign = '', whole = '', group, mark, digits = '', exponent = ''] = match
  // 1,234,5 is neither.
  if ((whole === '' && digits === '') || (group !== undefined && group === mark)) return undefined
  return { sign, whole: group === undefined ? whole : whole.replaceAll(group, ''), group, mark, digits, exponent }
}

/** One mark before three digits: a decimal or a group. */
function isEither({ whole, group, mark, digits, exponent }: Parts): boolean {
  const groups = whole.length <= 3 && digits.length === 3 && exponent === '' && whole !== '' && whole[0] !== '0'
  return group === undefined && mark !== undefined && groups
}

/** By cells of the head of the file; `note` says what had to be assumed. */
export function numberStyleOf(
  cells: Iterable<string>,
  delimiter: Delimiter,
): { style: NumberStyle; note: string | undefined } {
  const seen = { comma: { decimal: false, group: false }, dot: { decimal: false, group: false } }
  const either = { comma: '', dot: '' }
  for (const cell of cells) {
    const parts = cell.includes(',') || cell.includes('.') ? partsOf(cell) : undefined
    if (!parts) continue
    const { group, mark } = parts
    if (group === ',') seen.comma.group = true
    if (group === '.') seen.dot.group = true
    if (mark === undefined) continue
    const name = mark === ',' ? 'comma' : 'dot'
    if (isEither(parts)) either[name] ||= cell.trim()
    else seen[name].decimal = true
  }
  const { comma, dot } = seen
  // Where commas part cells, one inside a cell was quoted, and such programs have points for decimals.
  const commaGroups = !comma.decimal && (comma.group || (either.comma !== '' && (dot.decimal || delimiter === ',')))
  const dotGroups = !dot.decimal && (dot.group || (either.dot !== '' && comma.decimal))
  const style = { commaGroups, dotGroups }
  const doubtful = either.comma && !comma.decimal && !comma.group ? either.comma : ''
  const doubt = doubtful || (dotGroups && !dot.group ? either.dot : '')
  if (doubt === '') return { style, note: undefined }
  return { style, note: `"${doubt}" is read as ${readNumber(doubt, style)}, and what is written like it` }
}
