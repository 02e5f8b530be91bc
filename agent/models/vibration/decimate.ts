// Low-frequency part of a capture at a lower rate, behind a linear-phase FIR low-pass.

/** Highest frequency kept flat (ISO 20816-3, 4.2: broad-band velocity up to 1 kHz). */
export const LOW_HZ_MAX = 1000
/** Below it the velocity speaks, above it the high-frequency rms (ISO 13373-2: bearings and gears). */
export const HIGH_HZ_MIN = 1000
/** Highest frequency that an analyser shows of a sampling rate: beyond, the anti-alias filter of the digitiser bends the spectrum. */
export const RATE_OVER_TOP = 2.56
// Kaiser window: attenuation of what would fold back into the kept band. 80 dB: a 10 g gear mesh adds less than 1 mg.
const ATTENUATION_DB = 80

export interface LowBand {
  samples: ArrayLike<number>
  rateHz: number
}

/**
 * `samples` at the lowest rate (a whole division of `rateHz`) of at least 2.56 x `keepHz`, flat to 0.01 % up to `keepHz`. Comes
 * back as is where the rate is less than twice that. Half a filter's length is lost at either end (4.5 ms at 25.6 kHz).
 */
export function lowBand(samples: ArrayLike<number>, rateHz: number, keepHz = LOW_HZ_MAX): LowBand {
  const factor = Math.floor(rateHz / (RATE_OVER_TOP * keepHz))
  if (factor < 2) return { samples, rateHz }
  const taps = lowPass(keepHz / rateHz, rateHz / factor / rateHz - keepHz / rateHz)
  const count = Math.floor((samples.length - taps.length) / factor) + 1
  if (count < 2) return { samples, rateHz }
  const out = new Float64Array(count)
  for (let i = 0; i < count; i++) {
    let sum = 0
    for (let k = 0, at = i * factor; k < taps.length; k++, at++) sum += taps[k]! * samples[at]!
    out[i] = sum
  }
  return { samples: out, rateHz: rateHz / factor }
}

/** Windowed sinc, gain 1 at 0 Hz. `pass` and `stop` in cycles per sample. */
function lowPass(pass: number, stop: number): Float64Array {
  const width = 2 * Math.PI * (stop - pass)
  const half = Math.ceil((ATTENUATION_DB - 8) / (2.285 * width) / 2)
  const beta = 0.1102 * (ATTENUATION_DB - 8.7)
  const cutoff = (pass + stop) / 2
  const taps = Float64Array.from({ length: 2 * half + 1 }, (_, i) => {
    const t = i - half
    const sinc = t === 0 ? 2 * cutoff : Math.sin(2 * Math.PI * cutoff * t) / (Math.PI * t)
    return sinc * besselI0(beta * Math.sqrt(1 - (t / half) ** 2))
  })
  const sum = taps.reduce((total, tap) => total + tap, 0)
  return taps.map(tap => tap / sum)
}

/** Modified Bessel function of order 0, by its series. */
function besselI0(x: number): number {
  let sum = 1
  let term = 1
  for (let k = 1; term > 1e-16 * sum; k++) {
    term *= (x / (2 * k)) ** 2
    sum += term
  }
  return sum
}
