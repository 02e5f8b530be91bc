// SKAB recordings as the proof uses them: rows, labels, and what came out against the labels.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const SKAB_CHANNELS = [
  { id: 'accel-1', column: 'Accelerometer1RMS', unit: 'g' },
  { id: 'accel-2', column: 'Accelerometer2RMS', unit: 'g' },
  { id: 'current', column: 'Current', unit: 'A' },
  { id: 'pressure', column: 'Pressure', unit: 'bar' },
  { id: 'temperature', column: 'Temperature', unit: 'Cel' },
  { id: 'thermocouple', column: 'Thermocouple', unit: 'Cel' },
  { id: 'voltage', column: 'Voltage', unit: 'V' },
  { id: 'flow', column: 'Volume Flow RateRMS', unit: 'l/min' },
] as const

export const BASELINE_ROWS = 400

export interface SkabRun {
  /** Slug, also the asset's id: `valve1-0`. */
  id: string
  file: string
  timesUs: number[]
  rows: number[][]
  anomaly: boolean[]
}

/** Folder of the recordings: WEARWATCH_DATA, else beside the project; undefined where there is none. */
export function recordings(): string | undefined {
  const folder = process.env.WEARWATCH_DATA ?? join('..', 'shared', 'data')
  return existsSync(join(folder, 'skab', 'valve1')) ? folder : undefined
}

/** All valve runs in order. */
export function skabRuns(folder: string): SkabRun[] {
  return ['valve1', 'valve2'].flatMap(group =>
    readdirSync(join(folder, 'skab', group))
      .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
      .map(name => readRun(`${group}-${name.replace('.csv', '')}`, join(folder, 'skab', group, name))),
  )
}

function readRun(id: string, file: string): SkabRun {
  const [head = '', ...lines] = readFileSync(file, 'utf8').trim().split(/\r?\n/)
  const names = head.split(';')
  const columns = SKAB_CHANNELS.map(channel => names.indexOf(channel.column))
  const cells = lines.map(line => line.split(';'))
  return {
    id,
    file,
    timesUs: cells.map(row => Date.parse(`${row[0]!.replace(' ', 'T')}Z`) * 1000),
    rows: cells.map(row => columns.map(column => Number(row[column]))),
    anomaly: cells.map(row => Number(row[names.indexOf('anomaly')]) === 1),
  }
}

export interface Episode {
  fromUs: number
  /** Undefined: still standing at the end. */
  toUs: number | undefined
}

export interface Verdict {
  detected: boolean
  falseEpisodes: number
  delayS: number | undefined
}

/** An episode that overlaps the labelled interval detects it; one that does not is false. */
export function judge(run: SkabRun, episodes: readonly Episode[]): Verdict {
  const first = run.timesUs[run.anomaly.indexOf(true)]!
  const last = run.timesUs[run.anomaly.lastIndexOf(true)]!
  const hits = episodes.filter(episode => episode.fromUs <= last && (episode.toUs ?? Number.POSITIVE_INFINITY) >= first)
  const delays = hits.map(episode => Math.max(0, episode.fromUs - first) / 1e6)
  return {
    detected: hits.length > 0,
    falseEpisodes: episodes.length - hits.length,
    delayS: delays.length > 0 ? Math.min(...delays) : undefined,
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
