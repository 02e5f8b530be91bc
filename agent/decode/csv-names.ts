// Names and kinds of the columns of a recorded CSV file.
import { calendarUs } from './calendar-times.ts'
import { type CsvHead, invalid } from './csv-head.ts'
import { isMissing, readNumber, switchOf } from './csv-numbers.ts'
import { numberOf } from './numbers.ts'

const NAMES_SHOWN_MAX = 8

/**
 * Makes names differ: `flow`, `flow` -> `flow`, `flow.1`, as data frames name them, and an empty one with values below it is called by
 * its position, from 1. An empty one in front stays so: it is the index that data frames write.
 */
export function distinctNames({ names, rows }: CsvHead): { names: string[]; notes: string[] } {
  const taken = new Set(names.filter(name => name !== ''))
  const seen = new Set<string>()
  const twice: string[] = []
  const unnamed: string[] = []
  const distinct = names.map((name, at) => {
    if (name === '' && (at === 0 || rows.every(row => isMissing(row[at] ?? '')))) return ''
    const base = name === '' ? `column-${at + 1}` : name
    let free = base
    for (let n = 1; seen.has(free) || (free !== name && taken.has(free)); n++) free = `${base}.${n}`
    if (name === '') unnamed.push(free)
    else if (free !== name) twice.push(`${name} (now ${free})`)
    seen.add(free)
    return free
  })
  return {
    names: distinct,
    notes: [
      ...(twice.length > 0 ? [`names that occur twice: ${listed(twice)}`] : []),
      ...(unnamed.length > 0 ? [`columns without a name are called ${listed(unnamed)}`] : []),
    ],
  }
}

function listed(texts: readonly string[]): string {
  const more = texts.length - NAMES_SHOWN_MAX
  return more > 0 ? `${texts.slice(0, NAMES_SHOWN_MAX).join(', ')} and ${more} more` : texts.join(', ')
}

/** Throws CSV_INVALID: a name twice, numbers instead of names, no such time column. */
export function checkNames(path: string, line: number, names: readonly string[], timeColumn: string | undefined): void {
  const twice = names.find((name, at) => name !== '' && names.indexOf(name) !== at)
  if (twice !== undefined) throw invalid(path, line, `column "${twice}" occurs twice; names must differ`)
  if (names.every(name => name === '' || isMissing(name) || isValue(name)) && !countsColumns(names)) {
    throw invalid(path, line, 'a header row with column names was expected, found numbers')
  }
  if (timeColumn !== undefined && !names.includes(timeColumn))
    throw invalid(path, line, `no column "${timeColumn}"; the header names ${names.join(', ')}`)
}

function isValue(name: string): boolean {
  // `1.5.1` is what a second 1.5 is called by then.
  return !Number.isNaN(numberOf(name)) || /^\d+\.\d+\.\d+$/.test(name) || !Number.isNaN(calendarUs(name, 'day-first'))
}

/** `0,1,2` or `1,2,3`: a data frame without column names, with or without its unnamed index in front. */
function countsColumns(names: readonly string[]): boolean {
  const named = names[0] === '' ? names.slice(1) : names
  return named.length > 0 && [0, 1].some(first => named.every((name, i) => name === String(first + i)))
}

/** By the cells of the head: numbers, half of what is there at least; or switches, all of it; undefined for text. */
export function kindOfColumn({ rows, style }: CsvHead, at: number, ifEmpty: boolean): 'number' | 'switch' | undefined {
  const cells = rows.map(row => row[at] ?? '').filter(cell => !isMissing(cell))
  if (cells.length === 0) return ifEmpty ? 'number' : undefined
  const numbers = cells.filter(cell => !Number.isNaN(readNumber(cell, style)))
  if (numbers.length > 0 && numbers.length >= cells.length / 2) return 'number'
  return cells.every(cell => !Number.isNaN(switchOf(cell))) ? 'switch' : undefined
}
