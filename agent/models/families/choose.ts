// Which families a baseline is fitted with, and why: in words for the person who reads `wearwatch learn` or `status`.
import type { Baseline, Family, FitSettings } from './family.ts'
import { VAR } from './var.ts'

/** Families in the order they are tried, by the name that the configuration gives them. */
export const FAMILIES: readonly Family[] = [VAR]

export interface Choice {
  /** At least one; the first leads: its delays and what it looks back on are the model's. */
  families: readonly Family[]
  settings: FitSettings
  reason: string
}

export function choose(_baseline: Baseline, wanted: string, settings: FitSettings): Choice {
  if (wanted === 'auto') {
    return { families: [VAR], settings, reason: 'vector autoregression suits process channels that are read together' }
  }
  return { families: FAMILIES.filter(family => family.name === wanted), settings, reason: 'as configured' }
}
