// Commands that ask the running daemon over its socket: status, channels, sync, set-baseline; alarms.ts and history.ts have more.
import { Command } from 'commander'
import { askDaemon } from '../http/client.ts'
import type { BaselineReport } from '../http/contract.ts'
import type { SyncReport } from '../uplink/contract.ts'
import type { LiveChannel } from '../windows/contract.ts'
import { action, EXIT, paint, print, printJson, table } from './shared.ts'
import { DEFAULT_CONFIG, socketOf } from './socket.ts'
import { printStatus } from './status-text.ts'
import { timeUs } from './time-option.ts'

export interface DaemonOptions {
  config: string
  socket?: string
  json?: boolean
}

/** A command with the options that all of these share. */
export function daemonCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option('-c, --config <FILE>', 'config of the running daemon', DEFAULT_CONFIG)
    .option('--socket <PATH>', 'control socket, instead of the one in the config')
    .option('--json', 'print JSON')
}

export function statusCommand(): Command {
  return daemonCommand('status', 'what the daemon is doing: assets, learning, scorer, link, stores').action(
    action(async (options: DaemonOptions) => {
      const status = await askDaemon<Record<string, unknown>>(await socketOf(options), 'GET', '/v1/status')
      if (options.json) printJson(status)
      else printStatus(status)
      return EXIT.ok
    }),
  )
}

export function channelsCommand(): Command {
  return daemonCommand('channels', 'live value, age, rate, unit and quality of every channel').action(
    action(async (options: DaemonOptions) => {
      const rows = await askDaemon<LiveChannel[]>(await socketOf(options), 'GET', '/v1/channels')
      if (options.json) printJson(rows)
      else print(table(['ASSET', 'CHANNEL', 'VALUE', 'UNIT', 'AGE', 'RATE', 'QUALITY'], rows.map(channelRow)))
      return rows.every(row => row.quality === 'good') ? EXIT.ok : EXIT.failed
    }),
  )
}

function channelRow(row: LiveChannel): string[] {
  const rate =
    row.rateHz === undefined
      ? '-'
      : row.rateHz >= 1
        ? `${Number(row.rateHz.toPrecision(3))}/s`
        : `every ${(1 / row.rateHz).toPrecision(3)} s`
  const age = row.ageS === undefined ? 'never' : `${row.ageS < 10 ? row.ageS.toFixed(1) : Math.round(row.ageS)} s`
  const quality = row.quality === 'good' ? paint('good', 'green') : paint(row.quality, 'red')
  return [
    row.asset,
    row.channel,
    row.value === undefined ? '-' : Number(row.value.toPrecision(5)).toString(),
    row.unit,
    age,
    rate,
    quality,
  ]
}

export function syncCommand(): Command {
  return daemonCommand('sync', 'fetch, verify and activate new models now').action(
    action(async (options: DaemonOptions) => {
      const report = await askDaemon<SyncReport>(await socketOf(options), 'POST', '/v1/sync', { by: 'cli' })
      if (options.json) printJson(report)
      else {
        print(report.ok ? report.message : paint(report.message, 'red'))
        for (const line of report.models)
          print(
            `  ${line.asset}: ${line.action}${line.model ? ` ${line.model} release ${line.release}` : ''}${line.reason ? ` (${line.reason})` : ''}`,
          )
      }
      return report.ok ? EXIT.ok : EXIT.refused
    }),
  )
}

export function setBaselineCommand(): Command {
  return daemonCommand('set-baseline', 'learn a new baseline, after maintenance say; or go back to the model before')
    .argument('<asset>', 'asset id')
    .option(
      '--since <TIME>',
      'learn from stored rows since then, too: ISO time, or a span back from now such as 1h, 7d',
    )
    .option('--revert', 'go back to the model before; once more returns from it')
    .option('--by <NAME>', 'who decides', process.env.USER ?? 'cli')
    .action(
      action(async (asset: string, options: DaemonOptions & { since?: string; revert?: boolean; by: string }) => {
        const since = options.since === undefined ? {} : { sinceUs: timeUs(options.since) }
        const body = { by: options.by, ...since, ...(options.revert ? { revert: true } : {}) }
        const path = `/v1/assets/${encodeURIComponent(asset)}/baseline`
        const report = await askDaemon<BaselineReport>(await socketOf(options), 'POST', path, body)
        if (options.json) printJson(report)
        else print(report.message)
        return EXIT.ok
      }),
    )
}
