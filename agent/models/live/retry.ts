// When a fit that came to nothing is tried again.
import { ERROR_KINDS, type ErrorCode } from '../../core/errors.ts'

/** For want of more rows: with so many times as many. */
const RETRY_ROWS_FACTOR = 1.5
const RETRY_ROWS_MIN = 10
/** For a full disk or the like: after so much of the rows' time. */
export const RETRY_US = 60e6

export function moreThan(rows: number): number {
  return Math.max(RETRY_ROWS_MIN, Math.ceil(rows * RETRY_ROWS_FACTOR))
}

/**
 * More rows would not help, and a disk that has room again must not leave the machine unwatched for half a day more. A fit
 * that took too long is another matter: it would be so again.
 */
export function isPassing(code: ErrorCode | undefined): boolean {
  return code !== undefined && ERROR_KINDS[code] === 'transient' && code !== 'FIT_FAILED'
}

/** False also where the clock was set back by more than a retry is away. */
export function isBefore(timeUs: number, retryUs: number): boolean {
  return timeUs < retryUs && timeUs >= retryUs - RETRY_US
}
