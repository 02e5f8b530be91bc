// Keys of channels, types and assets.
import { z } from 'zod'
import { cronProblem } from './cron.ts'
import {
  duration,
  integer,
  number,
  object,
  oneOf,
  rate,
  rebaseline,
  refuse,
  slug,
  text,
  unit,
  withHint,
} from './schema-parts.ts'
import { priority, sensorSchema, setpointSchema } from './schema-watching.ts'
import { expected } from './wording.ts'

/** The least that any model is fitted to: models/families/levels.ts. */
const LEARN_ROWS_MIN = 8
const DAY_MS = 86_400_000

/** Keys that say where values come from; on an asset they hold for all of its channels. */
const bindingShape = {
  source: slug('the id of a source').optional().describe('Source the values come from, an id under "sources".'),
  topic: text('an MQTT topic', 4096)
    .optional()
    .describe('mqtt: topic or filter. {channel}, {asset}, {tag}, {type} are filled in.'),
  value: text('a JSON path such as $.v', 512)
    .optional()
    .describe(
      "mqtt, serial json: JSON path of the value, such as $.v or $['a b']. Without it the payload is the number.",
    ),
  time: z
    .union([text('a JSON path or a column', 512), z.number().int().min(0)], {
      error: issue => expected('a JSON path such as $.ts, or a column by name or position', issue.input),
    })
    .optional()
    .describe('JSON path, or for csv and replay the column, of the time. Without it the time of arrival counts.'),
  column: z
    .union([text('a column name', 256), z.number().int().min(0)], {
      error: issue => expected('a column by its name or its position, 0 for the first', issue.input),
    })
    .optional()
    .describe('serial csv, replay: column by header name or 0-based position.'),
  stream: integer('stream', 0, 255).optional().describe('cobs-crc16: stream number of the frame. Default 0.'),
}

const limit = object('limit', {
  'on-delay': duration('on-delay').optional().describe('Running time beyond the limit before it alarms. Default 0s.'),
  'off-delay': duration('off-delay').optional().describe('Running time back within it before it clears. Default 10s.'),
  deadband: number('a deadband in the unit of the channel', 0)
    .optional()
    .describe('Clears only this far on the good side. Default 1 % of the range or of the limit.'),
  priority: priority().describe('1 (highest) to 4. Default 2.'),
})

const capture = object('capture', {
  length: duration('length', 1, 10 * 60_000).describe('Of one capture. 4s or more give vibration velocity.'),
  every: duration('every', 1, 30 * DAY_MS).describe('From the begin of one capture to that of the next.'),
  settle: duration('settle', 0, 10 * 60_000)
    .optional()
    .describe(
      'No capture begins earlier after the stream began or came back: the bias of an IEPE sensor settles. Default 10s.',
    ),
})

export const channelSchema = object('a channel', {
  unit: unit().optional().describe('UCUM unit that people see; required here or in the type.'),
  'wire-unit': unit()
    .optional()
    .describe('Unit on the wire where it differs: converted, or refused when it measures something else.'),
  scale: number('a factor').optional().describe('value = raw * scale + offset. Default 1.'),
  offset: number('an offset').optional().describe('value = raw * scale + offset. Default 0.'),
  range: z
    .tuple([number('the lowest plausible value'), number('the highest plausible value')], {
      error: issue => withHint(expected('a list of two numbers, [low, high]', issue.input), 'write range: [0, 200]'),
    })
    .optional()
    .describe('Plausible values; outside of it a value is bad, never an alarm of the machine.'),
  min: number('a lower limit in the unit of the channel')
    .optional()
    .describe('Fixed limit: alarm at or below it, from the first sample.'),
  max: number('an upper limit in the unit of the channel')
    .optional()
    .describe('Fixed limit: alarm at or above it, from the first sample.'),
  limit: limit.optional().describe('Delays, deadband and priority of min and max.'),
  sensor: sensorSchema.optional().describe('When its sensor is told to have a fault.'),
  reports: oneOf(['periodic', 'on-change'])
    .optional()
    .describe('on-change: published only when it changes, silent until "heartbeat". Default periodic.'),
  heartbeat: duration('heartbeat', 1000, 7 * DAY_MS)
    .optional()
    .describe('on-change: the longest time without a message while all is well.'),
  every: duration('every', 0.001, DAY_MS)
    .optional()
    .describe("Expected time between values, where it differs from the asset's."),
  'max-age': duration('max-age', 0.001, 30 * DAY_MS)
    .optional()
    .describe('How long the last value may be held. Default 10 x every, or 1.5 x heartbeat.'),
  waveform: oneOf(['int16', 'float32'])
    .optional()
    .describe('The channel is a waveform of samples of this type, not one value at a time.'),
  rate: rate('rate', 1, 10_000_000).optional().describe('waveform: samples per second.'),
  ...bindingShape,
  index: integer('index', 0, 65_535)
    .optional()
    .describe('cobs-crc16: position of the value in the frame; NPY replay: position of the channel.'),
  point: text('a measuring point, such as DE', 64)
    .optional()
    .describe('Measuring point for messages, such as DE or NDE.'),
  axis: text('an axis, such as horizontal', 64)
    .optional()
    .describe('Direction for messages: horizontal, vertical, axial.'),
  mount: text('how the sensor is fixed, such as stud', 64).optional().describe('Description only: stud, magnet, glue.'),
  detector: text('what the sensor computes, such as rms', 64)
    .optional()
    .describe('Description only: what the sensor already computes, such as rms or peak.'),
  capture: capture
    .optional()
    .describe('waveform: looked at part of the time, one contiguous piece now and then. Default: all of it.'),
  // Modbus addressing: taken apart in channels.ts, which says so once for all of them.
  slave: z.unknown().optional().describe('Modbus: not supported yet.'),
  input: z.unknown().optional().describe('Modbus: not supported yet.'),
  holding: z.unknown().optional().describe('Modbus: not supported yet.'),
  type: z.unknown().optional().describe('Modbus: not supported yet.'),
})

