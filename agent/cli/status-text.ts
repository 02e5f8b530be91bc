// `wearwatch status` for people. The shapes are those of pipeline/views.ts.

import { type WearStatus, wearText } from '../pipeline/storage-wear.ts'
import type { ScorerStatus } from '../scoring/contract.ts'
import type { SourceStatus } from '../sources/contract.ts'
import type { UplinkStatus, WebhookStatus } from '../uplink/contract.ts'
import { bar } from './bar.ts'
import { commandsText } from './commands-text.ts'
import { localTime, paint, print } from './shared.ts'
import { type VibrationLine, vibrationTexts } from './vibration-text.ts'
import { webhookText } from './webhook-text.ts'

export interface AssetLine extends VibrationLine {
  id: string
  tag?: string
  machine: string
  channelsGood: number
  channels: number
  bad: string[]
  mode: string
  problem?: string
  learning?: {
    share: number
    waitingFor: string
    starts: number
    startsNeeded: number
    runningMin: number
    runningNeededMin: number
    insufficient?: string
    without?: string[]
    missing?: string[]
    provisionalInMin?: number
  }
  model?: { name: string; release: number; provider?: string }
  without?: { channel: string; since?: string }[]
  provisional?: { widened: number; missing: string }
  severity?: { text: string; high?: boolean }[]
  inputDrift?: { hours: number; channels: Record<string, number> }
  rebaselining?: { at: string; outcome: string; reason: string }
  score?: number
  trend?: { since: string; perDay: number; setpoint: { at: string; earliest: string; latest?: string } }
  contributions?: Record<string, number>
  pending?: { rule: string; value: number; elapsedUs: number; delayUs: number }
  windowsWaiting?: number
  alarms: number
}

export interface Status {
  version: string
  site: string
  gateway: string
  clock: string
  now: string
  since: string
  assets: AssetLine[]
  alarms: {
    id: string
    priority: number
    asset: string
    tag?: string
    active: boolean
    isaState: string
    message: string
    flood?: string
  }[]
  alarmRates: { lastHour: number; perHour: number; chattering: number; stale: number; flood?: string }
  sources: SourceStatus[]
  scorer: ScorerStatus
  uplink: UplinkStatus
  webhooks?: WebhookStatus[]
  journal: { nextSeq: number; bytes: number; failing?: string; losses: unknown[] }
  history: {
    bytes: Record<string, number>
    failing?: string
    lostRows: number
    corruptChunks: number
    lossAtOpen?: string
  }
  storage?: WearStatus
  memoryMb: number
  counters: Record<string, number>
}

export function printStatus(raw: Record<string, unknown>): void {
  const status = raw as unknown as Status
  print(
    `wearwatch ${status.version} · ${status.site}/${status.gateway} · up since ${localTime(status.since)} · clock ${status.clock} · ${status.memoryMb} MB`,
  )
  for (const source of status.sources) {
    line('source', source.state === 'up' && !source.notes, sourceText(source, status.counters))
    printNotes(source.notes)
  }
  line('scorer', status.scorer.state === 'up' || status.scorer.state === 'idle', scorerText(status.scorer))
  line(
    'uplink',
    (status.uplink.state === 'up' && !status.uplink.notes) || status.uplink.state === 'off',
    `${status.uplink.state}: ${status.uplink.detail}; alerts ${status.uplink.deliveredAlertSeq ?? 0}/${status.uplink.lastAlertSeq ?? 0} delivered`,
  )
  printNotes(status.uplink.notes)
  for (const webhook of status.webhooks ?? []) line('webhook', webhook.problem === undefined, webhookText(webhook))
  const commands = commandsText(status.counters)
  if (commands) line('commands', true, commands)
  line(
    'journal',
    !status.journal.failing,
    status.journal.failing ??
      `${status.journal.nextSeq - 1} records, ${megabytes(status.journal.bytes)}${status.journal.losses.length > 0 ? `, ${status.journal.losses.length} loss(es) stated` : ''}`,
  )
  line('history', !status.history.failing, status.history.failing ?? historyText(status.history, status.storage))
  for (const asset of status.assets) {
    line(asset.tag ?? asset.id, asset.bad.length === 0 && asset.alarms === 0, assetText(asset))
    for (const text of [...trendTexts(asset, status.now), ...vibrationTexts(asset), ...baselineTexts(asset)])
      print(`${' '.repeat(9)} ${text}`)
  }
  if (status.alarmRates.lastHour > 0 || status.alarmRates.flood !== undefined)
    line('alarms', !status.alarmRates.flood, ratesText(status.alarmRates))
  printAlarms(status.alarms)
}

function ratesText({ lastHour, perHour, chattering, stale, flood }: Status['alarmRates']): string {
  const counts = [`${lastHour} in the last hour, ${perHour} an hour over a day`]
  if (chattering > 0) counts.push(`${chattering} chattering`)
  if (stale > 0) counts.push(`${stale} stale`)
  return flood === undefined ? counts.join(', ') : `${counts.join(', ')}; ${flood}`
}

