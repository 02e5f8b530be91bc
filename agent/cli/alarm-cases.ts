// `wearwatch alarms history|show|label`: alarms that were, and what people found when they looked at the machine.
import { type Command, InvalidArgumentError } from 'commander'
import { VERDICTS, type Verdict } from '../alarms/contract.ts'
import { askDaemon } from '../http/client.ts'
import type { AlarmCaseDetails, AlarmCaseView, LabelReport } from '../http/contract.ts'
import { caseRow, caseText, HISTORY_HEAD, labelText } from './alarm-cases-text.ts'
import { type DaemonOptions, daemonCommand } from './daemon-commands.ts'
import { parseCount } from './options.ts'
import { action, EXIT, print, printJson, table } from './shared.ts'
import { socketOf } from './socket.ts'
import { timeUs } from './time-option.ts'
import { type WhoOptions, who, whoCommand } from './who.ts'

interface HistoryOptions extends DaemonOptions {
  since?: string
  until?: string
  verdict?: string
  limit: number
}

export function caseCommands(): Command[] {
  return [caseHistoryCommand(), showCommand(), labelCommand()]
}

function caseHistoryCommand(): Command {
  return daemonCommand('history', 'alarms there were, the newest first, with what they were labelled')
    .argument('[asset]', 'asset, by id or tag')
    .option('--since <TIME>', 'raised since then: ISO time, or a span back from now such as 7d')
    .option('--until <TIME>', 'raised before then')
    .option('--verdict <LIST>', `labelled so: ${VERDICTS.join(', ')}, none`, parseVerdicts)
    .option('--limit <N>', 'at most so many', parseCount, 100)
    .action(
      action(async (asset: string | undefined, options: HistoryOptions) => {
        const rows = await askDaemon<AlarmCaseView[]>(await socketOf(options), 'GET', caseHistoryPath(asset, options))
        if (options.json) printJson(rows)
        else if (rows.length === 0) print('no alarms kept that match')
        else print(table(HISTORY_HEAD, rows.map(caseRow)))
        if (!options.json && rows.length === options.limit) print(`the newest ${rows.length}; --limit shows more`)
        return EXIT.ok
      }),
    )
}

export function caseHistoryPath(
  asset: string | undefined,
  { since, until, verdict, limit }: Pick<HistoryOptions, 'since' | 'until' | 'verdict' | 'limit'>,
): string {
  const query = new URLSearchParams({ limit: String(limit) })
  if (asset !== undefined) query.set('asset', asset)
  if (since !== undefined) query.set('since', String(timeUs(since)))
  if (until !== undefined) query.set('until', String(timeUs(until)))
  if (verdict !== undefined) query.set('verdict', verdict)
  return `/v1/alarms/history?${query}`
}

export function parseVerdicts(text: string): string {
  const known: readonly string[] = [...VERDICTS, 'none']
  const names = text.split(',').map(name => name.trim())
  if (names.some(name => !known.includes(name)))
    throw new InvalidArgumentError(`expected ${known.join(', ')}, or some of them with commas`)
  return names.join(',')
}

function showCommand(): Command {
  return daemonCommand('show', 'all there is of one alarm: evidence, times, who did what, its label')
    .argument('<id>', 'alarm id, as `alarms list` and `alarms history` show it')
    .action(
      action(async (id: string, options: DaemonOptions) => {
        const path = `/v1/alarms/${encodeURIComponent(id)}`
        const alarm = await askDaemon<AlarmCaseDetails>(await socketOf(options), 'GET', path)
        if (options.json) printJson(alarm)
        else print(caseText(alarm))
        return EXIT.ok
      }),
    )
}

function labelCommand(): Command {
  return whoCommand('label', 'say what an alarm was, standing or past')
    .argument('<id>', 'alarm id, as `alarms list` and `alarms history` show it')
    .argument(
      '<verdict>',
      'confirmed: there was a fault; false: there was none; expected: it was meant to be',
      toVerdict,
    )
    .action(
      action(async (id: string, verdict: Verdict, options: WhoOptions) => {
        const path = `/v1/alarms/${encodeURIComponent(id)}/label`
        const report = await askDaemon<LabelReport>(await socketOf(options), 'POST', path, { verdict, ...who(options) })
        if (options.json) printJson(report)
        else print(labelText(report))
        return EXIT.ok
      }),
    )
}

function toVerdict(text: string): Verdict {
  const verdict = VERDICTS.find(name => name === text)
  if (!verdict) throw new InvalidArgumentError(`expected ${VERDICTS.join(', ')}`)
  return verdict
}
