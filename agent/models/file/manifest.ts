// The manifest inside a model file, checked field by field. Unknown keys are kept: a newer writer may know more.
import { z } from 'zod'
import type { Manifest } from '../contract.ts'

// Bounds on what a file may ask of a gateway: 1024 x 65,536 is far above any real window, 1 Mi floats are 4 MiB.
const CHANNELS_MAX = 1024
const WINDOW_FLOATS_MAX = 1 << 20
/** 36 bins of 10 % reach from 100 to 3,000/min. */
export const SPEED_BINS_MAX = 256
/** A self-test that accepts more than this proves nothing about the provider. */
const TOLERANCE_MAX = 0.1

const text = z.string().min(1).max(200)
const durationMs = z
  .number()
  .min(0)
  .max(400 * 86_400_000)
const timeUs = z.number().min(0)

const perMin = z.number().positive().max(1e7)
const speed = z.looseObject({
  channel: text,
  bins: z
    .array(z.looseObject({ fromPerMin: perMin, toPerMin: perMin, captures: z.int().min(1) }))
    .min(1)
    .max(SPEED_BINS_MAX),
})

const manifestSchema = z.looseObject({
  schema: z.literal('wearwatch.model/1'),
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,99}$/, 'expected a slug such as p-101-var'),
  release: z.int().min(1),
  family: text,
  familyReason: z.string().max(1000).optional(),
  keeps: z.enum(['baseline', 'all']).optional(),
  assetClass: text.optional(),
  channels: z
    .array(z.looseObject({ id: text, unit: z.string().max(40) }))
    .min(1)
    .max(CHANNELS_MAX),
  samples: z.int().min(1).max(WINDOW_FLOATS_MAX),
  hop: z.int().min(1).max(WINDOW_FLOATS_MAX),
  everyMs: z.number().positive().optional(),
  alarm: z.looseObject({ onDelayMs: durationMs, offDelayMs: durationMs, deadband: z.number().min(0).max(1) }),
  contributions: z.array(text).max(CHANNELS_MAX),
  features: z
    .array(
      z.looseObject({
        name: text,
        unit: z.string().max(40),
        channel: text.optional(),
        role: z.enum(['deviation', 'prediction', 'bin']).optional(),
        predictors: z.array(text).max(8).optional(),
        spread: z.number().min(0).optional(),
      }),
    )
    .max(4 * CHANNELS_MAX),
  fitted: z
    .looseObject({
      rows: z.int().min(1),
      fromUs: timeUs,
      toUs: timeUs,
      source: z.string().max(400),
      outliers: z.int().min(1).optional(),
    })
    .optional(),
  speed: speed.optional(),
  quantiles: z.record(z.string(), z.number()),
  selfTest: z.looseObject({
    windows: z.base64().min(1),
    scores: z.array(z.number()).min(1).max(1024),
    tolerance: z.number().positive().max(TOLERANCE_MAX),
  }),
})

/** Returns the manifest, or what is wrong with it: `channels.0.id: expected string`. */
export function checkManifest(value: unknown): Manifest | string[] {
  const parsed = manifestSchema.safeParse(value)
  if (!parsed.success) {
    return parsed.error.issues.slice(0, 8).map(issue => `${issue.path.join('.') || 'manifest'}: ${issue.message}`)
  }
  const manifest = parsed.data as Manifest
  const problems = crossChecks(manifest)
  return problems.length > 0 ? problems : manifest
}

function crossChecks(manifest: Manifest): string[] {
  const problems: string[] = []
  const ids = manifest.channels.map(channel => channel.id)
  const floats = ids.length * manifest.samples
  if (new Set(ids).size !== ids.length) problems.push('channels: an id occurs twice')
  if (floats > WINDOW_FLOATS_MAX) problems.push(`samples: a window of ${floats} floats is beyond ${WINDOW_FLOATS_MAX}`)
  for (const feature of manifest.features) {
    if (feature.channel !== undefined && !ids.includes(feature.channel)) {
      problems.push(`features: ${feature.name} belongs to no channel of the model (${feature.channel})`)
    }
  }
  const bytes = Buffer.byteLength(manifest.selfTest.windows, 'base64')
  const expected = manifest.selfTest.scores.length * floats * 4
  if (bytes !== expected) {
    problems.push(
      `selfTest.windows: ${bytes} bytes, expected ${expected} for ${manifest.selfTest.scores.length} scores`,
    )
  }
  return [...problems, ...speedProblems(manifest)]
}

/** What is wrong with the bins of speed; the rest of the manifest is as it should be. */
export function speedProblems({
  speed,
  channels,
  features,
}: Pick<Manifest, 'speed' | 'channels' | 'features'>): string[] {
  if (!speed) return []
  const { channel, bins } = speed
  const problems: string[] = []
  const rising = bins.every(
    ({ fromPerMin, toPerMin }, k) => fromPerMin <= toPerMin && fromPerMin > (bins[k - 1]?.toPerMin ?? 0),
  )
  if (!rising) problems.push('speed.bins: expected bins that rise and do not overlap')
  if (bins.length > 1 && channels.at(-1)?.id !== channel) {
    problems.push(`speed.channel: ${channel} is not the last channel, where the graph looks for it`)
  }
  const uneven = features.find(({ baselines }) => baselines && baselines.length !== bins.length)
  if (uneven)
    problems.push(`features: ${uneven.name} has ${uneven.baselines?.length} baselines for ${bins.length} bins of speed`)
  return problems
}
