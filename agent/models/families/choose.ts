// Which families a baseline is fitted with, and why: in words for the person who reads `wearwatch learn` or `status`.
import { AAKR_ROWS, AAKR_WINDOWS, rowsToJoin } from './aakr.ts'
import { AUTOENCODER } from './autoencoder.ts'
import type { Baseline, Family, FitSettings } from './family.ts'
import { VAR } from './var.ts'

export interface Choice {
  /** Its delays and what it looks back on are the model's. */
  lead: Family
  /** Second opinions, each from so many rows on. */
  beside: readonly { family: Family; rows: number }[]
  settings: FitSettings
  reason: string
}

export function choose(baseline: Baseline, wanted: string, settings: FitSettings): Choice {
  const channels = baseline.channels
  const memory = channels === 1 ? AAKR_WINDOWS : AAKR_ROWS
  const configured = { beside: [], settings, reason: 'as configured' }
  if (wanted === 'var') return { ...configured, lead: VAR }
  if (wanted === 'aakr') return { ...configured, lead: memory }
  if (wanted === 'autoencoder') return { ...configured, lead: AUTOENCODER }
  if (channels === 1) return { ...configured, lead: memory, reason: 'one channel' }
  const rows = rowsToJoin(settings)
  return { lead: VAR, beside: [{ family: AAKR_ROWS, rows }], settings, reason: 'several channels' }
}
