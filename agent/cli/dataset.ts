// `wearwatch dataset export`: what people labelled, with the rows around it, for training elsewhere. The folder is there whole or not.
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { VERDICTS } from '../alarms/contract.ts'
import { AgentError } from '../core/errors.ts'
import { makeDir } from '../core/folders.ts'
import { isoFromUs } from '../core/types.ts'
import { askDaemon } from '../http/client.ts'
import type { AlarmCaseView } from '../http/contract.ts'
import type { LiveChannel } from '../windows/contract.ts'
import { caseHistoryPath, parseVerdicts } from './alarm-cases.ts'
import { type DaemonOptions, daemonCommand } from './daemon-commands.ts'
import { healthyBeside, type Span, spanOf } from './dataset-plan.ts'
import { type DatasetRows, type WindowSource, writeWindow } from './dataset-window.ts'
import { unwritable } from './files.ts'
import { action, EXIT, print, printJson } from './shared.ts'
import { socketOf } from './socket.ts'
import { VERSION } from './version.ts'

const SCHEMA = 'wearwatch.dataset/1'
/** The daemon's own limit of one answer. */
const ALARMS_MAX = 10_000

interface ExportOptions extends DaemonOptions {
  out: string
  asset?: string
  since?: string
  until?: string
  label: string
  healthy: boolean
}

/** In the manifest; of healthy time what says of which alarm it stands beside. */
type DatasetWindow = Record<string, unknown> & DatasetRows & { asset: string; label: string; from: string; to: string }

export function datasetCommand(): Command {
  const dataset = new Command('dataset').description('labelled windows for training elsewhere')
  return dataset.addCommand(
    daemonCommand('export', 'write the rows around labelled alarms, and healthy time beside, as NPY and JSON')
      .requiredOption('--out <DIR>', 'folder to make')
      .option('--asset <ASSET>', 'only of this asset, by id or tag')
      .option('--since <TIME>', 'alarms raised since then: ISO time, or a span back from now such as 90d')
      .option('--until <TIME>', 'alarms raised before then')
      .option('--label <LIST>', `alarms labelled so: ${VERDICTS.join(', ')}`, parseVerdicts, VERDICTS.join(','))
      .option('--no-healthy', 'without healthy time beside')
      .action(action(exportDataset)),
  )
}

async function exportDataset(options: ExportOptions): Promise<number> {
  const socket = await socketOf(options)
  const ask = <T>(path: string): Promise<T> => askDaemon<T>(socket, 'GET', path)
  const all = await ask<AlarmCaseView[]>(
    caseHistoryPath(options.asset, { ...options, verdict: options.label, limit: ALARMS_MAX }),
  )
  const alarms = all.filter(({ test }) => !test).reverse()
  if (alarms.length === 0) {
    const text = 'no alarm is kept that is labelled so; `wearwatch alarms label ID confirmed|false|expected` labels one'
    throw new AgentError('NOT_FOUND', text)
  }
  const channels = await ask<LiveChannel[]>('/v1/channels')
  const out = resolve(options.out)
  const dir = `${out}.new`
  await beginFolder(out, dir)
  try {
    const exporter = new Exporter(socket, dir, channels)
    for (const [i, alarm] of alarms.entries()) {
      const note = await exporter.alarm(alarm, options.healthy)
      progress(`${i + 1}/${alarms.length} ${alarm.tag ?? alarm.asset} ${alarm.id}: ${note}`)
    }
    const { windows } = exporter
    if (windows.length === 0) throw new AgentError('NOT_FOUND', 'the rows around these alarms are no longer stored')
    const made = { schema: SCHEMA, wearwatch: VERSION, made: isoFromUs(1000 * Date.now()), windows }
    await finishFolder(out, dir, made)
    const rows = windows.reduce((sum, window) => sum + window.rows, 0)
    if (options.json) printJson({ out, windows: windows.length, rows })
    else print(`written ${out}: ${windows.length} windows, ${rows} rows, manifest.json says what they are`)
    return EXIT.ok
  } catch (error) {
    await rm(dir, { recursive: true, force: true }).catch(() => {})
    throw error
  }
}

class Exporter {
  readonly windows: DatasetWindow[] = []
  readonly #socket: string
  readonly #dir: string
  readonly #channels: readonly LiveChannel[]
  /** By asset: times of alarms, and of health that is used. */
  readonly #taken = new Map<string, Span[]>()

