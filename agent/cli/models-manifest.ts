// The manifest as a person writes it for `models wrap`: YAML in the style of the config, all errors at once with line and
// path, held against the graph that it is for.
import { z } from 'zod'
import { check, isRecord } from '../config/check.ts'
import type { ConfigIssue } from '../config/contract.ts'
import { DEFAULTS } from '../config/defaults.ts'
import { Issues } from '../config/issues.ts'
import { duration, integer, number, object, oneOf, slug, text, unit } from '../config/schema-parts.ts'
import { describeValue } from '../config/wording.ts'
import { readYaml } from '../config/yaml-text.ts'
import type { Manifest } from '../models/contract.ts'
import type { GraphShape } from '../models/file/contract-points.ts'
import { SPEED_BINS_MAX, speedProblems } from '../models/file/manifest.ts'

const TOLERANCE_DEFAULT = 0.01
const NAME = /^[a-z0-9][a-z0-9._-]{0,99}$/

const time = (what: string) =>
  text(what).refine(value => !Number.isNaN(Date.parse(value)), {
    error: `expected ${what}, such as 2026-11-22T06:00:00Z`,
  })

const channel = object('a channel', { id: slug('the id of a channel'), unit: unit() })
const feature = object('a feature', {
  name: text('what the feature is called'),
  unit: unit(),
  channel: slug('the id of a channel').optional(),
  role: oneOf(['deviation', 'prediction', 'bin']).optional(),
})
const list = <S extends z.ZodType>(what: string, item: S) =>
  z.array(item, { error: issue => `expected a list of ${what}, got ${describeValue(issue.input)}` })

const SPEED_MAX = 1e7
const bin = object('a bin of speed', {
  from: number('its lowest speed in 1/min', 0, SPEED_MAX),
  to: number('its highest speed in 1/min', 0, SPEED_MAX),
  captures: integer('the captures of its baseline', 1, 1e9),
})

export const wrapSchema = object('the manifest', {
  name: text('the name of the model, such as m-204-conv').regex(NAME, {
    error: issue =>
      `"${issue.input}" cannot be a name: expected small letters, digits, ".", "_" and "-", such as m-204-conv`,
  }),
  release: integer('the release', 1, 1e9),
  family: text('what kind of model it is, such as autoencoder'),
  class: slug('the type or id of the assets it is for').optional(),
  channels: list('channels, in the order of the input', channel).min(1, 'expected at least one channel'),
  samples: integer('the rows of a window', 1, 2 ** 20).optional(),
  hop: integer('the rows from one window to the next', 1, 2 ** 20).optional(),
  every: duration('the usual time between rows', 1).optional(),
  alarm: object('alarm', {
    'on-delay': duration('the on-delay').optional(),
    'off-delay': duration('the off-delay').optional(),
    deadband: number('the deadband, a share of the setpoint', 0, 1).optional(),
  }).optional(),
  contributions: list('labels', text('a label')).optional(),
  features: list('features', feature).optional(),
  fitted: object('fitted', {
    rows: integer('the rows of the baseline', 1, Number.MAX_SAFE_INTEGER),
    from: time('the time of its first row'),
    to: time('the time of its last row'),
    source: text('where the baseline comes from', 400),
  }).optional(),
  speed: object('speed', {
    channel: slug('the id of the channel with the speed, the last of the input'),
    bins: list('bins of speed', bin).min(1, 'expected at least one bin').max(SPEED_BINS_MAX),
  }).optional(),
  quantiles: z
    .record(z.string(), number('the score at that quantile'), {
      error: issue =>
        `expected quantiles of the score on healthy data such as {0.5: 0.4, 0.99: 0.9}, got ${describeValue(issue.input)}`,
    })
    .optional(),
  tolerance: number('how far a provider may be off in the self-test', 1e-6, 0.1).optional(),
})

type Written = z.output<typeof wrapSchema>

/** Everything but the self-test, which is made by running the model. */
export type WrapManifest = Omit<Manifest, 'selfTest'> & { tolerance: number }

export type ReadResult = { ok: true; manifest: WrapManifest } | { ok: false; issues: ConfigIssue[] }

