// UCUM codes as they occur on plant signals, each with its dimension and factor to the base unit of that dimension:
// base = value * factor + offset. Only what is in this table can be configured; everything else is refused by name.
// Source: UCUM 2.1 (ucum.org), NIST SP 811 for the factors of customary units.
// `g` is standard gravity here (in UCUM it is the gram, and gravity is `[g]`): on a vibration sensor nothing else is meant.
// `degF` and `psi` stand beside UCUM's `[degF]` and `[psi]`, since that is how they are written on the sensor.
import { nearest } from './wording.ts'

type Factor = number | readonly [factor: number, offset: number]

const PSI = 6894.757293168
const GRAVITY = 9.80665
const GALLON = 3.785411784e-3
const INCH = 0.0254

// biome-ignore format: a table, one dimension a line
const TABLE: Record<string, Record<string, Factor>> = {
  'a pressure': {
    Pa: 1, hPa: 100, kPa: 1e3, MPa: 1e6, mbar: 100, bar: 1e5, atm: 101_325, 'mm[Hg]': 133.322387415,
    'cm[H2O]': 98.0665, psi: PSI, '[psi]': PSI,
  },
  'a temperature': { K: 1, Cel: [1, 273.15], degF: [5 / 9, 459.67 * (5 / 9)], '[degF]': [5 / 9, 459.67 * (5 / 9)] },
  'a volume flow': {
    'm3/s': 1, 'm3/min': 1 / 60, 'm3/h': 1 / 3600, 'm3/d': 1 / 86_400, 'l/s': 1e-3, 'l/min': 1e-3 / 60, 'l/h': 1e-3 / 3600,
    'ml/min': 1e-6 / 60, '[gal_us]/min': GALLON / 60,
  },
  'a mass flow': { 'kg/s': 1, 'kg/min': 1 / 60, 'kg/h': 1 / 3600, 't/h': 1000 / 3600 },
  'a frequency or rotational speed': { Hz: 1, kHz: 1e3, MHz: 1e6, '1/s': 1, '1/min': 1 / 60, '1/h': 1 / 3600 },
  'an angular speed': { 'rad/s': 1, 'deg/s': Math.PI / 180 },
  'an angle': { rad: 1, deg: Math.PI / 180 },
  'a velocity': { 'm/s': 1, 'mm/s': 1e-3, 'um/s': 1e-6, 'cm/s': 1e-2, 'm/min': 1 / 60, 'km/h': 1 / 3.6, '[in_i]/s': INCH },
  'an acceleration': { 'm/s2': 1, 'mm/s2': 1e-3, g: GRAVITY, '[g]': GRAVITY },
  'a length': { m: 1, km: 1e3, cm: 1e-2, mm: 1e-3, um: 1e-6, nm: 1e-9, '[in_i]': INCH, '[mil_i]': INCH / 1000 },
  'an area': { m2: 1, cm2: 1e-4, mm2: 1e-6 },
  'a volume': { m3: 1, l: 1e-3, ml: 1e-6, '[gal_us]': GALLON },
  'a mass': { kg: 1, t: 1e3, mg: 1e-6 },
  'a density': { 'kg/m3': 1, 'g/cm3': 1e3, 'kg/l': 1e3 },
  'a concentration': { 'g/l': 1, 'mg/l': 1e-3, 'mg/m3': 1e-6, 'ug/m3': 1e-9 },
  'a time': { s: 1, us: 1e-6, ms: 1e-3, min: 60, h: 3600, d: 86_400 },
  'an electric current': { A: 1, uA: 1e-6, mA: 1e-3, kA: 1e3 },
  'a voltage': { V: 1, uV: 1e-6, mV: 1e-3, kV: 1e3 },
  'a power': { W: 1, mW: 1e-3, kW: 1e3, MW: 1e6, '[HP]': 745.6998715823 },
  'an apparent power': { 'V.A': 1, 'kV.A': 1e3, 'MV.A': 1e6 },
  'an energy': { J: 1, kJ: 1e3, MJ: 1e6, 'W.h': 3600, 'kW.h': 3.6e6, 'MW.h': 3.6e9 },
  'a resistance': { Ohm: 1, mOhm: 1e-3, kOhm: 1e3, MOhm: 1e6, GOhm: 1e9 },
  'a conductivity': { 'S/m': 1, 'mS/cm': 0.1, 'uS/cm': 1e-4 },
  'a force': { N: 1, kN: 1e3 },
  'a torque': { 'N.m': 1, 'kN.m': 1e3 },
  'a dynamic viscosity': { 'Pa.s': 1, 'mPa.s': 1e-3 },
  'a kinematic viscosity': { 'm2/s': 1, 'mm2/s': 1e-6 },
  'a ratio': { '1': 1, '%': 1e-2, '[ppth]': 1e-3, '[ppm]': 1e-6 },
  'an acidity': { '[pH]': 1 },
  'a level': { dB: 1 },
  'an illuminance': { lx: 1 },
  'a magnetic flux density': { T: 1, mT: 1e-3 },
}

