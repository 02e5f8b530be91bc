// The model of the channels that are left, on the rows that the whole one was fitted on: they are in the history.
import type { AssetConfig } from '../../config/contract.ts'
import { AgentError } from '../../core/errors.ts'
import type { FitResult, Manifest } from '../contract.ts'
import { type BaselineRange, type BaselineRows, collectBaseline } from './baseline.ts'
import { type FitDeps, type FitExtra, fitAndWarn } from './fitting.ts'
import type { TimeRange } from './fold.ts'
import { telemetryColumns } from './learn-meter.ts'
import { alarmMarginRows } from './rebaseline.ts'
import { referenceOf } from './reduced.ts'

export interface ReducedFitDeps extends FitDeps {
  /** Alarms of the machine so far. */
  alarms(): readonly TimeRange[]
}

/** Of the rows that the whole model was fitted on: with fewer the history no longer holds its baseline. */
const BASELINE_SHARE_MIN = 0.5

/** Throws FIT_INSUFFICIENT where the rows are gone or too few for any family, else what the history and the fit throw. */
export async function fitReduced(
  deps: ReducedFitDeps,
  asset: AssetConfig,
  whole: Manifest,
  without: readonly string[],
  signal: AbortSignal,
): Promise<FitResult> {
  const { fitted, reference, provisional } = whole
  if (!fitted) throw new AgentError('FIT_INSUFFICIENT', 'its model does not say what it was fitted on')
  const kept = whole.channels.map(({ id }) => id).filter(id => !without.includes(id))
  const first = reference?.fromUs === fitted.fromUs && reference.toUs === fitted.toUs
  const data = await collect(deps, asset, { ...fitted, first }, kept)
  if (data.rows < BASELINE_SHARE_MIN * fitted.rows) {
    const there = `${data.rows} of ${fitted.rows} rows are there`
    throw new AgentError('FIT_INSUFFICIENT', `the history no longer holds its baseline (${there})`)
  }
  const restricted = referenceOf(whole, kept)
  const extra: FitExtra = {
    ...(restricted ? { reference: restricted } : {}),
    // Rows of a first baseline have not been scored by any model.
    ...(first ? { screen: true } : {}),
    ...(provisional ? { provisional } : {}),
  }
  if (asset.model.family === 'auto') return fitAndWarn(deps, asset, data, extra, signal)
  // The rows of a fit move to its thread.
  const copy = { ...data, values: data.values.slice(), breaks: data.breaks.slice() }
  return fitAndWarn(deps, asset, copy, extra, signal).catch((error: unknown) => {
    if (!(error instanceof AgentError) || error.code !== 'FIT_INSUFFICIENT') throw error
    // Fewer channels than its family takes; whichever suits them is better than none.
    return fitAndWarn(deps, asset, data, { ...extra, family: 'auto' }, signal)
  })
}

/** Rows of the baseline without those in alarm and those before, unless somebody has called just these healthy. */
async function collect(
  { history, gate, alarms }: ReducedFitDeps,
  asset: AssetConfig,
  { fromUs, toUs, rows, first }: { fromUs: number; toUs: number; rows: number; first: boolean },
  kept: readonly string[],
): Promise<BaselineRows> {
  const { everyMs, alarm, channels } = asset
  const marginUs = alarmMarginRows(Math.ceil(alarm.onDelayMs / everyMs)) * everyMs * 1000
  const sick = alarms().map(({ fromUs, toUs = Number.POSITIVE_INFINITY }) => ({ fromUs: fromUs - marginUs, toUs }))
  const among = (timeUs: number): boolean => !sick.some(({ fromUs, toUs }) => timeUs >= fromUs && timeUs <= toUs)
  const without = telemetryColumns(asset).flatMap(column => {
    const { id } = channels[column]!
    return kept.includes(id) ? [] : [id]
  })
  const range: BaselineRange = { fromUs, toUs, expectedRows: rows, without }
  const healthy = await collectBaseline(history, asset, gate, { ...range, among })
  if (!first || healthy.rows >= BASELINE_SHARE_MIN * rows) return healthy
  return collectBaseline(history, asset, gate, range)
}
