// Keys of what is watched for: setpoints, and the sensors themselves.
import { z } from 'zod'
import { duration, number, object, oneOf, slug, spanOrOff, text } from './schema-parts.ts'
import { expected } from './wording.ts'

const DAY_MS = 86_400_000

export const priority = () =>
  z.literal([1, 2, 3, 4], { error: issue => expected('a priority, 1 (highest) to 4', issue.input) }).optional()

const measure = (what: string) =>
  z.union([z.number(), z.string().min(1).max(64)], {
    error: issue => expected(`${what}, a number, or one with its unit such as 4.5mm/s`, issue.input),
  })

export const setpointSchema = object('a setpoint', {
  on: text('what it is on, such as flow, de-h velocity or score', 256)
    .optional()
    .describe(
      'A channel, a figure of the captures of one (de-h velocity; rms, peak, crest, kurtosis, low-rms, high-rms, envelope), or score.',
    ),
  feature: text('the name of a feature', 256)
    .optional()
    .describe('Instead of on: a feature of the model, by its column in `wearwatch history ASSET --class features`.'),
  id: slug('the id of a setpoint')
    .optional()
    .describe('Last part of the id of its rule: trip makes flow.trip. Default high or low, then high-2 and so on.'),
  above: measure('a setpoint').optional().describe('Alarm at or above it.'),
  below: measure('a setpoint').optional().describe('Alarm at or below it.'),
  'on-delay': duration('on-delay')
    .optional()
    .describe("Running time beyond it before it alarms. Default 0s of a channel, else that of the asset's alarm."),
  'off-delay': duration('off-delay')
    .optional()
    .describe(
      "Running time back within it before it clears. Default 10s of a channel, else that of the asset's alarm.",
    ),
  deadband: measure('a deadband')
    .optional()
    .describe(
      'Clears only this far on the good side. Default 1 % of the range or of the setpoint of a channel, else 10 %.',
    ),
  priority: priority().describe('1 (highest) to 4. Default 2.'),
  action: text('what to do when it alarms', 500).optional().describe('What to do, in words; stands in the alarm.'),
})
export type SetpointIn = z.output<typeof setpointSchema>

export const sensorSchema = object('sensor', {
  watch: oneOf(['on', 'off']).optional().describe('off: looks for none of these. Default on.'),
  silent: spanOrOff('silent', 1000, 30 * DAY_MS)
    .optional()
    .describe(
      'No value for so long; never less than the heartbeat. Default 5min, or what its last value may be held for if longer.',
    ),
  stuck: spanOrOff('stuck', 1000, 30 * DAY_MS)
    .optional()
    .describe('The same value for so long of running time. Default off: many values are constant for good reasons.'),
  'out-of-range': spanOrOff('out-of-range', 0, 30 * DAY_MS)
    .optional()
    .describe('Outside of its range for so long. Default 1min.'),
  clipping: spanOrOff('clipping', 0, 30 * DAY_MS)
    .optional()
    .describe('At one end of its range for so long. Default off; captures are always judged.'),
  noise: z
    .union([number('a factor such as 3', 1.1, 1000), oneOf(['off'])], {
      error: issue => expected('a factor such as 3, or off', issue.input),
    })
    .optional()
    .describe('Noise this many times what it was in the baseline. Default off.'),
  clock: spanOrOff('clock', 1000, 3650 * DAY_MS)
    .optional()
    .describe("Times of the device this far from the gateway's. Default 5min."),
  'off-delay': duration('off-delay').optional().describe('Well for so long before it clears. Default 5min.'),
  priority: priority().describe('1 (highest) to 4. Default 4.'),
})

/** Of a channel, or of an asset for all of its channels. */
export type SensorIn = z.output<typeof sensorSchema>

/** Keys of sources whose links may fail. */
export const sourceWatchShape = {
  down: spanOrOff('down', 1000, 30 * DAY_MS)
    .optional()
    .describe('Alarm of the gateway when there has been no link for so long. Default 5min.'),
  'frame-errors': z
    .union([number('frames a minute', 0.1, 1e6), oneOf(['off'])], {
      error: issue => expected('a number of frames a minute such as 60, or off', issue.input),
    })
    .optional()
    .describe('Alarm of the gateway when more frames or messages than this a minute cannot be read. Default 60.'),
}
