// Which column of a recorded CSV file holds the times, in which form, and how to read them.
import { calendarUs, clockUs, type DayOrder, isBareDate, openNumbers } from './calendar-times.ts'
import { DAY_US, epochUs } from './times.ts'

const TIME_NAME =
  /^#?\s*(date[-_ /]?time|time[-_ ]?stamp|time|date|ts|t|zeit|datum|zeitstempel|elapsed([-_ ]?time)?|(unix|epoch)([-_ ]?time)?)[-_ ]*[[(]?(utc|gmt|local|s|sec|seconds|ms|us|µs|min|h)?[\])]?$/i
const UNIT_US: Readonly<Record<string, number>> = { ms: 1e3, us: 1, µs: 1, min: 60e6, h: 3600e6 }
const YEAR_2000_US = 946_684_800e6
const YEAR_2100_US = 4_102_444_800e6
/** March 1973 as an epoch: below, numbers are time since the recording began. */
const EPOCH_MIN = 1e8

/**
 * `stamp`: date and time of day; `date` and `clock`: one of the two; `epoch`: since 1970; `elapsed`: numbers that rise in a
 * column called like a time.
 */
type TimeKind = 'stamp' | 'date' | 'clock' | 'epoch' | 'elapsed'

export interface TimeColumn {
  /** -1: there is none. */
  at: number
  kind: TimeKind
  /** Column of the time of day beside a date; -1 where it is none of its own. */
  clockAt: number
  name: string
}

export interface TimeSearch {
  names: readonly string[]
  rows: readonly string[][]
  /** Names of columns that are not looked at. */
  ignore: ReadonlySet<string>
  number(cell: string): number
  /** The column, where somebody named it. */
  wanted: string | undefined
}

const NONE: TimeColumn = { at: -1, kind: 'elapsed', clockAt: -1, name: '' }

/**
 * A column that is called like one and holds times, else the first that holds dates with a time of day, else a date and a time of day beside it,
 * else the first date, else the first that holds times since 1970. Numbers are times only where they rise: `t` may be a
 * temperature. A time of day alone only where it is called so.
 */
export function findTime(search: TimeSearch): TimeColumn {
  const { names, wanted, ignore } = search
  const columns = names.map((name, at) => ({ at, name, named: TIME_NAME.test(name), kind: kindOf(search, at) }))
  const found = (column: (typeof columns)[number] | undefined, clockAt = -1): TimeColumn | undefined =>
    column?.kind ? { at: column.at, kind: column.kind, clockAt, name: column.name } : undefined
  if (wanted !== undefined) {
    const at = names.indexOf(wanted)
    return found(columns[at]) ?? { at, kind: 'elapsed', clockAt: -1, name: wanted }
  }
  const open = columns.filter(({ name, kind }) => kind && !ignore.has(name))
  const first = (...kinds: TimeKind[]) => open.find(({ kind }) => kinds.includes(kind!))
  const named = open.find(({ named, kind }) => named && (kind === 'stamp' || kind === 'epoch' || kind === 'elapsed'))
  const whole = named ?? first('stamp')
  if (whole) return found(whole)!
  const [date, clock] = [first('date'), first('clock')]
  if (date) return found(date, clock?.at)!
  return found(first('epoch')) ?? found(open.find(({ kind, named }) => named && kind === 'clock')) ?? NONE
}

function kindOf({ names, rows, number }: TimeSearch, at: number): TimeKind | undefined {
  const cells = rows.map(row => row[at]?.trim() ?? '').filter(cell => cell !== '')
  const most = (is: (cell: string) => boolean): boolean => cells.filter(is).length > cells.length / 2
  if (cells.length === 0) return undefined
  const name = names[at]!
  const numbers = cells.map(number)
  if (numbers.filter(Number.isNaN).length < cells.length / 2) return numericKind(cells, numbers, name, most)
  if (most(isDated)) return cells.every(cell => !isDated(cell) || isBareDate(cell)) ? 'date' : 'stamp'
  return most(cell => !Number.isNaN(clockUs(cell))) ? 'clock' : undefined
}

function numericKind(
  cells: readonly string[],
  numbers: readonly number[],
  name: string,
  most: (is: (cell: string) => boolean) => boolean,
): TimeKind | undefined {
  // 20241231235959 would be a time in the year 2611 as an epoch; 20241231 is a number like any other, but where it is called a date.
  if (most(cell => /^\d{12}(\d{2})?$/.test(cell) && isDated(cell))) return 'stamp'
  if (/^(date|datum|day)/i.test(name) && most(cell => /^\d{8}$/.test(cell) && isDated(cell))) return 'date'
  const known = numbers.filter(value => !Number.isNaN(value))
  const rising = rises(known)
  if (known.filter(isEpoch).length > cells.length / 2 && (rising || rises(known.toReversed()))) return 'epoch'
  return rising && TIME_NAME.test(name) && known.every(value => value >= 0) ? 'elapsed' : undefined
}

