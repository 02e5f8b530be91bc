// wearwatch command …: says something to a gateway through the broker, from an operator's machine.
import { Command, InvalidArgumentError, Option } from 'commander'
import type { CommandName } from '../config/contract.ts'
import { systemClock } from '../core/clock.ts'
import { AgentError } from '../core/errors.ts'
import { createLogger } from '../core/logger.ts'
import { entropySeed, seededPrng, unguessable } from '../core/prng.ts'
import { isoFromUs } from '../core/types.ts'
import { type CommandAnswer, CommandClient } from '../uplink/command-client.ts'
import { signCommand } from '../uplink/command-envelope.ts'
import { type BrokerFlags, brokerLink, brokerUrl } from './broker-options.ts'
import { type CommandKeyFile, newCommandKey, nextCounter, readCommandKey } from './command-key.ts'
import { parseDelay, parsePositive } from './options.ts'
import { action, EXIT, paint, print, printJson } from './shared.ts'
import { timeUs } from './time-option.ts'

interface Flags extends BrokerFlags {
  gateway: { site: string; id: string }
  key?: string
  keyId?: string
  timeout: number
  responseTopic?: string
  by?: string
  note?: string
  json?: boolean
  for?: number
  since?: string
  revert?: boolean
}

type Arguments = Record<string, unknown>
type Verb = (flags: Flags, ...given: string[]) => Arguments

const CONNECT_MS = 15_000
/** Issued to expires: the clocks may differ by somewhat less. */
const LIFETIME_US = 120e6
/** A nonce may be used up, or replaced, between reading and sending. */
const TRIES = 3

const HELP = `
Signs with --key, sends, waits for the answer and prints it. Without --key the command goes unsigned: \`sync\`, \`status\`, and what the
gateway takes so.

Exit codes: 0 done, 1 no connection or no answer, 2 wrong usage, 3 a file cannot be used, 4 the gateway is offline,
5 refused, or it could not be done.`

export function commandCommand(): Command {
  const command = new Command('command')
    .description('say something to a gateway through the broker: signed commands')
    .addHelpText('after', HELP)
  verb(command, 'sync', 'look for newer models now', () => ({}))
  verb(command, 'status', 'what it is doing', () => ({}))
  verb(command, 'acknowledge', 'acknowledge an alarm that stands', (_, id) => ({ id })).argument('<alarm>', 'its id')
  verb(command, 'shelve', 'hide alarms for a time', (flags, asset, rule) => ({
    ...target(asset, rule),
    minutes: (flags.for ?? 0) / 60_000,
  }))
    .argument('<asset>')
    .argument('[rule]', 'one of its rules; else all of its alarms')
    .requiredOption('--for <DURATION>', 'for how long, such as 8h', parseDelay)
  verb(command, 'unshelve', 'show again what was shelved', (_, asset, rule) => target(asset, rule))
    .argument('<asset>')
    .argument('[rule]')
  verb(command, 'label', 'say what an alarm was', (_, id, verdict) => ({ id, verdict }))
    .argument('<alarm>', 'its id')
    .argument('<verdict>', 'confirmed, false or expected')
  verb(command, 'capture', 'take a capture of its waveforms now', (_, asset) => ({ asset })).argument('<asset>')
  verb(command, 'backfill', 'send alerts that were delivered once more', (_, from, to) => ({
    from: Number(from),
    ...(to === undefined ? {} : { to: Number(to) }),
  }))
    .argument('<from>', 'seq of the first alert', parsePositiveText)
    .argument('[to]', 'seq of the last; else the last delivered', parsePositiveText)
  verb(command, 'set-baseline', 'learn a new baseline, or go back to the model before', (flags, asset) => ({
    asset,
    ...(flags.since === undefined ? {} : { since: isoFromUs(timeUs(flags.since)) }),
    ...(flags.revert ? { revert: true } : {}),
  }))
    .argument('<asset>')
    .option('--since <TIME>', 'learn from stored rows since then, too: ISO time, or 1h, 7d')
    .option('--revert', 'go back to the model before')
  verb(command, 'restart-scorer', 'start a new scorer process and hand over to it', () => ({}))
  return command.addCommand(keyCommand())
}

function keyCommand(): Command {
  const make = new Command('new')
    .description('make a key pair; prints what belongs into the configuration of the gateways')
    .requiredOption('--out <FILE>', 'private key, mode 0600; the public one goes to FILE.pub')
    .option('--key-id <ID>', 'its name in the configuration; default: the name of the file')
    .option('--json', 'print JSON')
    .action(
      action(async ({ out, keyId, json }: { out: string; keyId?: string; json?: boolean }) => {
        const { id, publicKey, publicPath } = newCommandKey(out, keyId)
        if (json) printJson({ id, public: publicKey, private: out, publicFile: publicPath })
        else {
          print(`private key ${out} (mode 0600): keep it on your machine, for you alone`)
          print(`public key  ${publicPath}`)
          print('')
          print('For the configuration of the gateways that are to obey it:')
          print('')
          print('uplink:\n  commands:')
          print(
            '    allow: [sync, status, acknowledge, shelve, unshelve, label, capture, backfill, set-baseline, restart-scorer]',
          )
          print(`    keys:\n      ${id}: {public: ${publicKey}}`)
        }
        return EXIT.ok
      }),
    )
  return new Command('key').description('keys that sign commands').addCommand(make)
}

