import { AgentError } from '../../core/errors.ts'
import type { FitData, FitOptions, FitResult, Manifest, Reference } from '../contract.ts'
import { type Choice, choose } from '../families/choose.ts'
import { findOutliers, noOutliers, type Outliers, withoutOutliers } from '../families/outliers.ts'
import { baselineOf, type Standard, standardOf } from '../families/rows.ts'
import { writeModelFile } from '../file/model-file.ts'
import { modelGraph } from './combine.ts'
import { constantText } from './constant-text.ts'
import { noiseOf } from './noise.ts'
import { fitProcess, type ProcessFit } from './process-fit.ts'
import { selfTestOf } from './self-test.ts'
import { sufficiencyOf } from './sufficiency.ts'

const DEADBAND = 0.1
/** Rows of a recording that does not say how far they are apart count one second each. */
const EVERY_MS = 1_000
const QUANTILES = [0.5, 0.9, 0.99, 0.999, 1]

/**
 * Fits a baseline of process channels: seconds of pure computation, so the agent runs it in a worker (`fitInWorker`). Rows with
 * wild samples are left out first, and counted. The same rows give the same bytes.
 *
 * Throws AgentError FIT_INSUFFICIENT when there are too few rows (says how many there are and how many it takes), too
 * many channels, or values that float32 cannot hold.
 */
export function fitModel(given: FitData, options: FitOptions): FitResult {
  const { data, fit, leftOut, outliers } = fitHealthy(given, options)
  // A re-baselining has its own judgement: rows without alarms, not far from the first baseline.
  const sufficiency = options.reference ? { enough: true, reason: '' } : sufficiencyOf(data, fit)
  const warnings = [
    ...leftOut,
    ...(options.reference ? [] : constantText(data, fit.model)),
    ...fit.warnings,
    ...(sufficiency.enough ? [] : [sufficiency.reason]),
  ]
  const manifest = manifestOf(data, options, fit, outliers)
  const graph = modelGraph(fit.model, `wearwatch ${manifest.family}`)
  const { delayRows } = fit.choice.lead
  return { bytes: writeModelFile(graph, manifest), manifest, delayRows, warnings, sufficiency }
}

export interface HealthyFit {
  /** Without the outliers. */
  data: FitData
  fit: ProcessFit
  outliers: number
  leftOut: string[]
}

/** The model itself, without its file: outliers out, families chosen and fitted. Throws what fitModel throws. */
export function fitHealthy(given: FitData, options: FitOptions): HealthyFit {
  checkValues(given)
  const rows = { ...given, channels: given.channels.length }
  // What a model has scored without an alarm is what the machine does: screening such rows once more took 4 of 4,000 healthy ones
  // out of a water rig's, and the limit without them gave two false alarms in the next 1,400.
  const choice = chooseFor(given, options)
  if (options.reference && !options.screen && choice.lead.makeshift)
    throw refusal(given, `${given.rows} rows are too few to carry a baseline forward.`)
  const screened = (options.reference === undefined || options.screen === true) && choice.lead.screens
  const outliers = screened ? findOutliers(rows) : noOutliers(rows)
  const data = { ...withoutOutliers(rows, outliers), channels: given.channels }
  const leftOut = leftOutText(given, outliers)
  const fit = fitProcess(data, outliers.count > 0 ? chooseFor(data, options) : choice, options.provisional?.widened)
  if (typeof fit === 'string') throw refusal(data, [fit, ...leftOut].join(' '))
  return { data, fit, outliers: outliers.count, leftOut }
}

/** A provisional model is wanted, whatever can be fitted: learning has gone on for longer than anybody meant to wait. */
function chooseFor(data: FitData, { family, order, mean, provisional }: FitOptions): Choice {
  const rows = { ...data, channels: data.channels.length }
  const baseline = baselineOf(rows, standardOf(rows))
  const choice = choose(baseline, family, { order, mean })
  const lacks = provisional && family !== 'auto' && choice.lead.lacks(baseline, choice.settings)
  return lacks ? choose(baseline, 'auto', { order, mean }) : choice
}

function manifestOf(data: FitData, options: FitOptions, fit: ProcessFit, outliers: number): Manifest {
  const { model, choice, heldOut } = fit
  const { everyMs, assetClass, provisional } = options
  const { lead } = choice
  const rowMs = everyMs ?? EVERY_MS
  const { on, off } = lead.delayRows
  return {
    schema: 'wearwatch.model/1',
    name: options.name,
    release: options.release,
    family: fit.families.join('+'),
    familyReason: choice.reason,
    ...(assetClass === undefined ? {} : { assetClass }),
    channels: data.channels.map(({ id, unit }) => ({ id, unit })),
    samples: model.samples,
    hop: options.hop,
    ...(everyMs === undefined ? {} : { everyMs }),
    alarm: options.alarm ?? { onDelayMs: on * rowMs, offDelayMs: off * rowMs, deadband: DEADBAND },
    ...(lead.keeps === undefined ? {} : { keeps: lead.keeps }),
    contributions: data.channels.map(channel => channel.id),
    features: model.features.labels,
    fitted: {
      rows: data.rows,
      fromUs: data.fromUs,
      toUs: data.toUs,
      source: data.source,
      ...(outliers > 0 ? { outliers } : {}),
    },
    reference: options.reference ?? referenceOf(data, model.standard),
    ...(provisional ? { provisional } : {}),
    quantiles: quantilesOf(heldOut),
    selfTest: selfTestOf(data, model),
  }
}

function referenceOf(data: FitData, { centre, inverse }: Standard): Reference {
  const { fromUs, toUs, rows } = data
  const deviation = Array.from(inverse, value => 1 / value)
  return { fromUs, toUs, rows, centre: [...centre], deviation, noise: noiseOf(data) }
}

/** What a person should know of it: where the wild samples are, for such come back, and then they score. */
function leftOutText(given: FitData, { count, perChannel }: Outliers): string[] {
  if (count === 0) return []
  const where = given.channels.flatMap(({ id }, c) => (perChannel[c] ? [`${id} ${perChannel[c]}`] : [])).join(', ')
  const advice = 'look at the sensor and its line, or let `running` leave out what the machine does at times'
  return [`${count} of ${given.rows} rows left out as outliers (${where}); the like will score high: ${advice}.`]
}

function refusal(data: FitData, message: string): AgentError {
  return new AgentError('FIT_INSUFFICIENT', `cannot fit ${data.source}: ${message}`)
}

function checkValues(data: FitData): void {
  const channels = data.channels.length
  if (channels === 0) throw refusal(data, 'it has no channels. Name columns that hold numbers.')
  for (let i = 0; i < data.rows * channels; i++) {
    if (Number.isFinite(Math.fround(data.values[i]!))) continue
    const row = Math.floor(i / channels)
    const channel = data.channels[i % channels]?.id
    throw refusal(data, `row ${row} of ${channel} is ${data.values[i]}, which no model can hold. Set a range.`)
  }
}

function quantilesOf(heldOut: Float64Array): Record<string, number> {
  const sorted = heldOut.filter(score => !Number.isNaN(score)).sort()
  const at = (q: number): number => sorted[Math.round(q * (sorted.length - 1))] ?? 0
  return Object.fromEntries(QUANTILES.map(q => [String(q), Number(at(q).toPrecision(7))]))
}
