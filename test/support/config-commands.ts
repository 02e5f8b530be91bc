// What is wrong with `uplink.commands`.
import { withParts } from './config-io.ts'
import type { Rule } from './config-rules.ts'

/** Made for tests; nobody holds the private half. */
export const PUBLIC_KEY = 'MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE='

const commands = (text: string): string => withParts(`uplink: {mqtt: {url: "mqtt://b"}, commands: ${text}}`)

export const COMMANDS: Rule[] = [
  [
    'commands',
    commands('sync'),
    ['uplink.commands: expected a list of commands, got the text "sync" | write commands: [sync, status]'],
  ],
  [
    'a command that there is not',
    commands('[sync, acknowlege]'),
    [
      'uplink.commands[1]: expected one of sync, status, acknowledge, shelve, unshelve, label, capture, backfill, set-baseline, restart-scorer, got the text "acknowlege" | did you mean "acknowledge"?',
    ],
  ],
  [
    'commands that nobody could give',
    commands('[sync, acknowledge, capture]'),
    [
      'uplink.commands: acknowledge, capture: nobody could give these commands, which need a signature | write commands: {allow: [sync, acknowledge, capture], keys: {ops: {public: ops.pub}}}; "wearwatch command key new" makes the key',
    ],
  ],
  [
    'all of it at once',
    commands(
      `{allow: [status], keys: {Ops: {public: "${PUBLIC_KEY}"}, kim: {public: kim.pub, allow: [capture]}}, unsigned: [acknowledge, capture], shelve-max: 30d}`,
    ),
    [
      'uplink.commands.unsigned[1]: expected one of acknowledge, label, shelve, got the text "capture" | capture is taken with a signature only',
      'uplink.commands.shelve-max: 30d is too large; the most is 7d',
      'uplink.commands.keys.Ops: "Ops" cannot be the id of a key: expected small letters, digits and hyphens, beginning with a letter or digit, 64 characters at most | write ops',
      'uplink.commands.keys.kim.public: /etc/ww/kim.pub cannot be read (it does not exist) | create it, readable by the user the agent runs as; relative paths begin at the folder of this file',
      'uplink.commands.keys.kim.allow[0]: capture is not among the commands allowed | add it to allow',
    ],
  ],
  [
    'unsigned, and not allowed',
    commands('{allow: [sync], unsigned: [acknowledge]}'),
    ['uplink.commands.unsigned[0]: acknowledge is not among the commands allowed | write allow: [acknowledge]'],
  ],
  [
    'a key without a name',
    commands('{allow: [sync], keys: [ops.pub]}'),
    ['uplink.commands.keys: expected a mapping from a key id to what it is, got a list'],
  ],
  [
    'one key twice',
    commands(`{allow: [capture], keys: {ops: {public: "${PUBLIC_KEY}"}, kim: {public: "${PUBLIC_KEY}"}}}`),
    ['uplink.commands.keys.kim: is the same key as ops | a key for each person tells who it was'],
  ],
]
