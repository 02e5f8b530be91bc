// Times as devices write them -> µs since 1970. Every parser here returns NaN for what it cannot read.

export const DAY_US = 86_400_000_000
const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** A number or text of any supported form: ISO 8601, or epoch seconds, ms, µs or ns. NaN when it is neither. */
export function timeUsOf(value: unknown): number {
  if (typeof value === 'number') return epochUs(value)
  if (typeof value !== 'string') return Number.NaN
  if (value.charCodeAt(4) === 0x2d) return isoUs(value)
  return value.trim() === '' ? Number.NaN : epochUs(Number(value))
}

/**
 * The unit follows from the magnitude: each range covers the years 1973–5138, so they cannot be confused.
 * 0 and below mean "no time".
 */
export function epochUs(value: number): number {
  if (!(value > 0)) return Number.NaN
  if (value < 1e11) return Math.round(value * 1e6)
  if (value < 1e14) return Math.round(value * 1e3)
  if (value < 1e17) return Math.round(value)
  return value < 1e20 ? Math.round(value / 1e3) : Number.NaN
}

/**
 * `YYYY-MM-DD[T| ]hh:mm[:ss[.fraction]][Z|±hh[:]mm]` or a bare date; without a zone it is UTC. Digits past the
 * microsecond are cut. Date.parse takes a time without a zone as local, knows no microseconds, and needs 1.5–2 x as long.
 */
export function isoUs(text: string): number {
  const year = digits(text, 0, 4)
  const month = digits(text, 5, 2)
  const day = digits(text, 8, 2)
  if (!(month >= 1 && month <= 12) || text.charCodeAt(4) !== 0x2d || text.charCodeAt(7) !== 0x2d) return Number.NaN
  const dateUs = dayUs(year, month, day)
  if (text.length === 10) return dateUs
  const separator = text.charCodeAt(10)
  if (separator !== 0x54 && separator !== 0x20 && separator !== 0x74) return Number.NaN
  return dateUs + timeOfDayUs(text)
}

/** µs since 1970 of the first moment of a day; NaN where the calendar has no such day. */
export function dayUs(year: number, month: number, day: number): number {
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 1 : 0
  const exists = month >= 1 && month <= 12 && day >= 1 && day <= DAYS_IN_MONTH[month - 1]! + leap
  return exists ? daysFromCivil(year, month, day) * DAY_US : Number.NaN
}

function timeOfDayUs(text: string): number {
  const hour = digits(text, 11, 2)
  const minute = digits(text, 14, 2)
  if (!(hour <= 24 && minute <= 59) || text.charCodeAt(13) !== 0x3a) return Number.NaN
  let at = 16
  let second = 0
  let fractionUs = 0
  if (text.charCodeAt(at) === 0x3a) {
    second = digits(text, 17, 2)
    // 60 is a leap second; it lands on the first of the next minute, as in POSIX.
    if (!(second <= 60)) return Number.NaN
    at = 19
    const mark = text.charCodeAt(at)
    if (mark === 0x2e || mark === 0x2c) {
      let weightUs = 100_000
      for (at++; isDigit(text.charCodeAt(at)); at++) {
        fractionUs += (text.charCodeAt(at) - 48) * weightUs
        weightUs = Math.floor(weightUs / 10)
      }
    }
  }
  return (hour * 3600 + minute * 60 + second) * 1e6 + fractionUs - zoneUs(text, at)
}

/** Offset of the zone that begins at `at` and ends the text. */
function zoneUs(text: string, at: number): number {
  if (at === text.length) return 0
  const mark = text.charCodeAt(at)
  if (mark === 0x5a || mark === 0x7a) return at + 1 === text.length ? 0 : Number.NaN
  if (mark !== 0x2b && mark !== 0x2d) return Number.NaN
  const hours = digits(text, at + 1, 2)
  const minuteAt = text.charCodeAt(at + 3) === 0x3a ? at + 4 : at + 3
  const minutes = minuteAt === text.length ? 0 : digits(text, minuteAt, 2)
  if (!(hours <= 18 && minutes <= 59) || text.length > minuteAt + 2) return Number.NaN
  return (mark === 0x2b ? 1 : -1) * (hours * 60 + minutes) * 60e6
}

function digits(text: string, at: number, count: number): number {
  let value = 0
  for (let i = at; i < at + count; i++) {
    const code = text.charCodeAt(i)
    if (!isDigit(code)) return Number.NaN
    value = value * 10 + code - 48
  }
  return value
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

/** Days since 1970-01-01 of the proleptic Gregorian calendar; years begin in March so that leap days come last. */
function daysFromCivil(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}
