// Ids of alarm occurrences: 9 characters of the time in ms (45 bits, until the year 3084) and 4 of chance (20 bits), in
// Crockford's base32: sorts by time, survives case folding and being read out over the phone.
import type { Prng } from '../core/prng.ts'

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const TIME_CHARS = 9
const CHANCE_CHARS = 4

/** 13 characters. `timeUs` before 1970 counts as 1970. */
export function alarmId(timeUs: number, prng: Prng): string {
  return (
    base32(Math.max(0, Math.floor(timeUs / 1000)), TIME_CHARS) + base32(Math.floor(prng.next() * 2 ** 20), CHANCE_CHARS)
  )
}

function base32(value: number, chars: number): string {
  let text = ''
  // Division, not shifts: 45 bits do not fit JavaScript's 32-bit operators.
  for (let rest = value; text.length < chars; rest = Math.floor(rest / 32)) text = `${ALPHABET[rest % 32]}${text}`
  return text
}
