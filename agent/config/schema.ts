// The whole file, top level first. `load.ts` checks it piece by piece, so that one wrong asset hides no other's errors;
// `json-schema.ts` turns all of it into what editors read.
import { z } from 'zod'
import { cronProblem } from './cron.ts'
import { fullAssetSchema, fullTypeSchema } from './schema-assets.ts'
import { commandsSchema } from './schema-commands.ts'
import {
  duration,
  integer,
  notYet,
  object,
  oneOf,
  perSecond,
  refuse,
  size,
  slug,
  text,
  withHint,
} from './schema-parts.ts'
import { linkShape, sourceSchema } from './schema-sources.ts'
import { webhookSchema } from './schema-webhooks.ts'
import { expected } from './wording.ts'

const MIB = 2 ** 20
const TIB = 2 ** 40

export const gatewaySchema = object('gateway', {
  site: slug('the site').describe('Plant or site, part of every topic.'),
  id: slug('the id of the gateway').optional().describe('Default: gw- and 4 hex digits from the machine-id.'),
})

const uplinkKeys = {
  mqtt: object('mqtt', linkShape).describe('The broker that alarms go to.'),
  health: duration('health', 1000, 86_400_000).optional().describe('Between health messages. Default 60s.'),
  features: duration('features', 1000, 86_400_000)
    .optional()
    .describe('Between feature messages of an asset. Default 60s.'),
  'in-flight': integer('in-flight', 1, 1000)
    .optional()
    .describe('Alerts awaiting their PUBACK, or the receipt of the consumer, at most. Default 16.'),
  receipt: oneOf(['puback', 'consumer'])
    .optional()
    .describe('Who says that an alert arrived: the broker (puback), or a consumer on alert-receipt. Default puback.'),
  consumer: text('the name of a consumer', 64).optional().describe('Only its receipts count. Default: those of any.'),
  'receipt-timeout': duration('receipt-timeout', 1000, 86_400_000)
    .optional()
    .describe('Alerts without a receipt for so long are sent again. Default 30s.'),
  backfill: object('backfill', {
    from: integer('from', 1, 10_000_000)
      .optional()
      .describe('So many waiting alerts are delivered apart from fresh ones. Default 500.'),
    rate: perSecond('rate', 1, 100_000).optional().describe('How fast, in alerts a second. Default 50/s.'),
  })
    .optional()
    .describe('Delivery of alerts that piled up during an outage.'),
  expiry: duration('expiry', 1000, 365 * 86_400_000)
    .optional()
    .describe('MQTT 5: the broker drops alerts that it could not pass on for so long. Default: never.'),
}

/** `commands` has two forms, which are checked apart: see schema-commands.ts. */
export const uplinkSchema = object('uplink', { ...uplinkKeys, commands: z.unknown().optional() })
const fullUplinkSchema = object('uplink', { ...uplinkKeys, commands: commandsSchema.optional() })

const DAY_MS = 86_400_000

const retentionKeys = (ageText: string, bytesText: string) => ({
  age: duration('age', 60_000, 36_500 * DAY_MS)
    .optional()
    .describe(`Older is deleted. Default ${ageText}.`),
  size: size('size', MIB, 100 * TIB)
    .optional()
    .describe(`Beyond it the oldest is deleted. Default ${bytesText}.`),
})

const retention = (ageText: string, bytesText: string) =>
  object('retention', retentionKeys(ageText, bytesText)).optional()

export const storageSchema = object('storage', {
  dir: text('a folder', 4096)
    .optional()
    .describe('Where everything is kept; relative to this file. Default /var/lib/wearwatch.'),
  journal: size('journal', MIB, TIB).optional().describe('Journal of alarms and deliveries at most. Default 64MiB.'),
  'write-budget': size('write-budget', MIB, 100 * TIB)
    .optional()
    .describe('Bytes written a day beyond which is warned, for flash wears out. Default 20GB.'),
  samples: retention('90d', '2GiB').describe('Values of the channels.'),
  scores: retention('365d', '1GiB').describe('Scores and features.'),
  waveforms: retention('30d', '4GiB').describe('Waveforms.'),
  minutes: retention('365d', '1GiB').describe('Samples, scores and features summed up by the minute.'),
  hours: retention('3650d', '256MiB').describe('The same by the hour.'),
  'black-box': object('black-box', {
    ...retentionKeys('730d', '512MiB'),
    before: duration('before', 0, DAY_MS)
      .optional()
      .describe('So long before an alarm, and before its end. Default 1h.'),
    after: duration('after', 0, DAY_MS).optional().describe('So long after it. Default 1h.'),
  })
    .optional()
    .describe('What stood around alarms, when its own class would let it go.'),
})

