// `wearwatch alarms`: what stands, and what people do about it. The daemon does it and journals who, when and why.
import { Command } from 'commander'
import { askDaemon } from '../http/client.ts'
import type { AlarmStatisticsView, AlarmView, SuppressRequest } from '../http/contract.ts'
import { caseCommands } from './alarm-cases.ts'
import { groupedText, statisticsText } from './alarms-text.ts'
import { type DaemonOptions, daemonCommand } from './daemon-commands.ts'
import { drillCommand } from './drill.ts'
import { parseDelay } from './options.ts'
import { action, EXIT, localTime, paint, print, printJson, table } from './shared.ts'
import { socketOf } from './socket.ts'
import { type WhoOptions, who, whoCommand } from './who.ts'

export function alarmsCommand(): Command {
  const alarms = new Command('alarms').description('alarms that stand, and what people do about them')
  alarms.addCommand(listCommand(), { isDefault: true }).addCommand(acknowledgeCommand()).addCommand(statisticsCommand())
  for (const command of [...caseCommands(), drillCommand()]) alarms.addCommand(command)
  alarms.addCommand(
    suppressCommand('shelve', 'hide for a time; values are judged and recorded all the same').requiredOption(
      '--for <TIME>',
      'how long: 90min, 8h, 2d',
      parseDelay,
    ),
  )
  alarms.addCommand(suppressCommand('unshelve', 'show again what was shelved'))
  alarms.addCommand(suppressCommand('out-of-service', 'hide until it is put back: the machine is being taken apart'))
  return alarms.addCommand(suppressCommand('in-service', 'show again what was taken out of service'))
}

function listCommand(): Command {
  return daemonCommand('list', 'list them, highest priority first')
    .option('--grouped', 'a line for each asset; those of a flood below it')
    .action(
      action(async (options: DaemonOptions & { grouped?: boolean }) => {
        const rows = await askDaemon<AlarmView[]>(await socketOf(options), 'GET', '/v1/alarms')
        if (options.json) printJson(rows)
        else if (rows.length === 0) print('no alarms standing')
        else if (options.grouped) print(groupedText(rows))
        else print(table(['ID', 'P', 'STATE', 'SINCE', 'ASSET', 'MESSAGE'], rows.map(alarmRow)))
        return EXIT.ok
      }),
    )
}

function statisticsCommand(): Command {
  return daemonCommand('statistics', 'how many alarms: per asset and month, per hour, flood, chattering, stale').action(
    action(async (options: DaemonOptions) => {
      const view = await askDaemon<AlarmStatisticsView>(await socketOf(options), 'GET', '/v1/alarms/statistics')
      if (options.json) printJson(view)
      else print(statisticsText(view))
      return EXIT.ok
    }),
  )
}

function alarmRow(alarm: AlarmView): string[] {
  return [
    alarm.id,
    String(alarm.priority),
    stateText(alarm),
    localTime(alarm.raised),
    alarm.tag ?? alarm.asset,
    alarm.latched ? `${alarm.message} (latched)` : alarm.message,
  ]
}

/** `Shelved until 2026-11-23 14:30 +01:00`, `OutOfService by anna`. */
function stateText({ isaState, suppression, shelvedUntil, suppressedBy }: AlarmView): string {
  if (shelvedUntil !== undefined) return `${isaState} until ${localTime(shelvedUntil)}`
  if (suppression === 'out-of-service') return `${isaState} by ${suppressedBy ?? '?'}`
  return isaState === 'Unacknowledged' ? paint(isaState, 'red') : isaState
}

function acknowledgeCommand(): Command {
  return whoCommand('ack', 'acknowledge an alarm')
    .argument('<id>', 'alarm id, as `alarms list` shows it')
    .action(
      action(async (id: string, options: WhoOptions) => {
        const path = `/v1/alarms/${encodeURIComponent(id)}/acknowledge`
        const alarm = await askDaemon<AlarmView>(await socketOf(options), 'POST', path, who(options))
        if (options.json) printJson(alarm)
        else print(`${alarm.id} ${alarm.asset}: ${alarm.isaState}, acknowledged by ${options.by}`)
        return EXIT.ok
      }),
    )
}

function suppressCommand(name: SuppressRequest['action'], description: string): Command {
  return whoCommand(name, description)
    .argument('<target>', 'an asset, or the id of an alarm that stands')
    .argument('[rule]', 'of the asset, such as flow.max; without it all of its alarms')
    .action(
      action(async (target: string, rule: string | undefined, options: WhoOptions & { for?: number }) => {
        const forMs = options.for === undefined ? {} : { forMs: options.for }
        const body = { action: name, target, ...(rule === undefined ? {} : { rule }), ...forMs, ...who(options) }
        const alarm = await askDaemon<AlarmView>(await socketOf(options), 'POST', '/v1/alarms/suppress', body)
        if (options.json) printJson(alarm)
        else print(`${alarm.tag ?? alarm.asset} ${alarm.rule === '*' ? 'all alarms' : alarm.rule}: ${stateText(alarm)}`)
        return EXIT.ok
      }),
    )
}
