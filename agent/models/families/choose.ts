// Which families a baseline is fitted with, and why: in words for the person who reads `wearwatch learn` or `status`.
import { AAKR_ROWS, AAKR_WINDOWS, rowsToJoin } from './aakr.ts'
import { AUTOENCODER } from './autoencoder.ts'
import type { Baseline, Family, FitSettings } from './family.ts'
import { modesOf } from './modes.ts'
import { VAR } from './var.ts'

/** Below, each mode has been seen too few times to be remembered. */
const ROWS_FOR_MODES = 1_000

export interface Choice {
  /** Its delays and what it looks back on are the model's. */
  lead: Family
  /** Second opinions, each from so many rows on. */
  beside: readonly { family: Family; rows: number }[]
  settings: FitSettings
  reason: string
}

/** Few enough that windows of all of them remain a shape to remember. */
const WINDOW_CHANNELS_MAX = 3
/** Correlation of neighbouring rows from which a channel is slow: its shape over hours says more than its next value. */
const SLOW_MIN = 0.98

export function choose(baseline: Baseline, wanted: string, settings: FitSettings): Choice {
  const slow = slowText(baseline)
  const memory = slow === undefined ? AAKR_ROWS : AAKR_WINDOWS
  const configured = { beside: [], settings, reason: 'as configured' }
  if (wanted === 'var') return { ...configured, lead: VAR }
  if (wanted === 'aakr') return { ...configured, lead: memory }
  if (wanted === 'autoencoder') return { ...configured, lead: AUTOENCODER }
  if (slow !== undefined && memory.lacks(baseline, settings) === undefined) {
    const reason = `${slow}: the last rows are held against remembered stretches of the history`
    return { lead: memory, beside: [], settings, reason }
  }
  const rows = rowsToJoin(settings)
  const modes = baseline.rows >= ROWS_FOR_MODES ? modesOf(baseline) : undefined
  if (modes) {
    // A simulated machine of three modes: by remembered rows 99 % of a fault of three noise deviations in alarm and nothing before
    // it, by autoregression 0 to 2 %, and up to 2 % of the healthy rows.
    const times = `${modes.changes} times, the rarer ones ${(100 * modes.share).toFixed(0)} % of the rows`
    const reason = `the machine changes between operating modes (${times}): rows are held against remembered ones, whatever came before`
    return { lead: AAKR_ROWS, beside: [], settings, reason }
  }
  const choice = autoregression(baseline, settings, [{ family: AAKR_ROWS, rows }])
  // Where nothing can be fitted, the refusal is that of the family that suits the channels.
  return choice ?? { lead: slow === undefined ? VAR : memory, beside: [], settings, reason: 'too few rows' }
}

/** With the order that the rows are enough for; without any, the memory of rows alone; undefined where that cannot be either. */
function autoregression(baseline: Baseline, settings: FitSettings, beside: Choice['beside']): Choice | undefined {
  const { channels, rows } = baseline
  const course = `${channels} channels are read together: each row is held against what the rows before it predict`
  for (let order = settings.order; order >= 1; order--) {
    const lower = { ...settings, order }
    if (VAR.lacks(baseline, lower) !== undefined) continue
    const joined = beside.some(second => rows >= second.rows) ? ', and against remembered rows beside' : ''
    const lowered = `; ${rows} rows are too few to look back on ${settings.order}, so it looks back on ${order}`
    const reason = `${course}${joined}${order < settings.order ? lowered : ''}`
    return { lead: VAR, beside, settings: lower, reason }
  }
  if (AAKR_ROWS.lacks(baseline, settings) !== undefined) return undefined
  const reason = `${rows} rows of ${channels} channels are too few for a regression: rows are held against remembered ones`
  return { lead: AAKR_ROWS, beside: [], settings, reason }
}

/** Why windows are remembered rather than rows, if so: one channel that moves, or a few slow ones. */
function slowText(baseline: Baseline): string | undefined {
  const { channels, constant } = baseline
  const moving = channels - constant.reduce((sum, value) => sum + value, 0)
  if (channels === 1) return 'one channel'
  if (moving === 1) return 'one channel that moves'
  if (moving === 0 || channels > WINDOW_CHANNELS_MAX) return undefined
  const slowest = Math.min(...Array.from({ length: channels }, (_, c) => (constant[c] ? 1 : neighbours(baseline, c))))
  return slowest >= SLOW_MIN ? `${channels} slow channels` : undefined
}

/** Correlation of each row with the one before it. */
function neighbours({ z, rows, channels, runs }: Baseline, channel: number): number {
  let products = 0
  let squares = 0
  for (let r = 1; r < rows; r++) {
    if (runs[r] === 1) continue
    products += z[r * channels + channel]! * z[(r - 1) * channels + channel]!
    squares += z[r * channels + channel]! ** 2
  }
  return squares > 0 ? products / squares : 0
}
