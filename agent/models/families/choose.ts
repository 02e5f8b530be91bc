// Which families a baseline is fitted with, and why: in words for the person who reads `wearwatch learn` or `status`.
import { AAKR_ROWS, AAKR_WINDOWS, rowsToJoin } from './aakr.ts'
import { AUTOENCODER } from './autoencoder.ts'
import type { Baseline, Family, FitSettings } from './family.ts'
import { LEVELS } from './levels.ts'
import { modesOf } from './modes.ts'
import { VAR } from './var.ts'
import { VAR_FEW } from './var-few.ts'

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

/** 60 to 110 rows, of 20 made-up machines of four channels: 1 in 10 had 16 to 3 % of its later rows beyond with 5, 54 to 12 % by remembered rows. */
const SMALLER_MEANS = [5, 2]
/** With fewer, remembered rows alarmed on 12 % of the healthy ones, and hardly more often on a channel that was 15 % up. */
const ROWS_TO_REMEMBER = 100
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
  return choice ?? makeshift(baseline, settings)
}

/** With the order, then the mean, that the rows are enough for; else the memory of rows alone; undefined where that cannot be either. */
function autoregression(baseline: Baseline, settings: FitSettings, beside: Choice['beside']): Choice | undefined {
  const { channels, rows } = baseline
  const together = channels > 1 ? `${channels} channels are read together: ` : ''
  const course = `${together}each row is held against what the rows before it predict`
  for (const lower of smaller(settings)) {
    if (VAR.lacks(baseline, lower) !== undefined) continue
    const joined = beside.some(second => rows >= second.rows) ? ', and against remembered rows beside' : ''
    const averages = lower.mean < settings.mean ? ` and averages ${lower.mean}` : ''
    const lowered = `; ${rows} rows are too few to look back on ${settings.order}, so it looks back on ${lower.order}${averages}`
    const reason = `${course}${joined}${lower.order < settings.order || averages ? lowered : ''}`
    return { lead: VAR, beside, settings: lower, reason }
  }
  if (rows < ROWS_TO_REMEMBER || AAKR_ROWS.lacks(baseline, settings) !== undefined) return undefined
  const reason = `${rows} rows of ${channels} channels are too few for a regression: rows are held against remembered ones`
  return { lead: AAKR_ROWS, beside: [], settings, reason }
}

/** Orders, then, with the least of them, means. */
function smaller(settings: FitSettings): FitSettings[] {
  const orders = Array.from({ length: settings.order }, (_, lower) => ({ ...settings, order: settings.order - lower }))
  return [...orders, ...SMALLER_MEANS.filter(mean => mean < settings.mean).map(mean => ({ order: 1, mean }))]
}

/** What a few dozen rows, or a handful, can say. */
function makeshift(baseline: Baseline, settings: FitSettings): Choice {
  const { rows } = baseline
  if (VAR_FEW.lacks(baseline, settings) === undefined) {
    const reason = `${rows} rows are few: each is held against what the one before it predicts, with a wide setpoint`
    return { lead: VAR_FEW, beside: [], settings, reason }
  }
  const reason = `${rows} rows are too few for more: each channel is held against its own mean and deviation, with a wide setpoint`
  return { lead: LEVELS, beside: [], settings, reason }
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