const PROVIDERS = ['tensorrt', 'cuda', 'cpu'] as const
const provider = z
  .union(
    [
      z.enum(['gpu', 'auto', ...PROVIDERS]),
      z.array(z.enum(PROVIDERS)).min(1).max(3),
      object('{require: PROVIDER}', { require: oneOf(PROVIDERS).describe('This provider, or the model is refused.') }),
    ],
    {
      error: issue =>
        withHint(
          expected('gpu, auto, cpu, cuda, tensorrt, a list such as [cuda, cpu], or {require: cuda}', issue.input),
          'gpu tries tensorrt, then cuda, then cpu',
        ),
    },
  )
  .optional()

export const scorerSchema = object('scorer', {
  provider: provider.describe(
    'gpu: tensorrt, cuda, cpu, the first that works (default); or a list; or {require: cuda}: that one or nothing.',
  ),
  device: integer('device', 0, 63).optional().describe('Number of the GPU. Default 0.'),
  threads: integer('threads', 1, 64)
    .optional()
    .describe('CPU threads per model; small models are fastest with 1. Default 1.'),
  deadline: duration('deadline', 50, 3_600_000)
    .optional()
    .describe('A batch that takes longer means a hung scorer: it is restarted. Default 10s.'),
  queue: integer('queue', 1, 1_000_000)
    .optional()
    .describe('Windows waiting per model before the oldest is dropped. Default 4096.'),
  batch: integer('batch', 1, 4096).optional().describe('Windows per batch. Default 64.'),
  memory: size('memory', 768 * MIB, TIB)
    .optional()
    .describe('Address space of the scorer on CPU. Default 1GiB, at least 768MiB.'),
  library: notYet(
    'library (a libonnxruntime.so of your own)',
    'leave it out: this version scores with the onnxruntime-node it ships with',
  )
    .optional()
    .describe('Not supported yet.'),
})

export const syncSchema = object('sync', {
  repository: text('an http(s) URL or a folder', 2048).describe('URL or folder of the TUF repository of models.'),
  root: z
    .string({
      error: issue =>
        withHint(
          expected('the path of a trusted root.json', issue.input),
          'copy the root.json that "wearwatch publish init" wrote by a way you trust, and name it here: root: root.json',
        ),
    })
    .describe('Trusted root.json, relative to this file. Nothing is fetched without one.'),
  schedule: text('a cron expression of 5 or 6 fields', 256)
    .superRefine((schedule, ctx) => {
      const problem = cronProblem(schedule)
      if (problem) refuse(ctx, problem, 'write schedule: "15 3 * * *" for a quarter past three each night')
    })
    .optional()
    .describe('When to look, such as "15 3 * * *". Default: only when told.'),
  limit: size('limit', 1024, 16 * 1024 * MIB)
    .optional()
    .describe('Largest model taken. Default 64MiB.'),
})

export const controlSchema = object('control', {
  socket: text('the path of a unix socket', 4096)
    .optional()
    .describe('Default wearwatch.sock in storage.dir; 107 bytes at most.'),
})

export const logSchema = object('log', {
  level: oneOf(['debug', 'info', 'warn', 'error', 'silent'], { warning: 'did you mean "warn"?' })
    .optional()
    .describe('Default info.'),
})

export const fileSchema = object('the configuration', {
  version: z.literal(1).describe('Version of this format.'),
  gateway: gatewaySchema.describe('Where this gateway stands.'),
  sources: z.record(slug('the id of a source'), sourceSchema).describe('Where data comes from, by id.'),
  types: z
    .record(slug('the id of a type'), fullTypeSchema)
    .optional()
    .describe('Channels and settings shared by many assets, by id.'),
  assets: z.record(slug('the id of an asset'), fullAssetSchema).describe('The machines, by id.'),
  uplink: fullUplinkSchema.optional().describe('Where alarms go. Without it they are kept and shown here only.'),
  webhooks: z
    .record(slug('the id of a webhook'), webhookSchema)
    .optional()
    .describe('Where alarms are posted to by HTTPS, by id.'),
  storage: storageSchema.optional().describe('Where and how much is kept.'),
  scorer: scorerSchema.optional().describe('The process that runs the models.'),
  sync: syncSchema.optional().describe('Models from a signed repository.'),
  control: controlSchema.optional().describe('The socket that the CLI talks to.'),
  log: logSchema.optional().describe('What is logged.'),
})

/** Top-level keys alone: their contents are checked section by section. */
export const FILE_KEYS = Object.keys(fileSchema.shape)
