// `uplink.commands`: a list of those that need no key, or a mapping that says who may give the others.
import { z } from 'zod'
import { COMMAND_NAMES } from './contract.ts'
import { duration, object, oneOf, slug, text, withHint } from './schema-parts.ts'
import { expected } from './wording.ts'

export const KEYS_MAX = 64
const DAY_MS = 86_400_000

const command = oneOf(COMMAND_NAMES)

export const commandListSchema = z.array(command, {
  error: issue => withHint(expected('a list of commands', issue.input), 'write commands: [sync, status]'),
})

const UNSIGNED = ['acknowledge', 'label', 'shelve'] as const
const SIGNED_ONLY = COMMAND_NAMES.filter(name => !(UNSIGNED as readonly string[]).includes(name))
const unsigned = oneOf(
  UNSIGNED,
  Object.fromEntries(
    SIGNED_ONLY.map(name => [
      name,
      name === 'sync' || name === 'status'
        ? `${name} needs no signature anyway`
        : `${name} is taken with a signature only`,
    ]),
  ),
)

export const keySchema = object('a key', {
  public: text('a file or the line that "wearwatch command key new" printed', 4096).describe(
    'Public key, Ed25519: a PEM file, relative to this file, or its base64 on one line.',
  ),
  allow: commandListSchema.optional().describe('Only these commands with this key. Default: all that are allowed.'),
})

const keys = {
  allow: commandListSchema.describe('Commands taken from MQTT.'),
  unsigned: z
    .array(unsigned, {
      error: issue =>
        withHint(
          expected('a list of commands', issue.input),
          'write unsigned: [acknowledge], or leave it out: then every command but sync and status needs a signature',
        ),
    })
    .optional()
    .describe("Taken without a signature, too, behind the broker's access list. Default none."),
  'shelve-max': duration('shelve-max', 60_000, 7 * DAY_MS)
    .optional()
    .describe('The longest time for which an unsigned shelve may shelve. Default 8h.'),
}

/** The keys are checked one by one: commands.ts. */
export const commandsMapSchema = object('commands', { ...keys, keys: z.unknown().optional() })
const fullCommandsMapSchema = object('commands', {
  ...keys,
  keys: z.record(slug('the id of a key'), keySchema).optional().describe('Whose signatures count, by id.'),
})

/** For editors; the agent checks the two forms apart, so that each names its own errors. */
export const commandsSchema = z
  .union([commandListSchema, fullCommandsMapSchema])
  .describe('Commands taken from MQTT. Default: sync where there is a sync section, else none.')
