// `wearwatch alarms test`: a marked alarm goes the whole way, and this says how far it came and when.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { askDaemon } from '../http/client.ts'
import type { DrillView } from '../http/contract.ts'
import { parseDelay } from './options.ts'
import { action, EXIT, paint, print, printJson } from './shared.ts'
import { socketOf } from './socket.ts'
import { type WhoOptions, who, whoCommand } from './who.ts'

const ASK_EVERY_MS = 200

export function drillCommand(): Command {
  return whoCommand('test', 'send an alarm marked as a test the whole way, and say how long until it was delivered')
    .argument('<asset>', 'asset, by id or tag')
    .option('--for <TIME>', 'it ends by itself after that, or when somebody acknowledges it', parseDelay, 60_000)
    .action(
      action(async (asset: string, options: WhoOptions & { for: number }) => {
        const socket = await socketOf(options)
        const body = { asset, forMs: options.for, ...who(options) }
        const drill = await askDaemon<DrillView>(socket, 'POST', '/v1/alarms/test', body)
        const tell = options.json ? () => {} : teller()
        tell(drill)
        const last = await watch(socket, drill, tell)
        if (options.json) printJson(last)
        return last.deliveredMs === undefined ? EXIT.failed : EXIT.ok
      }),
    )
}

/** Until it has ended, which it does by itself even when nobody watches. */
async function watch(socket: string, begun: DrillView, tell: (drill: DrillView) => void): Promise<DrillView> {
  let drill = begun
  while (!drill.ended) {
    await sleep(ASK_EVERY_MS)
    drill = await askDaemon<DrillView>(socket, 'GET', `/v1/alarms/test/${drill.id}`)
    tell(drill)
  }
  return drill
}

/** A line for each thing that has happened since it was last told. */
function teller(): (drill: DrillView) => void {
  const told = new Set<string>()
  return drill => {
    for (const [name, text] of linesOf(drill)) {
      if (!told.has(name)) print(`${name.padEnd(13)}${text}`)
      told.add(name)
    }
  }
}

export function linesOf(drill: DrillView): [name: string, text: string][] {
  const { id, message, journalledMs, deliveredMs, acknowledged, ended, link } = drill
  const lines: [string, string][] = [['raised', `${id}  ${message}`]]
  if (journalledMs !== undefined) lines.push(['journalled', `after ${ms(journalledMs)}, on the disk`])
  if (deliveredMs !== undefined) lines.push(['delivered', `after ${ms(deliveredMs)}, confirmed upstream`])
  if (acknowledged) {
    const { by, actor, note } = acknowledged
    lines.push([
      'acknowledged',
      `after ${ms(acknowledged.ms)} by ${by} (${actor})${note === undefined ? '' : `: ${note}`}`,
    ])
  }
  if (!ended) return lines
  if (deliveredMs === undefined)
    lines.push([
      'undelivered',
      paint(`it waits in the journal; the link upstream is ${link.state}: ${link.detail}`, 'red'),
    ])
  lines.push(['ended', acknowledged ? 'by itself, once it was acknowledged' : 'by itself; nobody acknowledged it'])
  return lines
}

const ms = (value: number): string => (value < 1000 ? `${value} ms` : `${(value / 1000).toFixed(1)} s`)
