// The screen of `wearwatch watch`: status in, lines out, at most as many and as wide as the terminal.
import type { AlarmView } from '../http/contract.ts'
import { localTime, paint } from './shared.ts'
import { type AssetLine, learningText, type Status } from './status-text.ts'

export interface Size {
  columns: number
  rows: number
}

const LEVELS = '▁▂▃▄▅▆▇█'
/** The top of a sparkline: the setpoint, 1, stands at two thirds. */
const TOP = 1.5
const ALARMS_SHARE = 0.4
const NAME_MAX = 20
const ESCAPE = '\u001b'

/** One cell a bucket, empty where there was no score. */
export function sparkline(values: readonly number[]): string {
  return values
    .map(value => {
      if (!Number.isFinite(value)) return ' '
      return LEVELS[Math.max(0, Math.min(LEVELS.length - 1, Math.floor((value / TOP) * LEVELS.length)))]
    })
    .join('')
}

/** @param scores by asset id: the worst of each bucket, oldest first */
export function screen(status: Status, scores: ReadonlyMap<string, readonly number[]>, size: Size): string[] {
  const head = [headLine(status), ...linkLines(status), '']
  const assets = [...status.assets].sort((a, b) => trouble(b) - trouble(a))
  const alarms = status.alarms
  const room = Math.max(4, size.rows - head.length - 6)
  const alarmRows = Math.min(alarms.length, Math.max(3, Math.floor(room * ALARMS_SHARE), room - assets.length))
  const assetRows = Math.max(1, Math.min(assets.length, room - alarmRows))
  const width = Math.max(5, ...assets.map(asset => Math.min(NAME_MAX, nameOf(asset).length)))
  return [
    ...head,
    paint(`${'ASSET'.padEnd(width)}  STATE     CHANNELS  SCORE OF THE LAST HOUR, SETPOINT 1`, 'bold'),
    ...assets.slice(0, assetRows).map(asset => assetLine(asset, scores.get(asset.id) ?? [], width)),
    ...more(assets.length - assetRows, 'asset', assets.slice(assetRows).some(trouble) ? '' : ', all well'),
    '',
    paint(alarmsHead(alarms, status), 'bold'),
    ...alarms.slice(0, alarmRows).map(alarmLine),
    ...more(alarms.length - alarmRows, 'alarm', ': wearwatch alarms list --grouped'),
  ]
    .map(line => cut(line, size.columns))
    .slice(0, size.rows - 1)
}

function headLine({ version, site, gateway, since, now, clock, memoryMb }: Status): string {
  const minutes = Math.floor((Date.parse(now) - Date.parse(since)) / 60e3)
  const up = minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h`
  return `${paint('wearwatch', 'bold')} ${version} · ${site}/${gateway} · up ${up} · clock ${clock} · ${memoryMb} MB · ${localTime(now)}`
}

function linkLines({ sources, uplink, scorer }: Status): string[] {
  const state = (good: boolean, text: string): string => paint(text, good ? 'green' : 'red')
  const providers = [...new Set(scorer.placements.map(({ provider }) => provider))].join(', ') || 'no model yet'
  const good = scorer.state === 'up' || scorer.state === 'idle'
  const waiting = (uplink.lastAlertSeq ?? 0) - (uplink.deliveredAlertSeq ?? 0)
  const detail = uplink.state === 'up' && !uplink.notes ? '' : ` ${uplink.notes?.[0] ?? uplink.detail}`
  return [
    `sources ${sources.map(({ id, state: now, detail: why }) => state(now === 'up', now === 'up' ? `${id} up` : `${id} ${now} ${why}`)).join(' · ')}`,
    `scorer  ${state(good, scorer.state)} ${providers} · ${scorer.windowsScored} windows scored, ${scorer.windowsDropped} dropped, ${scorer.restarts} restarts`,
    `uplink  ${state(uplink.state === 'up' || uplink.state === 'off', uplink.state)}${detail}${uplink.state === 'off' ? '' : waiting === 0 ? ' · every alert delivered' : ` · ${waiting} alerts to deliver`}`,
  ]
}

/** Assets with alarms first, then those that something is wrong with. */
function trouble(asset: AssetLine): number {
  return (asset.alarms > 0 ? 4 : 0) + (asset.problem ? 2 : 0) + (asset.bad.length > 0 ? 1 : 0)
}

const nameOf = ({ tag, id }: { tag?: string; id: string }): string => tag ?? id

function assetLine(asset: AssetLine, scores: readonly number[], width: number): string {
  const name = nameOf(asset).slice(0, NAME_MAX).padEnd(width)
  const channels = `${asset.channelsGood}/${asset.channels}`.padEnd(8)
  const beyond = (asset.score ?? 0) >= 1
  const score = asset.score === undefined ? '' : paint(asset.score.toFixed(2), beyond ? 'red' : 'green')
  const why = asset.problem ?? asset.bad.join(', ')
  const what = asset.learning && !asset.model ? learningText(asset.learning) : `${sparkline(scores)} ${score}`
  const painted = trouble(asset) > 0 ? paint(name, 'red') : name
  return `${painted}  ${asset.machine.padEnd(8)}  ${channels}  ${what}${why ? `  ${paint(why, 'yellow')}` : ''}`
}

function alarmsHead(alarms: Status['alarms'], { alarmRates }: Status): string {
  if (alarms.length === 0) return 'no alarms'
  const unseen = alarms.filter(({ isaState }) => /Unack/.test(isaState)).length
  return `${alarms.length} alarm${alarms.length === 1 ? '' : 's'}, ${unseen} unacknowledged, ${alarmRates.lastHour} raised in the last hour`
}

function alarmLine(alarm: Status['alarms'][number] & Partial<Pick<AlarmView, 'raised'>>): string {
  const { active, priority, isaState, asset, tag, message, id, raised } = alarm
  const text = `P${priority}  ${isaState.padEnd(17)}  ${raised === undefined ? '' : `${localTime(raised)}  `}${tag ?? asset}  ${message}  [${id}]`
  return active ? paint(text, 'red') : text
}

function more(count: number, what: string, after: string): string[] {
  return count > 0 ? [`and ${count} more ${what}${count === 1 ? '' : 's'}${after}`] : []
}

/** To so many cells; colours take none, and a cut line ends uncoloured. */
export function cut(line: string, columns: number): string {
  const [plain = '', ...painted] = line.split(ESCAPE)
  let room = columns
  let out = ''
  for (const [i, piece] of [plain, ...painted].entries()) {
    const code = i === 0 ? '' : piece.slice(0, piece.indexOf('m') + 1)
    const cells = [...piece.slice(code.length)]
    out += `${i === 0 ? '' : ESCAPE}${code}${cells.slice(0, room).join('')}`
    if (cells.length > room) return painted.length > 0 ? `${out}${ESCAPE}[0m` : out
    room -= cells.length
  }
  return out
}