/** Those of a flood are told by its one line, which names the command that lists them. */
function printAlarms(alarms: Status['alarms']): void {
  const floods = new Set(alarms.filter(alarm => alarm.asset.startsWith('_')).map(({ id }) => id))
  const hidden = alarms.filter(alarm => alarm.flood !== undefined && floods.has(alarm.flood))
  for (const alarm of alarms) if (!hidden.includes(alarm)) printAlarm(alarm)
  if (hidden.length > 0) print(`${hidden.length} alarms of the flood: wearwatch alarms list --grouped`)
}

/** What a person should do about a link that works. */
function printNotes(notes: readonly string[] = []): void {
  for (const note of notes) print(`${' '.repeat(9)} ${paint(note, 'yellow')}`)
}

/** One that is over stands here until somebody acknowledges it; it is not shown like one that stands. */
function printAlarm({ active, priority, asset, tag, message, isaState, id }: Status['alarms'][number]): void {
  const text = `P${priority}  ${tag ?? asset}: ${message}  [${isaState}, ${id}]`
  print(active ? paint(`ALARM ${text}`, 'red') : `over  ${text}`)
}

function line(what: string, good: boolean, text: string): void {
  print(`${paint(what.padEnd(9), good ? 'green' : 'yellow')} ${text}`)
}

/** Counters of things that were taken all the same. */
const TAKEN = ['messages', 'bad_times', 'time_resyncs']

/** With what came and was not taken, so that a wrong delimiter or a bad cable shows here and not only in a missing value. */
function sourceText({ id, kind, state, detail }: SourceStatus, counters: Status['counters']): string {
  const counted = Object.entries(counters).flatMap(([name, n]) => {
    const prefix = [`decode.${id}.`, `sources.${id}.`].find(prefix => name.startsWith(prefix))
    return prefix && n > 0 ? [{ what: name.slice(prefix.length), n }] : []
  })
  const leftOut = counted.filter(({ what }) => !TAKEN.includes(what))
  const badTimes = counted.find(({ what }) => what === 'bad_times')
  return [
    `${id} ${kind} ${state}: ${detail}`,
    ...(leftOut.length > 0
      ? [`not taken: ${leftOut.map(({ what, n }) => `${what.replaceAll('_', ' ')} ${n}`).join(', ')}`]
      : []),
    ...(badTimes ? [`${badTimes.n} without a time that could be read, taken at their arrival`] : []),
  ].join(' · ')
}

function scorerText(scorer: ScorerStatus): string {
  const providers = [...new Set(scorer.placements.map(placement => placement.provider))].join(', ') || 'no model yet'
  const notTaken = scorer.placements[0]?.notTaken.map(({ provider, reason }) => `${provider}: ${reason}`).join('; ')
  const quarantined = scorer.quarantined.length > 0 ? `, ${scorer.quarantined.length} model(s) quarantined` : ''
  return `${scorer.state}, ${providers}${notTaken ? ` (${notTaken})` : ''}, ${scorer.windowsScored} windows scored, ${scorer.windowsDropped} dropped, ${scorer.restarts} restarts${quarantined}`
}

function historyText(history: Status['history'], wear: Status['storage']): string {
  const total = Object.values(history.bytes).reduce((sum, bytes) => sum + bytes, 0)
  const losses = [
    history.lostRows > 0 ? `${history.lostRows} rows lost` : '',
    history.corruptChunks > 0 ? `${history.corruptChunks} damaged chunks left out` : '',
    wear ? wearText(wear) : '',
    history.lossAtOpen ?? '',
  ]
  return [megabytes(total), ...losses.filter(Boolean)].join(', ')
}

/** All that one line says of an asset. */
export function assetText(asset: AssetLine): string {
  const channels = `${asset.channelsGood}/${asset.channels} channels good${asset.bad.length > 0 ? ` (${asset.bad.join(', ')})` : ''}`
  const parts = [channels, asset.machine, scoringText(asset), waitingText(asset), pendingText(asset), asset.problem]
  return parts.filter(Boolean).join(' · ')
}

/** Windows that were cut and are not scored yet: many, or more each time, and the scorer does not keep up. */
function waitingText({ windowsWaiting = 0 }: AssetLine): string {
  return windowsWaiting === 0 ? '' : `${windowsWaiting} window${windowsWaiting === 1 ? '' : 's'} not scored yet`
}

/** No date without its interval. */
function trendTexts({ trend }: AssetLine, now: string): string[] {
  if (!trend) return []
  const days = (at: string): string => Math.max(0, (Date.parse(at) - Date.parse(now)) / 86_400e3).toPrecision(2)
  const { at, earliest, latest } = trend.setpoint
  const interval = latest === undefined ? `${days(earliest)} at the earliest` : `${days(earliest)} to ${days(latest)}`
  const seen = Math.round((Date.parse(now) - Date.parse(trend.since)) / 86_400e3)
  return [
    paint(
      `score rises by ${trend.perDay} a day, seen over ${seen} days: at its setpoint in ${days(at)} days (${interval})`,
      'yellow',
    ),
  ]
}