const running = object('running', {
  when: text('a condition such as speed > 300', 500)
    .optional()
    .describe('When the machine runs: comparisons of channels with numbers, joined by "and" and "or".'),
  settle: duration('settle', 0, DAY_MS)
    .optional()
    .describe('After a start, before learning and scoring. Default 2min.'),
})

const learn = object('learn', {
  running: duration('running', 1000).optional().describe('Running time the baseline covers. Default 24h.'),
  rows: integer('rows', LEARN_ROWS_MIN, 10_000_000).optional().describe('This many rows instead of a running time.'),
  starts: integer('starts', 0, 10_000)
    .optional()
    .describe('Starts of the machine the baseline must contain. Default 3.'),
  'provisional-after': duration('provisional-after', 1000)
    .optional()
    .describe(
      'Time since learning began, stops included, after which a baseline that is not complete is used all the same, with a wider setpoint and marked provisional. Default 7d.',
    ),
  sufficiency: oneOf(['wait', 'warn'])
    .optional()
    .describe(
      'While the second half of a baseline exceeds the setpoint of its first: wait learns on, warn takes it all the same. Default wait.',
    ),
  rebaseline: rebaseline()
    .optional()
    .describe(
      'How often a process model is carried forward on healthy rows: daily (sooner where the first baseline was shorter), a span of running time such as 12h, or off. Default daily.',
    ),
})

const alarm = object('alarm', {
  setpoint: number('a setpoint of the score, 0.1 to 1000', 0.1, 1000)
    .optional()
    .describe('Of the score; 1 is where the healthy rows of the baseline end. Default 1.'),
  'on-delay': duration('on-delay')
    .optional()
    .describe('Running time at or above the setpoint before it alarms. Default 10min.'),
  'off-delay': duration('off-delay').optional().describe('Running time below it before it clears. Default 30min.'),
  deadband: number('a share of the setpoint, 0 to 0.9', 0, 0.9)
    .optional()
    .describe('Clears only below setpoint x (1 - deadband). Default 0.1.'),
  priority: priority().describe('1 (highest) to 4. Default 3.'),
  action: text('what to do when it alarms', 500).optional().describe('What to do, in words; stands in the alarm.'),
  zones: oneOf(['on', 'off'])
    .optional()
    .describe('Alarms by the zones of its vibration velocity, where the machine has some. Default on.'),
  latching: z
    .boolean({ error: issue => expected('true or false', issue.input) })
    .optional()
    .describe('Alarms of the machine stay active until acknowledged, even when their condition went. Default false.'),
  'trend-horizon': duration('trend-horizon', 0, 365 * DAY_MS)
    .optional()
    .describe('How far ahead a rising score is followed to its setpoint; 0s: not at all. Default 30d.'),
  'shelve-max': duration('shelve-max', 60_000, 90 * DAY_MS)
    .optional()
    .describe('The longest time for which alarms of the asset can be shelved. Default 7d.'),
})

/** A window looks back minute by minute: a day of them is 1,440 looks. */
const suppress = object('an entry of suppress', {
  cron: text('a cron expression of 5 fields', 256)
    .superRefine((cron, ctx) => {
      const problem =
        cron.trim().split(/\s+/).length === 6 ? 'expected 5 fields: windows begin at a minute' : cronProblem(cron)
      if (problem) refuse(ctx, problem, 'write cron: "0 22 * * 6" for 22:00 each Saturday')
    })
    .optional()
    .describe('When a window begins, in local time of the gateway: minute, hour, day, month, weekday.'),
  for: duration('for', 60_000, DAY_MS).optional().describe('How long the window lasts, at most 1d.'),
  when: text('a condition such as mode > 2', 500)
    .optional()
    .describe('Operating state in which alarms mean nothing, as in "running".'),
  note: text('why, in words', 200).optional().describe('Why, in words; stands in the records.'),
  rules: z
    .array(text('the id of a rule such as flow.min', 200), {
      error: issue => expected('a list of rules such as [flow.min]', issue.input),
    })
    .min(1)
    .max(64)
    .optional()
    .describe('Only these rules; default all of the asset.'),
})