/** `shape`: of the graph that the manifest is for. */
export function readWrapManifest(yamlText: string, shape: GraphShape): ReadResult {
  const yaml = readYaml(yamlText)
  const issues = new Issues(yaml.lineOf)
  const syntax = yaml.errors.map(error => ({ path: '(file)', ...error }))
  let manifest: WrapManifest | undefined
  if (yaml.value !== undefined && !isRecord(yaml.value)) {
    issues.error([], `expected a mapping of keys, got ${describeValue(yaml.value)}`, 'begin with name: and release:')
  } else if (yaml.value !== undefined) {
    const written = check(wrapSchema, yaml.value, [], issues)
    holdAgainst(yaml.value, shape, issues)
    if (written) manifest = manifestOf(written, shape)
    for (const problem of manifest ? speedProblems(manifest) : [])
      issues.error(['speed'], problem, 'write bins of 1/min, lowest first, and name the last channel')
  }
  const all = [...syntax, ...issues.errors].sort((a, b) => a.line - b.line)
  return all.length > 0 || !manifest ? { ok: false, issues: all } : { ok: true, manifest }
}

/** What the graph says otherwise. On what was written, not on what could be kept of it: one run shows both kinds of error. */
function holdAgainst(written: Record<string, unknown>, shape: GraphShape, issues: Issues): void {
  const { channels, samples, contributions, features } = written
  if (Array.isArray(channels) && channels.length > 0 && channels.length !== shape.channels) {
    issues.error(
      ['channels'],
      `names ${channels.length}, but the input "window" has ${shape.channels}`,
      'name them in its order',
    )
  }
  const ids = Array.isArray(channels) ? channels.map(entry => (isRecord(entry) ? entry.id : undefined)) : []
  ids.forEach((id, i) => {
    if (id !== undefined && ids.indexOf(id) < i) issues.error(['channels', i, 'id'], `${String(id)} occurs twice`)
  })
  if (typeof samples === 'number' && samples !== shape.samples) {
    issues.error(
      ['samples'],
      `is ${samples}, but the input "window" has ${shape.samples}`,
      'leave it out: the graph says it',
    )
  }
  // Shares of as many parts as there are channels belong to the channels; features have units, which only a person knows.
  if (contributions !== undefined || shape.contributions !== shape.channels)
    labels('contributions', contributions, shape.contributions, issues)
  labels('features', features, shape.features, issues)
  if (!Array.isArray(features)) return
  features.forEach((entry, i) => {
    const id = isRecord(entry) ? entry.channel : undefined
    if (id !== undefined && !ids.includes(id))
      issues.error(['features', i, 'channel'], `${String(id)} is none of the channels`)
  })
}

function labels(name: 'contributions' | 'features', written: unknown, width: number, issues: Issues): void {
  const count = Array.isArray(written) ? written.length : 0
  if (written !== undefined && !Array.isArray(written)) return
  if (count === width) return
  const has = width === 0 ? `has no output "${name}"` : `gives ${width} in its output "${name}"`
  issues.error(
    [name],
    `names ${count}, but the graph ${has}`,
    width === 0 ? 'leave it out' : 'name each of them, in order',
  )
}

function manifestOf(written: Written, shape: GraphShape): WrapManifest {
  const { alarm, fitted, speed } = written
  const channels = written.channels.map(({ id, unit }) => ({ id, unit }))
  return {
    schema: 'wearwatch.model/1',
    name: written.name,
    release: written.release,
    family: written.family,
    ...(written.class === undefined ? {} : { assetClass: written.class }),
    channels,
    samples: shape.samples,
    hop: written.hop ?? 1,
    ...(written.every === undefined ? {} : { everyMs: written.every }),
    alarm: {
      onDelayMs: alarm?.['on-delay'] ?? DEFAULTS.alarm.onDelayMs,
      offDelayMs: alarm?.['off-delay'] ?? DEFAULTS.alarm.offDelayMs,
      deadband: alarm?.deadband ?? DEFAULTS.alarm.deadband,
    },
    contributions: written.contributions ?? (shape.contributions > 0 ? channels.map(({ id }) => id) : []),
    features: (written.features ?? []).map(({ name, unit, channel, role }) => ({
      name,
      unit,
      ...(channel === undefined ? {} : { channel }),
      ...(role === undefined ? {} : { role }),
    })),
    ...(fitted === undefined
      ? {}
      : {
          fitted: {
            rows: fitted.rows,
            fromUs: Date.parse(fitted.from) * 1000,
            toUs: Date.parse(fitted.to) * 1000,
            source: fitted.source,
          },
        }),
    ...(speed === undefined
      ? {}
      : {
          speed: {
            channel: speed.channel,
            bins: speed.bins.map(({ from, to, captures }) => ({ fromPerMin: from, toPerMin: to, captures })),
          },
        }),
    quantiles: written.quantiles ?? {},
    tolerance: written.tolerance ?? TOLERANCE_DEFAULT,
  }
}
