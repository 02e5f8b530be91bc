// Durations, sizes and rates with their units: `10min`, `512MiB`, `25.6kHz`. A number without a unit is refused, because
// seconds and milliseconds look alike until an alarm comes a thousand times too late.

export type Parsed = { value: number } | { message: string; hint: string }

const DURATION_MS: Record<string, number> = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 }
const SIZE_BYTES: Record<string, number> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
}
const RATE_HZ: Record<string, number> = { Hz: 1, kHz: 1e3, MHz: 1e6 }

/** What people write instead; case counts in `Mb` and `MB`, so these are hints and not accepted. */
const MEANT: Record<string, string> = {
  m: 'min',
  mn: 'min',
  minute: 'min',
  minutes: 'min',
  mins: 'min',
  sec: 's',
  secs: 's',
  second: 's',
  seconds: 's',
  msec: 'ms',
  hr: 'h',
  hrs: 'h',
  hour: 'h',
  hours: 'h',
  day: 'd',
  days: 'd',
  k: 'KiB',
  M: 'MiB',
  G: 'GiB',
  T: 'TiB',
  KB: 'KiB',
  kb: 'kB',
  Mb: 'MB',
  mb: 'MB',
  Gb: 'GB',
  gb: 'GB',
  hz: 'Hz',
  khz: 'kHz',
  KHz: 'kHz',
}

/** ms. */
export function parseDuration(text: string): Parsed {
  return parseQuantity(text, DURATION_MS, 'a duration with its unit, such as 10min')
}

/** Bytes. */
export function parseSize(text: string): Parsed {
  return parseQuantity(text, SIZE_BYTES, 'a size with its unit, such as 512MiB')
}

/** Hz; a plain number is Hz too. */
export function parseRate(text: string | number): Parsed {
  return typeof text === 'number' ? { value: text } : parseQuantity(text, RATE_HZ, 'a rate, such as 10Hz or 25600')
}

function parseQuantity(text: string, units: Record<string, number>, what: string): Parsed {
  const match = /^(\d{1,15}(?:\.\d{1,9})?) ?([A-Za-z]*)$/.exec(text.trim())
  const known = Object.keys(units).join(', ')
  if (!match) return { message: `expected ${what}, got the text "${text.slice(0, 40)}"`, hint: `units: ${known}` }
  const [, digits = '', unit = ''] = match
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined
  if (factor !== undefined) return { value: Number(digits) * factor }
  const meant = Object.hasOwn(MEANT, unit) ? MEANT[unit] : undefined
  const hint = meant !== undefined && Object.hasOwn(units, meant) ? `write ${digits}${meant}` : `units: ${known}`
  return { message: `expected ${what}, got "${text.trim()}"`, hint }
}

/** A multiple, to the nanosecond: 3 Hz is a row every 333.333333 ms, which can be written down and read back. */
export function timesMs(ms: number, factor: number): number {
  return Number((ms * factor).toFixed(6))
}

/** The shortest exact way to write it: 1800000 -> `30min`. */
export function durationText(ms: number): string {
  return ms === 0 ? '0s' : quantityText(ms, DURATION_MS)
}

/** 67108864 -> `64MiB`, 2e9 -> `2GB`. */
export function sizeText(bytes: number): string {
  return quantityText(bytes, SIZE_BYTES)
}

function quantityText(value: number, units: Record<string, number>): string {
  const [smallest = ''] = Object.keys(units)
  const fitting = Object.entries(units).filter(([, factor]) => value !== 0 && value % factor === 0)
  const best = fitting.reduce((a, b) => (b[1] > a[1] ? b : a), [smallest, 1])
  return `${value / best[1]}${best[0]}`
}