/** What is often written instead of the UCUM code. */
// biome-ignore format: a table
const MEANT: Record<string, string> = {
  rpm: '1/min', 'r/min': '1/min', 'rev/min': '1/min', 'min-1': '1/min', 'U/min': '1/min', rps: '1/s', cpm: '1/min',
  C: 'Cel', '°C': 'Cel', '℃': 'Cel', degC: 'Cel', celsius: 'Cel', F: 'degF', '°F': 'degF', fahrenheit: 'degF', kelvin: 'K',
  'm³/h': 'm3/h', 'm^3/h': 'm3/h', 'cbm/h': 'm3/h', 'm³': 'm3', 'm^3': 'm3', lpm: 'l/min', gpm: '[gal_us]/min',
  'm/s²': 'm/s2', 'm/s^2': 'm/s2', 'mm/s²': 'mm/s2', G: 'g', ips: '[in_i]/s', 'in/s': '[in_i]/s', in: '[in_i]', mil: '[mil_i]',
  percent: '%', pct: '%', ppm: '[ppm]', pH: '[pH]', ph: '[pH]', amp: 'A', amps: 'A', ampere: 'A', volt: 'V', watt: 'W', kva: 'kV.A',
  kVA: 'kV.A', VA: 'V.A', kWh: 'kW.h', Wh: 'W.h', MWh: 'MW.h', Nm: 'N.m', 'µm': 'um', 'μm': 'um', 'µm/s': 'um/s', 'Ω': 'Ohm',
  ohm: 'Ohm', sec: 's', hour: 'h', hp: '[HP]', 'km/hr': 'km/h', mmHg: 'mm[Hg]', 'L/min': 'l/min', 'L/h': 'l/h', 'L/s': 'l/s', L: 'l',
  cSt: 'mm2/s', cP: 'mPa.s', barg: 'bar', bara: 'bar', hz: 'Hz', 'none': '1', '-': '1',
}

interface Unit {
  dimension: string
  factor: number
  offset: number
}

const UNITS = new Map<string, Unit>(
  Object.entries(TABLE).flatMap(([dimension, codes]) =>
    Object.entries(codes).map(([code, entry]): [string, Unit] => {
      const [factor, offset] = typeof entry === 'number' ? [entry, 0] : entry
      return [code, { dimension, factor, offset }]
    }),
  ),
)

/** All codes that can be configured, by dimension, for documentation. */
export function unitTable(): { dimension: string; codes: string[] }[] {
  return Object.entries(TABLE).map(([dimension, codes]) => ({ dimension, codes: Object.keys(codes) }))
}

export function isUnit(code: string): boolean {
  return UNITS.has(code)
}

/** What would do instead of an unknown code. */
export function unitHint(code: string): string {
  const spelling = [code, code.toLowerCase()].find(text => Object.hasOwn(MEANT, text))
  const meant = spelling === undefined ? nearest(code, [...UNITS.keys()]) : MEANT[spelling]
  return meant === undefined ? 'units are UCUM codes; docs/config.md lists them' : `did you mean "${meant}"?`
}

/** `a pressure`; the code must be known. */
export function dimensionOf(code: string): string {
  return UNITS.get(code)?.dimension ?? 'unknown'
}

/** to = from * factor + offset; undefined when the two measure different things. */
export function conversion(from: string, to: string): { factor: number; offset: number } | undefined {
  const source = UNITS.get(from)
  const target = UNITS.get(to)
  if (!source || !target || source.dimension !== target.dimension) return undefined
  if (from === to) return { factor: 1, offset: 0 }
  return { factor: source.factor / target.factor, offset: (source.offset - target.offset) / target.factor }
}