const model = object('model', {
  family: oneOf(['auto', 'var', 'aakr', 'autoencoder', 'bands'])
    .optional()
    .describe('auto chooses by the data and says why; bands is for waveforms. Default auto.'),
  order: integer('order', 1, 50).optional().describe('Lags of the autoregression. Default 5.'),
  mean: integer('mean', 1, 10_000).optional().describe('Innovation vectors averaged per window. Default 10.'),
  hop: integer('hop', 1, 10_000).optional().describe('Rows from one window to the next. Default 1.'),
  file: text('the path of a model file', 4096)
    .optional()
    .describe('A model file to use instead of learning one, relative to this file.'),
})

const describing = (what: string) =>
  z.union([z.string().max(256), z.number()], { error: issue => expected(what, issue.input) }).optional()

const machine = object('machine', {
  power: describing('a power such as 55kW').describe('Rated power.'),
  speed: describing('a speed such as 1480/min').describe('Rated speed.'),
  standard: describing('a standard such as iso20816-3').describe('Standard for severity.'),
  group: describing('a group of that standard').describe('Machine group of the standard.'),
  support: describing('rigid or flexible').describe('Foundation.'),
  category: describing('a category of ISO 10816-7').describe('Of a rotodynamic pump: 1 (high demands) or 2.'),
  zones: z
    .array(z.union([z.number(), z.string().max(64)]), {
      error: issue =>
        withHint(expected('a list of three velocities, A/B, B/C and C/D', issue.input), 'write zones: [2.3, 4.5, 7.1]'),
    })
    .optional()
    .describe(
      'Borders A/B, B/C, C/D of its vibration velocity, in mm/s or with a unit, instead of those of a standard.',
    ),
})

const assetOwn = {
  machine: machine
    .optional()
    .describe('Description of the machine; standard, group and support say how its vibration velocity is judged.'),
  ...bindingShape,
  layout: oneOf(['rows', 'scattered'])
    .optional()
    .describe('rows: one message, line or frame carries all channels; scattered: they arrive apart. Default: derived.'),
  every: duration('every', 0.001, DAY_MS)
    .optional()
    .describe('Time between rows, and grid of scattered channels. Default 1s.'),
  'max-age': duration('max-age', 0.001, 30 * DAY_MS)
    .optional()
    .describe('How long the last value of a channel may be held. Default 10 x every.'),
  gap: duration('gap', 0.001, 30 * DAY_MS)
    .optional()
    .describe('A longer silence breaks windows. Default 10 x every.'),
  running: running.optional().describe('Gates learning and scoring. Without it the machine counts as always running.'),
  learn: learn.optional().describe('The baseline.'),
  alarm: alarm.optional().describe("The alarm on the model's score."),
  sensor: sensorSchema.optional().describe('When sensors are told to have a fault, for all channels.'),
  suppress: z
    .array(suppress, {
      error: issue =>
        withHint(
          expected('a list of windows and states', issue.input),
          'write suppress: [{cron: "0 22 * * 6", for: 4h}]',
        ),
    })
    .max(32)
    .optional()
    .describe('Suppression by design: maintenance windows, and operating states in which alarms mean nothing.'),
  model: model.optional().describe('The model.'),
}

// The loader checks channels one by one (`channels.ts`), the editor's schema knows them all.
const loose = { channels: z.unknown().optional(), setpoints: z.unknown().optional() }
const full = {
  setpoints: z
    .array(setpointSchema)
    .optional()
    .describe('Alarms on channels, figures of captures, features of the model or its score, beside min and max.'),
  channels: z.record(slug('the id of a channel'), channelSchema).optional().describe('Measuring points, by id.'),
}
const assetHead = {
  type: slug('the id of a type')
    .optional()
    .describe('Type whose keys and channels this asset takes over; own keys win.'),
  tag: text('a plant tag such as P-101A', 64).optional().describe('Name as people in the plant know it.'),
}

export const typeSchema = object('a type', { ...assetOwn, ...loose })
export const assetSchema = object('an asset', { ...assetHead, ...assetOwn, ...loose })
export const fullTypeSchema = object('a type', { ...assetOwn, ...full })
export const fullAssetSchema = object('an asset', { ...assetHead, ...assetOwn, ...full })

export type ChannelIn = z.output<typeof channelSchema>
export type TypeIn = z.output<typeof typeSchema>
export type AssetIn = z.output<typeof assetSchema>
export type BindingIn = Pick<ChannelIn, 'source' | 'topic' | 'value' | 'time' | 'column' | 'stream'>
