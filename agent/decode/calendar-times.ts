// Dates and times of day as spreadsheets and loggers write them -> µs since 1970: 31.12.2024 23:59:59, 12/31/2024 11:59 PM,
// 31-Dec-24 23:59, 20241231T235959Z, 2024/12/31, 11:59:59,5. What is written without a zone is UTC. NaN for anything else.
import { DAY_US, dayUs, isoUs } from './times.ts'

/** Which of two numbers below 13 is the day. */
export type DayOrder = 'day-first' | 'month-first'

/** Two digits of a year: 69 is 1969, 68 is 2068, as in POSIX. */
const CENTURY_TURN = 69
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const NUMBERS = /^(\d{1,4})([./-])(\d{1,2})\2(\d{4}|\d{1,2})(?:$|[T ,]\s*)/i
const DAY_NAME = /^(\d{1,2})[-./ ]([a-z]{3,9})\.?[-./, ]+(\d{4}|\d{2})(?:$|[T ,:]\s*)/i
const NAME_DAY = /^(?:[a-z]{3,9},? )?([a-z]{3,9})\.? (\d{1,2}),? (\d{4})(?:$|[T ,]\s*)/i
const COMPACT = /^(\d{4})(\d{2})(\d{2})(?:[T ]?(\d{2})(\d{2})(?:(\d{2})(?:[.,](\d+))?)?(Z|[+-]\d{2}:?\d{2})?)?$/i
const CLOCK =
  /^(\d{1,3}):(\d{2})(?::(\d{2})(?:[.,:](\d+))?)?\s*(?:([ap])\.?m\.?)?\s*(z|utc|gmt)?([+-]\d{1,2}(?::?\d{2})?)?$/i

/** A date, or a date with a time of day. */
export function calendarUs(text: string, order: DayOrder): number {
  const iso = isoUs(text)
  if (!Number.isNaN(iso)) return iso
  const date = dateOf(text, order)
  if (!date) return compactUs(text)
  return date.rest === '' ? date.us : date.us + clockUs(date.rest)
}

/** True where no time of day is written. */
export function isBareDate(text: string): boolean {
  return dateOf(text, 'day-first')?.rest === '' || /^\d{8}$/.test(text)
}

/** The two numbers whose order is open, as they stand; undefined where the date says which is which. */
export function openNumbers(text: string): { first: number; second: number; mark: string } | undefined {
  const match = NUMBERS.exec(text)
  if (!match || match[1]!.length > 2) return undefined
  return { first: Number(match[1]), second: Number(match[3]), mark: match[2]! }
}

/** hh:mm[:ss[.fraction]][ AM|PM][ zone]. More than 24 hours are a duration, and no error. */
export function clockUs(text: string): number {
  const match = CLOCK.exec(text)
  if (!match) return Number.NaN
  const [, hours, minutes, seconds = '0', fraction = '', half, , zone = ''] = match
  const [hour, minute, second] = [Number(hours), Number(minutes), Number(seconds)]
  if (minute > 59 || second > 60 || (half !== undefined && (hour < 1 || hour > 12))) return Number.NaN
  const noon = half?.toLowerCase() === 'p' ? 12 : 0
  const whole = half === undefined ? hour : (hour % 12) + noon
  return ((whole * 60 + minute) * 60 + second) * 1e6 + fractionUs(fraction) - zoneUs(zone)
}

/** 20241231235959 and the like; 20241231 too. */
function compactUs(text: string): number {
  const match = COMPACT.exec(text)
  if (!match) return Number.NaN
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone = ''] = match
  if (Number(hour) > 24 || Number(minute) > 59 || Number(second) > 60) return Number.NaN
  const clock = ((Number(hour) * 60 + Number(minute)) * 60 + Number(second)) * 1e6
  return dayUs(Number(year), Number(month), Number(day)) + clock + fractionUs(fraction) - zoneUs(zone)
}

function dateOf(text: string, order: DayOrder): { us: number; rest: string } | undefined {
  const numbers = NUMBERS.exec(text)
  if (numbers) {
    const [whole, a = '', , b = '', c = ''] = numbers
    // 1.2.3 is a version, or anything.
    if (a.length < 3 && c.length === 1) return undefined
    const us =
      a.length > 2
        ? dayUs(yearOf(a), Number(b), Number(c))
        : order === 'day-first'
          ? dayUs(yearOf(c), Number(b), Number(a))
          : dayUs(yearOf(c), Number(a), Number(b))
    return { us, rest: text.slice(whole.length) }
  }
  const dayName = DAY_NAME.exec(text)
  if (dayName) return named(text, dayName[0], dayName[3]!, dayName[2]!, dayName[1]!)
  const nameDay = NAME_DAY.exec(text)
  return nameDay ? named(text, nameDay[0], nameDay[3]!, nameDay[1]!, nameDay[2]!) : undefined
}

function named(text: string, whole: string, year: string, month: string, day: string): { us: number; rest: string } {
  const us = dayUs(yearOf(year), 1 + MONTHS.indexOf(month.slice(0, 3).toLowerCase()), Number(day))
  return { us, rest: text.slice(whole.length) }
}

function yearOf(text: string): number {
  const year = Number(text)
  return text.length > 2 ? year : year + (year < CENTURY_TURN ? 2000 : 1900)
}

const fractionUs = (digits: string): number => Number(digits.slice(0, 6).padEnd(6, '0'))

/** Z, +hh, +hhmm, +hh:mm, or nothing. */
function zoneUs(zone: string): number {
  const match = /^([+-])(\d{1,2}):?(\d{2})?$/.exec(zone)
  if (!match) return 0
  const us = (Number(match[2]) * 60 + Number(match[3] ?? 0)) * 60e6
  return us > DAY_US ? Number.NaN : match[1] === '-' ? -us : us
}
