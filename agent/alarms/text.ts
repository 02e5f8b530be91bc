// Numbers, units and durations as people read them.

/** Three significant digits, whole from 100 on: 0.0123, 9.4, 58.2, 1482. */
export function numberText(value: number): string {
  if (!Number.isFinite(value)) return '?'
  const rounded = Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3))
  return String(Object.is(rounded, -0) ? 0 : rounded)
}

const UNIT_TEXT: Record<string, string> = {
  '1': '',
  Cel: '°C',
  '[degF]': '°F',
  'm3/h': 'm³/h',
  'm3/s': 'm³/s',
  'm/s2': 'm/s²',
  Ohm: 'Ω',
  um: 'µm',
}

/** The UCUM code as it is written on a machine. */
export function unitText(unit: string): string {
  return UNIT_TEXT[unit] ?? unit
}

export function quantityText(value: number, unit: string): string {
  const symbol = unitText(unit)
  return symbol === '' ? numberText(value) : `${numberText(value)} ${symbol}`
}

/** 250 ms, 8 s, 34 min, 2 h 5 min, 3 d 4 h. */
export function durationText(durationUs: number): string {
  const seconds = Math.max(0, durationUs) / 1e6
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`
  if (seconds < 119.5) return `${numberText(seconds)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 120) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`
  return hours % 24 === 0 ? `${hours / 24} d` : `${Math.floor(hours / 24)} d ${hours % 24} h`
}

// A percentage of a temperature on a scale whose zero is arbitrary, or of a percentage, says nothing.
const INTERVAL_UNITS = new Set(['Cel', '[degF]', '[degRe]', '%'])

/**
 * How far `value` is from `baseline`: `18 % below`, or `6.2 °C above` where the baseline is no meaningful whole: near 0
 * beside the difference (over 200 %), negative, or on an interval scale.
 */
export function differenceText(value: number, baseline: number, unit: string): string {
  const difference = value - baseline
  const where = difference < 0 ? 'below' : 'above'
  const size = Math.abs(difference)
  if (baseline > 0 && size <= 2 * baseline && !INTERVAL_UNITS.has(unit)) {
    return `${numberText((100 * size) / baseline)} % ${where}`
  }
  return unit === '%' ? `${numberText(size)} points ${where}` : `${quantityText(size, unit)} ${where}`
}