/** What will be an alarm when it lasts. */
function pendingText({ pending }: AssetLine): string {
  if (!pending) return ''
  const [elapsedMin, delayMin] = [pending.elapsedUs / 60e6, pending.delayUs / 60e6]
  const { rule, value } = pending
  const what = rule === 'model' ? `score ${value.toFixed(2)}` : `${rule} ${Number(value.toPrecision(5))}`
  return `pending: ${what} for ${ofSpan(elapsedMin, delayMin)}`
}

function scoringText(asset: AssetLine): string {
  if (asset.learning && !asset.model) return learningText(asset.learning)
  const model = asset.model
    ? `${asset.model.name} release ${asset.model.release} on ${asset.model.provider ?? '?'}`
    : ''
  const provisional = asset.provisional ? ', provisional' : ''
  const score = asset.score === undefined ? '' : `, score ${asset.score.toFixed(2)}${sharesText(asset.contributions)}`
  return `${asset.mode} ${model}${withoutText(asset)}${provisional}${score}`
}

/** ` without motor-temp (silent since 06:14)`: the model at work does not see these. */
function withoutText({ without = [] }: AssetLine): string {
  if (without.length === 0) return ''
  const texts = without.map(({ channel, since }) =>
    since === undefined
      ? `${channel} (not in its baseline; set-baseline learns it)`
      : `${channel} (silent since ${localTime(since)})`,
  )
  return ` without ${texts.join(', ')}`
}

/** ` (flow 58 %, current 27 %)`: the largest shares, of a score near the setpoint or beyond. */
function sharesText(shares: Record<string, number> = {}): string {
  const largest = Object.entries(shares)
    .sort((a, b) => b[1] - a[1])
    .slice(0, SHARES_SHOWN)
    .filter(([, share]) => share >= SHARE_SHOWN_MIN)
  if (largest.length === 0) return ''
  return ` (${largest.map(([label, share]) => `${label} ${Math.round(100 * share)} %`).join(', ')})`
}

const SHARES_SHOWN = 3
const SHARE_SHOWN_MIN = 0.1
/** Standard deviations from which on a moved input is worth a line. */
const DRIFT_SHOWN_MIN = 1

function baselineTexts(asset: AssetLine): string[] {
  const { learning, model, provisional, severity, inputDrift, rebaselining } = asset
  const drifted = Object.entries(inputDrift?.channels ?? {})
    .filter(([, deviations]) => Math.abs(deviations) >= DRIFT_SHOWN_MIN)
    .sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]))
    .map(([channel, deviations]) => `${channel} ${deviations > 0 ? '+' : ''}${deviations}`)
  const found = severity?.map(({ text, high }) => (high ? paint(text, 'yellow') : text))
  return [
    ...(learning && model ? [`learning  ${learningText(learning)}`] : []),
    ...(learning?.insufficient ? [`not enough to learn from yet: ${learning.insufficient}`] : []),
    ...(provisional ? [`provisional, setpoint widened ${provisional.widened} x; it wants ${provisional.missing}`] : []),
    ...(found ? [`learnt with ${found.length > 0 ? found.join('; ') : 'no absolute reference'}`] : []),
    ...(drifted.length > 0 ? [`inputs moved since, in standard deviations: ${drifted.join(', ')}`] : []),
    ...(rebaselining
      ? [`re-baselining ${rebaselining.outcome} ${localTime(rebaselining.at)}: ${rebaselining.reason}`]
      : []),
  ]
}

/** `learning  ████████░░ 80 %  48/60 min, 3 starts` without its first word. */
export function learningText(
  learning: NonNullable<AssetLine['learning']> & {
    rows?: number
    rowsNeeded?: number | undefined
    captures?: true
  },
): string {
  const amount = learning.rowsNeeded
    ? `${learning.rows}/${learning.rowsNeeded} ${learning.captures ? 'captures' : 'rows'}`
    : ofSpan(learning.runningMin, learning.runningNeededMin)
  const starts = learning.startsNeeded > 0 ? `, ${learning.starts} start${learning.starts === 1 ? '' : 's'}` : ''
  const without = learning.without ? `, without ${learning.without.join(', ')}` : ''
  const waiting = learning.waitingFor && learning.waitingFor !== 'more running time' ? ` (${learning.waitingFor})` : ''
  return `${bar(learning.share)}  ${amount}${starts}${without}${waiting}`
}

/** `48/60 min`, in the unit that suits the whole. */
function ofSpan(doneMin: number, wholeMin: number): string {
  const [unit, perMin] = wholeMin < 5 ? ['s', 60] : wholeMin <= 180 ? ['min', 1] : ['h', 1 / 60]
  return `${Math.floor(doneMin * perMin)}/${Math.round(wholeMin * perMin)} ${unit}`
}

function megabytes(bytes: number): string {
  return bytes < 1e5 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
}
