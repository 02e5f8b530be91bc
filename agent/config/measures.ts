// A number with its unit: `4.5mm/s`, `180 m3/h`, `300 1/min`. A bare number is in the unit of what it is held against.
import { conversion, dimensionOf, isUnit, unitHint } from './units.ts'
import { shown } from './wording.ts'

export type Measure = { value: number } | { message: string; hint?: string }

/** In `unit`. `difference`: of a deadband, 1 K is 1 Cel and not -272.15. */
export function parseMeasure(written: number | string, unit: string, difference = false): Measure {
  if (typeof written === 'number') return { value: written }
  const [, digits, own = ''] = /^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*(\S*)\s*$/i.exec(written) ?? []
  if (digits === undefined) {
    return {
      message: `expected a number with a unit, such as 4.5mm/s, got "${shown(written)}"`,
      hint: `write the number, in ${unit}`,
    }
  }
  if (own === '') return { value: Number(digits) }
  if (!isUnit(own)) {
    const spaced = /^\d*\//.test(own)
      ? `a unit that begins with a digit wants a space before it: 300 1/min`
      : unitHint(own)
    return { message: `unknown unit "${shown(own)}"; expected a UCUM code`, hint: spaced }
  }
  const by = conversion(own, unit)
  if (!by) {
    const message = `${own} is ${dimensionOf(own)} and cannot become ${unit}, ${dimensionOf(unit)}`
    return { message, hint: `write the number, in ${unit}` }
  }
  // 12 digits: 0.18 in/s is 4.5720000000000001 mm/s, and people read it.
  return { value: Number((Number(digits) * by.factor + (difference ? 0 : by.offset)).toPrecision(12)) }
}
