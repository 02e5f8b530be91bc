// `wearwatch history` as it streams in: a head with the names of the columns, then one array a row, time first.
import { isoFromUs } from '../core/types.ts'
import type { SpectrumView } from '../http/contract.ts'
import { localTime } from './shared.ts'

/** Whole of a local time with milliseconds and offset: 2026-11-22 06:00:00.000+01:00. */
const TIME_WIDTH = 29
/** The longest that a number is written: -1.23457e-300. */
const NUMBER_WIDTH = 13

/** Makes each line of the answer to one of text; of a table as wide as its head says, for rows come one by one. */
export function historyText(form: 'json' | 'csv' | 'table'): (line: unknown) => string {
  if (form === 'json') return line => JSON.stringify(line)
  if (form === 'csv') return csvLine
  let widths: number[] = []
  return line => {
    const row = Array.isArray(line)
    const cells = row ? tableRow(line) : ['time', ...namesOf(line).map(name => name.replace('contribution:', ''))]
    if (!row) widths = cells.map((cell, i) => (i === 0 ? TIME_WIDTH : Math.max(NUMBER_WIDTH, cell.length)))
    return cells.map((cell, i) => (i === 0 ? cell.padEnd(TIME_WIDTH) : cell.padStart(widths[i] ?? 0))).join('  ')
  }
}

function csvLine(line: unknown): string {
  if (!Array.isArray(line)) return ['time', ...namesOf(line)].join(',')
  const [time, ...values] = line
  return [isoFromUs(Number(time)), ...values.map(value => (value === null ? '' : String(value)))].join(',')
}

function tableRow([time, ...values]: unknown[]): string[] {
  return [localTime(isoFromUs(Number(time)), 23), ...values.map(value => (value === null ? '' : short(Number(value))))]
}

/** Six digits. 1.2e-6 and 1e20 would be written out with all their zeros, wider than their column. */
function short(value: number): string {
  const text = Number(value.toPrecision(6)).toString()
  return text.length <= NUMBER_WIDTH ? text : value.toExponential(5)
}

function namesOf(line: unknown): string[] {
  return (line as { columns: string[] }).columns
}

/** A head with the time, one line a frequency: Hz, then mm/s rms of every axis. */
export function* spectrumText({ at, axes }: SpectrumView, form: 'csv' | 'table'): Generator<string> {
  const row = (cells: readonly string[]): string =>
    form === 'csv' ? cells.join(',') : cells.map(cell => cell.padStart(NUMBER_WIDTH)).join('  ')
  if (form === 'table') yield `velocity rms in mm/s of lines of ${axes[0]?.lineHz ?? '?'} Hz, ${localTime(at, 19)}`
  yield row(['Hz', ...axes.map(({ channel }) => channel)])
  const first = axes[0]
  for (let line = 0; line < (first?.mmPerS.length ?? 0); line++) {
    const hz = first!.fromHz + line * first!.lineHz
    yield row([String(Number(hz.toPrecision(7))), ...axes.map(({ mmPerS }) => short(mmPerS[line] ?? Number.NaN))])
  }
}