  constructor(socket: string, dir: string, channels: readonly LiveChannel[]) {
    this.#socket = socket
    this.#dir = dir
    this.#channels = channels
  }

  /** What was written, in words. */
  async alarm(alarm: AlarmCaseView, healthy: boolean): Promise<string> {
    const span = spanOf(alarm)
    const label = alarm.labelled?.label ?? 'none'
    if (!this.#channels.some(({ asset }) => asset === alarm.asset))
      return `${label}, left out: the asset is gone from the configuration`
    const rows = await writeWindow(this.#source(alarm.asset), span, this.#dir, `${alarm.asset}-${alarm.id}`)
    if (!rows) return `${label}, left out: its rows are no longer stored`
    const {
      labelled,
      rows: _range,
      standing: _now,
      isaState: _state,
      test: _drill,
      acknowledged: _who,
      ...facts
    } = alarm
    const labelling = { label, labelledBy: labelled?.by, labelledAt: labelled?.at, note: labelled?.note }
    const score = alarm.rule === 'model' ? { score: alarm.value } : {}
    this.windows.push({ ...facts, ...score, ...labelling, ...timesOf(span), ...rows })
    const beside = healthy ? await this.#healthy(alarm, span) : 'no healthy time asked for'
    return `${label}, ${sizeText(rows)}; ${beside}`
  }

  async #healthy(alarm: AlarmCaseView, span: Span): Promise<string> {
    const { asset, id, tag } = alarm
    const taken = await this.#takenOf(asset)
    for (const free of healthyBeside(span, taken, 1000 * Date.now())) {
      const rows = await writeWindow(this.#source(asset), free, this.#dir, `${asset}-${id}-healthy`)
      if (!rows) continue
      taken.push(free)
      this.windows.push({
        asset,
        ...(tag === undefined ? {} : { tag }),
        label: 'healthy',
        beside: id,
        ...timesOf(free),
        ...rows,
      })
      return `healthy ${sizeText(rows)}`
    }
    return 'no healthy time near is stored'
  }

  /** Alarms of whatever label: what nobody has looked at is not healthy for certain. */
  async #takenOf(asset: string): Promise<Span[]> {
    const known = this.#taken.get(asset)
    if (known) return known
    const path = caseHistoryPath(asset, { limit: ALARMS_MAX })
    const all = await askDaemon<AlarmCaseView[]>(this.#socket, 'GET', path)
    const nowUs = 1000 * Date.now()
    const spans = all
      .filter(({ test }) => !test)
      // One that stands goes on.
      .map(alarm => (alarm.cleared === undefined ? { ...spanOf(alarm), toUs: nowUs } : spanOf(alarm)))
    this.#taken.set(asset, spans)
    return spans
  }

  #source(asset: string): WindowSource {
    const own = this.#channels.filter(channel => channel.asset === asset)
    return {
      socket: this.#socket,
      asset,
      units: new Map(own.map(({ channel, unit }) => [channel, unit])),
      // Of those that are none nothing is stored as such.
      waveforms: own.map(({ channel }) => channel),
    }
  }
}

const timesOf = ({ fromUs, toUs }: Span): { from: string; to: string } => ({
  from: isoFromUs(fromUs),
  to: isoFromUs(toUs),
})

function sizeText({ rows, waveforms }: DatasetRows): string {
  const captures = waveforms.reduce((sum, { captures }) => sum + captures.length, 0)
  return captures === 0 ? `${rows} rows` : `${rows} rows and ${captures} captures`
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** Throws FILE_UNWRITABLE: it is there already, or cannot be made. */
async function beginFolder(out: string, dir: string): Promise<void> {
  const there = await stat(out).catch(() => undefined)
  if (there) throw unwritable(out, new Error('it is there already'), 'name a folder that is not there')
  try {
    // Of an export that was broken off.
    await rm(dir, { recursive: true, force: true })
    await makeDir(join(out, '..'))
    await mkdir(dir)
  } catch (error) {
    throw unwritable(out, error, 'choose another --out')
  }
}

async function finishFolder(out: string, dir: string, manifest: unknown): Promise<void> {
  try {
    await writeFile(join(dir, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`)
    await rename(dir, out)
  } catch (error) {
    throw unwritable(out, error, 'choose another --out')
  }
}
