// Is a baseline of captures long enough to be trusted? Each speed's is judged by itself.
import type { SpeedRange, Sufficiency } from '../contract.ts'
import { type BandLevels, capturesOf, fitBands, scoreCapture } from '../families/bands.ts'
import { atText, CAPTURES_FAIR } from './bands-parts.ts'

/** Of the second half beyond the setpoint of the first, as with process models. */
const EXCEEDING_SHARE_MAX = 0.05

interface Judged extends Sufficiency {
  /** There were captures enough to judge by. */
  checked: boolean
}

/**
 * Enough: of every baseline with the captures to tell, the second half stays below the setpoint of the first, and there is one such. A
 * speed at which the machine seldom runs must not keep the others waiting.
 */
export function sufficiencyOf(parts: readonly { levels: BandLevels; range?: SpeedRange | undefined }[]): Sufficiency {
  const judged = parts.map(({ levels, range }) => judge(levels, parts.length > 1 ? atText(range) : ''))
  const shares = judged.flatMap(({ exceeding }) => (exceeding === undefined ? [] : [exceeding]))
  const enough = judged.some(({ checked }) => checked) && judged.every(part => part.enough || !part.checked)
  return {
    enough,
    ...(shares.length > 0 ? { exceeding: Math.max(...shares) } : {}),
    reason: judged
      .map(({ reason }) => reason)
      .filter(Boolean)
      .join(' '),
  }
}

/** Fits the first half of the captures and scores the second. */
function judge(levels: BandLevels, at: string): Judged {
  const half = Math.floor(levels.captures / 2)
  if (half < CAPTURES_FAIR) {
    const reason = `too few captures${at} to check one half of the baseline against the other: ${levels.captures} of ${2 * CAPTURES_FAIR}; learn longer before trusting the setpoint.`
    return { enough: false, checked: false, reason }
  }
  const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)
  const { model } = fitBands(capturesOf(levels, range(0, half)))
  const scores = range(half, levels.captures).map(k => scoreCapture(model, levels, k))
  const beyond = scores.filter(score => score >= 1).length
  const exceeding = beyond / scores.length
  // One capture of few raises no alarm.
  if (beyond <= Math.max(1, EXCEEDING_SHARE_MAX * scores.length)) {
    return { enough: true, checked: true, exceeding, reason: '' }
  }
  const reason =
    `${(100 * exceeding).toFixed(0)} % of the second half of the baseline${at} exceed the setpoint of its first half: ` +
    'the machine still showed new behaviour, or wears. Learn longer; expect false alarms until then.'
  return { enough: false, checked: true, exceeding, reason }
}
