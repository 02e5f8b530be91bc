// Healthy rows -> a process model: standardise, fit the chosen families, gather their parts.

import type { FitData } from '../contract.ts'
import type { Choice } from '../families/choose.ts'
import { featuresOf, fitRelation, noRelation } from '../families/features.ts'
import { raiseTo } from '../families/folds.ts'
import { baselineOf, standardOf } from '../families/rows.ts'
import type { ProcessModel } from './combine.ts'

export interface ProcessFit {
  model: ProcessModel
  /** [rows] held-out scores, NaN where there is none. 1.0 is the setpoint. */
  heldOut: Float64Array
  warnings: string[]
  choice: Choice
  /** Names of those that took part, the leading one first. */
  families: string[]
}

/** Fits the families of a choice that has been made; why, when the leading one cannot be fitted. */
export function fitProcess(data: FitData, choice: Choice, widened = 1): ProcessFit | string {
  const { lead, beside, settings } = choice
  const rows = { ...data, channels: data.channels.length }
  const standard = standardOf(rows)
  const baseline = baselineOf(rows, standard)
  const problem = lead.lacks(baseline, settings)
  if (problem !== undefined) return problem
  const joining = beside.filter(({ family, rows }) => data.rows >= rows && !family.lacks(baseline, settings))
  const families = [lead, ...joining.map(({ family }) => family)]
  const fitted = families.map(family => family.fit(baseline, settings))
  const parts = fitted.flatMap(family => family.parts)
  const samples = Math.max(...parts.map(part => part.samples))
  const heldOut = new Float64Array(data.rows).fill(Number.NaN)
  for (const family of fitted) raiseTo(heldOut, family.heldOut, widened)
  const mean = Math.min(settings.mean, samples)
  const relation = lead.makeshift ? noRelation(rows.channels, mean) : fitRelation(baseline, mean)
  const features = featuresOf(relation, standard, data.channels)
  return {
    model: { channels: rows.channels, samples, standard, parts, features, widened },
    heldOut,
    warnings: fitted.flatMap(family => family.warnings),
    choice,
    families: families.map(({ name }) => name),
  }
}