function isDated(cell: string): boolean {
  const us = Number.isNaN(calendarUs(cell, 'day-first'))
    ? calendarUs(cell, 'month-first')
    : calendarUs(cell, 'day-first')
  // Digits alone may be anything else.
  return /^\d+$/.test(cell) ? us >= 0 && us < YEAR_2100_US : !Number.isNaN(us)
}

/** A number that is a time from 2000 to 2100 in s, ms, µs or ns. */
function isEpoch(value: number): boolean {
  const timeUs = epochUs(value)
  return timeUs > YEAR_2000_US && timeUs < YEAR_2100_US
}

/** Nine of ten steps up or none, and some up: a clock that was set back once is a clock. */
function rises(values: readonly number[]): boolean {
  let [up, down] = [0, 0]
  for (let i = 1; i < values.length; i++) {
    const step = values[i]! - values[i - 1]!
    if (step > 0) up++
    if (step < 0) down++
  }
  return (up > 0 || values.length < 2) && down <= 0.1 * (values.length - 1)
}

/** Reads the time of one row after the other; NaN where there is none. Begin each pass over the file with a new one. */
export function timeReader(
  column: TimeColumn,
  rows: readonly string[][],
  order: DayOrder,
  number: (cell: string) => number,
): (cells: readonly string[]) => number {
  const { at, kind, clockAt, name } = column
  const cellOf = (cells: readonly string[], place: number): string => cells[place]?.trim() ?? ''
  if (kind === 'clock') return clockReader(at)
  if (kind === 'date' && clockAt >= 0)
    return cells => calendarUs(cellOf(cells, at), order) + clockUs(cellOf(cells, clockAt))
  if (kind === 'stamp' || kind === 'date') return cells => calendarUs(cellOf(cells, at), order)
  const first = rows.map(cells => number(cellOf(cells, at))).find(value => !Number.isNaN(value)) ?? 0
  if (first >= EPOCH_MIN) return cells => epochUs(number(cellOf(cells, at)))
  const unit = UNIT_US[(TIME_NAME.exec(name)?.at(-1) ?? '').toLowerCase()] ?? 1e6
  return cells => Math.round(number(cellOf(cells, at)) * unit)
}

/** A time of day that falls by more than half a day has passed midnight. */
function clockReader(at: number): (cells: readonly string[]) => number {
  let [days, before] = [0, Number.NaN]
  return cells => {
    const us = clockUs(cells[at]?.trim() ?? '')
    if (before - us > DAY_US / 2) days++
    if (!Number.isNaN(us)) before = us
    return us + days * DAY_US
  }
}

/** Finds out which of two numbers is the day: one above 12, else the order in which neighbouring rows lie closer together. */
export class DayOrderWatch {
  #votes = { first: 0, second: 0 }
  #mark = ''
  #sample = ''
  #before: { first: number; second: number } | undefined
  #jumps = { dayFirst: 0, monthFirst: 0 }

  take(cell: string): void {
    const numbers = openNumbers(cell)
    if (!numbers) return
    const { first, second, mark } = numbers
    this.#sample ||= cell
    this.#mark = mark
    if (first > 12) this.#votes.first++
    if (second > 12) this.#votes.second++
    if (this.#before) {
      // Days and months apart; a month is worth 30 days.
      const [a, b] = [Math.abs(first - this.#before.first), Math.abs(second - this.#before.second)]
      this.#jumps.dayFirst += a + 30 * b
      this.#jumps.monthFirst += 30 * a + b
    }
    this.#before = numbers
  }

  /** True where the data says it; what follows can change nothing but by contradiction. */
  get settled(): boolean {
    return this.#sample === '' || this.#votes.first !== this.#votes.second
  }

  get order(): DayOrder {
    const { first, second } = this.#votes
    const { dayFirst, monthFirst } = this.#jumps
    if (first !== second) return first > second ? 'day-first' : 'month-first'
    if (dayFirst !== monthFirst) return dayFirst < monthFirst ? 'day-first' : 'month-first'
    return this.#mark === '/' ? 'month-first' : 'day-first'
  }

  /** What had to be assumed. */
  get note(): string | undefined {
    if (this.settled || this.#jumps.dayFirst !== this.#jumps.monthFirst) return undefined
    return `nothing says whether "${this.#sample}" begins with the day or the month; it is read ${this.order}: write dates as 2024-12-31`
  }
}
