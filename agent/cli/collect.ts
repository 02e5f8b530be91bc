import { Command, InvalidArgumentError } from 'commander'
import { systemClock } from '../core/clock.ts'
import { AgentError } from '../core/errors.ts'
import { createLogger } from '../core/logger.ts'
import { entropySeed, seededPrng } from '../core/prng.ts'
import { Collector } from '../uplink/collect.ts'
import type { AlertView, CollectItem } from '../uplink/collect-items.ts'
import { type BrokerFlags, brokerLink, brokerUrl } from './broker-options.ts'
import { CollectStore } from './collect-store.ts'
import { action, EXIT, paint, print } from './shared.ts'

interface CollectFlags extends BrokerFlags {
  site?: string
  gateway?: string
  out?: string
  json?: boolean
  count?: number
  receipt?: string
  fromRetained?: boolean
}

const HELP = `
Subscribes to the alert stream with QoS 1, drops repeats, reports gaps and wrong order per gateway.
With --client-id the broker keeps the session: alerts published while this was not running arrive later.

With --receipt each gateway is told what is in FILE (receipt: consumer): it keeps and repeats alerts until then. Alerts are
then taken in order, FILE is synced before each receipt, and read back at the start.

Ends on Ctrl-C or after --count alerts; exit code 0. The summary goes to stderr.`

export function collectCommand(): Command {
  return new Command('collect')
    .description('receive alerts from the broker: the reference consumer')
    .requiredOption('--url <url>', 'broker, e.g. mqtt://127.0.0.1:1883 or mqtts://broker:8883', brokerUrl)
    .option('--site <site>', 'only this site', level)
    .option('--gateway <id>', 'only this gateway', level)
    .option('--username <name>', 'login at the broker')
    .option('--password-file <file>', 'file that holds the password')
    .option('--ca <file>', 'certificate authority of the broker, PEM')
    .option('--client-id <id>', 'keep a session of this name at the broker')
    .option('--out <file>', 'append alerts to FILE as NDJSON')
    .option('--json', 'print NDJSON instead of lines')
    .option('--count <n>', 'end after N alerts', count)
    .option('--receipt <name>', 'confirm what is in FILE to the gateways, under this name; needs --out', consumerName)
    .option('--from-retained', 'begin with the alarms that stand now')
    .addHelpText('after', HELP)
    .action(action(collect))
}

async function collect(flags: CollectFlags): Promise<number> {
  if (flags.receipt !== undefined && flags.out === undefined)
    throw new AgentError('CONFIG_INVALID', '--receipt confirms what is stored in a file: give --out FILE as well')
  const config = brokerLink(flags, 'collect')
  const out = flags.out === undefined ? undefined : new CollectStore(flags.out)
  const ledger = flags.receipt === undefined ? undefined : await out?.ledger()
  const storedBefore = ledger?.received ?? 0
  const stopped = stopSignal()
  const received = (): number => (ledger ? ledger.received - storedBefore : collector.ledger.received)
  const collector = new Collector({
    config,
    ...(flags.site === undefined ? {} : { site: flags.site }),
    ...(flags.gateway === undefined ? {} : { gateway: flags.gateway }),
    persistent: flags.clientId !== undefined,
    retained: flags.fromRetained === true,
    clock: systemClock(),
    prng: seededPrng(entropySeed()),
    logger: createLogger({ level: 'info', format: 'text' }).room('collect'),
    onItem: item => {
      show(item, flags, out)
      if (flags.count === undefined || received() < flags.count) return
      collector.close()
      stopped.stop()
    },
    ...(ledger && flags.receipt ? { receipts: { consumer: flags.receipt, ledger, sync: () => out?.sync() } } : {}),
  })
  collector.start()
  await stopped.promise
  await collector.stop()
  out?.close()
  const { duplicates, missing } = ledger ?? collector.ledger
  const { outOfOrder } = collector.ledger
  process.stderr.write(
    `received ${received()}, duplicates ${duplicates}, missing ${missing}, out of order ${outOfOrder}, malformed ${collector.malformed}\n`,
  )
  return EXIT.ok
}

function show(item: CollectItem, flags: CollectFlags, out: CollectStore | undefined): void {
  if (item.kind === 'malformed') {
    note(`not an alert on ${item.topic}`)
    return
  }
  if (item.kind === 'gap') {
    note(`${item.gateway}: alerts ${item.from} to ${item.to} are missing`)
    return
  }
  if (item.kind === 'stated-gap') note(`${item.gateway} states a loss: ${item.text}`)
  if (item.kind === 'alert' && item.late) note(`alert ${item.alert.seq} came out of order`)
  // Written before the PUBACK goes out: an alert is never acknowledged and then lost by this process.
  out?.write(item.text)
  if (flags.json) print(item.text)
  else if (item.kind !== 'stated-gap') print(lineOf(item.alert, item.kind === 'standing'))
}

function note(text: string): void {
  process.stderr.write(`${paint('!', 'yellow')} ${text}\n`)
}

/** `2026-11-22 07:44:00 +01:00  ALARM P3  hamburg/gw-7f3a  m-204  flow 18 % below prediction  (seq 4812, …)` */
export function lineOf(alert: AlertView, standing: boolean): string {
  const what = {
    raised: paint(`ALARM P${alert.priority}`, 'red'),
    cleared: paint('clear   ', 'green'),
    acknowledged: 'ack     ',
  }[alert.transition]
  const model = alert.model ? `, ${alert.model.name} r${alert.model.release}` : ''
  const by = alert.transition === 'acknowledged' && alert.by ? ` by ${alert.by}` : ''
  const source = `${alert.site}/${alert.gateway}  ${alert.asset}`
  const tail = paint(`(${standing ? 'standing, ' : ''}seq ${alert.seq}, ${alert.id}${model})`, 'dim')
  return `${localTime(alert.at)}  ${what ?? alert.transition}  ${source}  ${alert.message}${by}  ${tail}`
}

/** Local time with its offset, as everything on a screen. */
function localTime(iso: string): string {
  const time = new Date(iso)
  const minutes = -time.getTimezoneOffset()
  const local = new Date(time.getTime() + minutes * 60_000).toISOString().slice(0, 19).replace('T', ' ')
  const pad = (n: number): string => String(Math.floor(Math.abs(n))).padStart(2, '0')
  return `${local} ${minutes < 0 ? '-' : '+'}${pad(minutes / 60)}:${pad(minutes % 60)}`
}

function stopSignal(): { promise: Promise<void>; stop: () => void } {
  let stop = (): void => {}
  const promise = new Promise<void>(resolve => {
    stop = resolve
  })
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  return { promise, stop }
}

function level(text: string): string {
  if (/^[^/+#\s]{1,128}$/.test(text)) return text
  throw new InvalidArgumentError('one topic level, without / + # or spaces.')
}

function consumerName(text: string): string {
  if (/^[\x20-\x7e]{1,64}$/.test(text)) return text
  throw new InvalidArgumentError('1 to 64 printable ASCII characters.')
}

function count(text: string): number {
  const n = Number(text)
  if (Number.isSafeInteger(n) && n > 0) return n
  throw new InvalidArgumentError('a whole number from 1 on.')
}
