// What a capture with a sensor fault still says. Every axis of a `bands` model has a baseline of its own, and its score is the
// largest of the axes': silence in place of an axis gives to the last bit what a model fitted without it would give, at once, and
// the axis counts again with its next good capture. So nothing is fitted again, as it has to be for models of rows.
import type { ScoredBatch, WindowDoubt } from '../../scoring/contract.ts'
import type { Manifest } from '../contract.ts'

export interface JudgedAxis {
  /** In the order of what invalidates most; empty: the sensor is well. */
  findings: readonly { fault: string }[]
  /** About the mean, in the unit of the samples; undefined of an axis that is dead. */
  rms: number | undefined
}

// A clipped axis that is hardly louder than its baseline clips because its range has shrunk (a supply that breaks down), and what
// cutting does to a spectrum must not pass for wear. Loads move the rms of a machine by a few per cent; a sine that reaches its
// range at 80 % of it cannot get beyond 1.77.
const LOUDER_MIN = 1.25

export const NO_DOUBT: WindowDoubt = { unwatched: [], clipped: [] }

/**
 * Which channels of the model are not looked at in this capture, and which show the least there is; undefined where it cannot be scored at
 * all. `axisOf`: undefined for a channel that is no axis.
 */
export function doubtOf(
  { family, channels, reference }: Pick<Manifest, 'family' | 'channels' | 'reference'>,
  axisOf: (id: string) => JudgedAxis | undefined,
): WindowDoubt | undefined {
  const axes = channels.flatMap(({ id }, c) => {
    const axis = axisOf(id)
    return axis ? [{ id, axis, usualRms: reference?.deviation[c] ?? 0 }] : []
  })
  const faulty = axes.filter(({ axis }) => axis.findings.length > 0)
  if (faulty.length === 0) return NO_DOUBT
  // Of a model made elsewhere nobody knows what silence means to it.
  if (family !== 'bands') return undefined
  const clipped = faulty.filter(({ axis, usualRms }) => isLeast(axis, usualRms)).map(({ id }) => id)
  const unwatched = faulty.map(({ id }) => id).filter(id => !clipped.includes(id))
  return unwatched.length < axes.length ? { unwatched, clipped } : undefined
}

/** It clips, nothing else is wrong with it, and it is louder than it was: what was cut off makes it louder still. */
function isLeast({ findings, rms }: JudgedAxis, usualRms: number): boolean {
  return findings.every(({ fault }) => fault === 'clipping') && rms !== undefined && rms > LOUDER_MIN * usualRms
}

/** Captures whose scores are awaited; those lost with a scorer never come. */
const DOUBTS_MAX = 128

/** From a capture's way into the scorer to its way out. */
export class Doubts {
  readonly #byEnd = new Map<number, WindowDoubt>()

  add(endUs: number, doubt: WindowDoubt): void {
    if (doubt === NO_DOUBT) return
    this.#byEnd.set(endUs, doubt)
    const [oldest] = this.#byEnd.keys()
    if (this.#byEnd.size > DOUBTS_MAX && oldest !== undefined) this.#byEnd.delete(oldest)
  }

  take(endUs: number): WindowDoubt | undefined {
    const doubt = this.#byEnd.get(endUs)
    this.#byEnd.delete(endUs)
    return doubt
  }
}

/** Rms about the mean. */
export function rmsOf(samples: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < samples.length; i++) sum += samples[i]!
  const mean = sum / samples.length
  let squares = 0
  for (let i = 0; i < samples.length; i++) squares += (samples[i]! - mean) ** 2
  return Math.sqrt(squares / samples.length)
}

/** A batch of one capture that says nothing of what was not looked at: no features of such a channel, and no share of the score. */
export function withDoubt(batch: ScoredBatch, doubt: WindowDoubt): ScoredBatch {
  const { unwatched } = doubt
  const doubts = doubt === NO_DOUBT ? [undefined] : [doubt]
  if (unwatched.length === 0) return { ...batch, doubts }
  const { features, contributions: labels } = batch.model.manifest
  const among = (label: string): boolean => unwatched.some(id => label.startsWith(`${id} `))
  const watched = batch.contributions.map((share, k) => (among(labels[k] ?? '') ? 0 : share))
  const total = watched.reduce((sum, share) => sum + share, 0)
  return {
    ...batch,
    doubts,
    contributions: total > 0 ? watched.map(share => share / total) : watched,
    features: batch.features.map((value, f) => (unwatched.includes(features[f]?.channel ?? '') ? Number.NaN : value)),
  }
}