function verb(parent: Command, name: CommandName, description: string, read: Verb): Command {
  const command = parent
    .command(name)
    .description(description)
    .requiredOption('--gateway <SITE/ID>', 'which gateway', gatewayName)
    .requiredOption('--url <URL>', 'broker, e.g. mqtts://broker:8883', brokerUrl)
    .option('--key <FILE>', 'private key to sign with, from `wearwatch command key new`')
    .option('--key-id <ID>', 'its name at the gateway; default: the name of the file')
    .option('--username <NAME>', 'login at the broker')
    .option('--password-file <FILE>', 'file that holds the password')
    .option('--ca <FILE>', 'certificate authority of the broker, PEM')
    .option('--cert <FILE>', 'client certificate, PEM')
    .option('--cert-key <FILE>', 'its key, PEM')
    .option('--response-topic <TOPIC>', 'MQTT 5: where to answer, instead of command-result')
    .addOption(
      new Option('--timeout <DURATION>', 'how long to wait for the answer')
        .argParser(parseDelay)
        .default(30_000, '30s'),
    )
    .option('--json', 'print JSON')
  if (name !== 'sync' && name !== 'status') {
    command.option('--by <NAME>', 'who').option('--note <TEXT>', 'why, for the record')
  }
  return command.action(
    action(async (...all: unknown[]) => {
      const flags = all.at(-2) as Flags
      const given = all.slice(0, -2).map(value => (value === undefined ? undefined : String(value)))
      const said = { ...(flags.by === undefined ? {} : { by: flags.by }), ...(flags.note ? { note: flags.note } : {}) }
      return send(name, { ...read(flags, ...(given as string[])), ...said }, flags)
    }),
  )
}

async function send(name: CommandName, given: Arguments, flags: Flags): Promise<number> {
  const key = flags.key === undefined ? undefined : readCommandKey(flags.key, flags.keyId)
  const client = new CommandClient({
    config: brokerLink(flags, 'command'),
    gateway: flags.gateway,
    ...(flags.responseTopic === undefined ? {} : { responseTopic: flags.responseTopic }),
    clock: systemClock(),
    prng: seededPrng(entropySeed()),
    logger: createLogger({ level: 'silent', format: 'text' }),
  })
  try {
    await client.connect(CONNECT_MS)
    refuseOffline(client, flags)
    const answer = await ask(client, name, given, flags, key)
    show(answer, flags)
    return answer.ok ? EXIT.ok : EXIT.refused
  } finally {
    await client.close()
  }
}

/** Nothing is kept for a gateway that is away, so there is nothing to wait for. */
function refuseOffline({ state }: CommandClient, { gateway }: Flags): void {
  if (!state || state.online) return
  const since = state.at === undefined ? '' : ` since ${state.at}`
  throw new AgentError(
    'DAEMON_NOT_RUNNING',
    `${gateway.site}/${gateway.id} is offline${since} (${state.reason ?? 'no reason given'}), and commands are not kept for it; ` +
      'send it again when it is back',
  )
}

async function ask(
  client: CommandClient,
  name: CommandName,
  given: Arguments,
  flags: Flags,
  key: CommandKeyFile | undefined,
): Promise<CommandAnswer> {
  let nonce = client.state?.clock === 'uncertain' ? client.state.commandNonce : undefined
  for (let tries = 1; ; tries++) {
    const id = unguessable(9)
    const answer = await client.ask(requestOf(name, given, flags, id, key, nonce), id, flags.timeout)
    const { reason } = answer.detail
    if (!key || tries === TRIES || (reason !== 'nonce' && reason !== 'clock')) return answer
    const fresh = await client.freshNonce(nonce)
    if (fresh === undefined) return answer
    nonce = fresh
  }
}

function requestOf(
  command: CommandName,
  given: Arguments,
  { gateway }: Flags,
  id: string,
  key: CommandKeyFile | undefined,
  nonce: string | undefined,
): Buffer {
  if (!key) return Buffer.from(JSON.stringify({ command, id, arguments: given }))
  const nowUs = systemClock().nowUs()
  return signCommand(
    {
      gateway: `${gateway.site}/${gateway.id}`,
      command,
      arguments: given,
      id,
      ...(nonce === undefined ? { counter: nextCounter(key.path, nowUs / 1000) } : { nonce }),
      issued: isoFromUs(nowUs),
      expires: isoFromUs(nowUs + LIFETIME_US),
      key: key.id,
    },
    key.privateKey,
  )
}

function show(answer: CommandAnswer, flags: Flags): void {
  if (flags.json) {
    printJson(answer)
    return
  }
  const { reason } = answer.detail
  const skewS = Math.round((Date.parse(answer.at) - Date.now()) / 1000)
  const clocks =
    reason === 'expired' || reason === 'early'
      ? ` (the clock of this machine differs from the gateway's by ${Math.abs(skewS)} s)`
      : ''
  print(answer.ok ? answer.message : paint(`${answer.message}${clocks}`, 'red'))
  if (answer.command === 'status' && answer.ok) printJson(answer.detail)
}

function target(asset: string | undefined, rule: string | undefined): Arguments {
  return { asset, ...(rule === undefined ? {} : { rule }) }
}

function gatewayName(text: string): { site: string; id: string } {
  const [, site, id] = /^([^/+#\s]{1,128})\/([^/+#\s]{1,128})$/.exec(text) ?? []
  if (site !== undefined && id !== undefined) return { site, id }
  throw new InvalidArgumentError('expected SITE/ID, as in its topics: wearwatch/v1/SITE/ID/…')
}

const parsePositiveText = (text: string): string => String(parsePositive(text))
