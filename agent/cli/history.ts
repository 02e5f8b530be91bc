// `wearwatch history`: what is stored, as a table, CSV or NPY, row by row or in few points. It streams: a year passes through,
// never lies in memory.
import type { Command } from 'commander'
import { AgentError } from '../core/errors.ts'
import { isoFromUs } from '../core/types.ts'
import { askDaemon, streamDaemon } from '../http/client.ts'
import type { SpectrumView } from '../http/contract.ts'
import { type DaemonOptions, daemonCommand } from './daemon-commands.ts'
import { historyText, spectrumText } from './history-text.ts'
import { NpyTable } from './npy-table.ts'
import { action, EXIT, print, printJson } from './shared.ts'
import { socketOf } from './socket.ts'
import { timeUs } from './time-option.ts'

interface HistoryOptions extends DaemonOptions {
  class: string
  from: string
  to?: string
  columns?: string
  points?: string
  spectrum?: boolean
  csv?: boolean
  npy?: string
}

export function historyCommand(): Command {
  return daemonCommand('history', 'stored samples, scores, features, vibration figures or waveforms of an asset')
    .argument('<asset>', 'asset id')
    .option('--class <CLASS>', 'samples, scores, features, vibration or waveforms', 'samples')
    .option('--from <TIME>', 'ISO time, or a span back from now such as 1h, 30min, 7d', '1h')
    .option('--to <TIME>', 'ISO time, exclusive; default now')
    .option('--columns <LIST>', 'comma-separated columns; of waveforms one channel')
    .option('--points <N>', 'at most N rows: least, greatest, mean, newest and number of each column')
    .option('--spectrum', 'instead: velocity spectra of the newest capture, 0 to 1 kHz')
    .option('--csv', 'print CSV')
    .option('--npy <FILE>', 'write a NumPy file with a time and the columns by name')
    .action(
      action(async (asset: string, options: HistoryOptions) => {
        if (options.spectrum) return printSpectrum(asset, options)
        return printHistory(asset, options)
      }),
    )
}

async function printHistory(asset: string, options: HistoryOptions): Promise<number> {
  const query = new URLSearchParams({ asset, class: options.class, from: String(timeUs(options.from)) })
  if (options.to) query.set('to', String(timeUs(options.to)))
  if (options.columns) query.set('columns', options.columns)
  if (options.points) {
    query.set('points', options.points)
    if (!options.to) query.set('to', String(timeUs('0s')))
  }
  if (options.npy && (options.csv || options.json))
    throw new AgentError('USAGE', 'give --npy FILE, --csv or --json, one of them')
  const lines = streamDaemon(await socketOf(options), `/v1/history?${query}`)
  const rows = options.npy ? await writeNpy(lines, options.npy) : await printRows(lines, options)
  if (rows > 0) return EXIT.ok
  const range = `from ${isoFromUs(timeUs(options.from))} to ${options.to ? isoFromUs(timeUs(options.to)) : 'now'}`
  process.stderr.write(`wearwatch: no ${options.class} of ${asset} stored ${range}\n`)
  return EXIT.failed
}

async function printRows(lines: AsyncIterable<unknown>, options: HistoryOptions): Promise<number> {
  const text = historyText(options.json ? 'json' : options.csv ? 'csv' : 'table')
  let rows = 0
  for await (const line of lines) {
    if (Array.isArray(line)) rows++
    print(text(line))
  }
  return rows
}

async function writeNpy(lines: AsyncIterable<unknown>, path: string): Promise<number> {
  let file: NpyTable | undefined
  try {
    for await (const line of lines) {
      if (Array.isArray(line)) await file?.push(line as (number | null)[])
      else if (!file) file = await NpyTable.create(path, (line as { columns: string[] }).columns)
      else throw columnsChanged(path)
    }
    const rows = (await file?.finish()) ?? 0
    if (rows > 0) print(`written ${path}: ${rows} rows`)
    return rows
  } catch (error) {
    await file?.abandon()
    throw error
  }
}

function columnsChanged(path: string): AgentError {
  const advice = 'name those you want with --columns, or ask for a time in which they stay the same'
  return new AgentError(
    'USAGE',
    `the columns change within that time, which one array cannot hold; nothing is left in ${path}: ${advice}`,
  )
}

async function printSpectrum(asset: string, options: HistoryOptions): Promise<number> {
  const path = `/v1/assets/${encodeURIComponent(asset)}/spectrum`
  const spectrum = await askDaemon<SpectrumView>(await socketOf(options), 'GET', path)
  if (options.json) printJson(spectrum)
  else for (const line of spectrumText(spectrum, options.csv ? 'csv' : 'table')) print(line)
  return EXIT.ok
}
