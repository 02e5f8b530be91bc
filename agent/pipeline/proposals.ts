// What a false alarm proposes: another setpoint or another baseline, with what it would have done to the alarms there were. It is
// said, never done.
import type { AlarmCase } from '../alarms/case.ts'
import type { Verdict } from '../alarms/contract.ts'
import { atSetpoint, quietSetpoint, raisedAt } from '../alarms/proposal.ts'
import { MODEL_RULE } from '../alarms/rules.ts'
import { durationText } from '../alarms/text.ts'
import type { AssetConfig } from '../config/contract.ts'
import { isoFromUs } from '../core/types.ts'
import type { ProposalEffect, ProposalView } from '../http/contract.ts'
import type { AgentParts } from './parts.ts'
import { rowsOfCase, type WatchedRule, watchedRule } from './rule-rows.ts'

type Parts = Pick<AgentParts, 'config' | 'cases' | 'history' | 'clock' | 'desk'>

/** Of a rule, the newest: each is read from the disk. */
const CASES_MAX = 100
/** A score that stays up for so long, that share of the time, is another machine, not a bad hour. */
const SHIFT_US_MIN = 86_400e6
const SHIFT_SHARE = 0.8
const SHIFT_US_MAX = 30 * 86_400e6

/** For an alarm that was called false. Rejects with HISTORY_IO. */
export async function proposalFor(parts: Parts, found: AlarmCase): Promise<ProposalView> {
  const { raised } = found
  const asset = parts.config.assets.find(({ id }) => id === raised.asset)
  const watched = asset && watchedRule(asset, raised.rule)
  if (!asset || !watched)
    return none(`of rule ${raised.rule} there is no proposal: the history holds no rows that it judges`)
  if (raised.rule === MODEL_RULE && (await isLastingShift(parts, watched, found)))
    return rebaseline(parts, asset, found)
  const rows = await rowsOfCase(parts.history, watched, found, parts.clock.nowUs())
  const share = raised.rule === MODEL_RULE
  const setpoint = quietSetpoint(watched.rule, rows, share)
  if (setpoint === undefined) {
    const why =
      rows.values.length === 0
        ? 'its rows are no longer stored'
        : `as ${raised.rule} is set now, the rows that are stored raise nothing`
    return none(`there is no proposal: ${why}`)
  }
  const effect = await effectOf(parts, watched, setpoint)
  const apply = configurationLine(watched, setpoint)
  const what = `setpoint ${setpoint} instead of ${watched.rule.setpoint} for ${raised.rule}: this alarm would have stayed quiet`
  return { kind: 'setpoint', setpoint, message: lines(what, effectLines(effect), apply), apply, effect }
}

const none = (message: string): ProposalView => ({ kind: 'none', message })

/** The score has stayed beyond its setpoint ever since, for a day at least. */
async function isLastingShift(
  { history, clock, desk }: Parts,
  { rule, asset }: WatchedRule,
  { raised }: AlarmCase,
): Promise<boolean> {
  const { onsetUs } = raised
  const toUs = Math.min(clock.nowUs(), onsetUs + SHIFT_US_MAX)
  if (desk.active(asset.id)?.origin !== 'local' || toUs - onsetUs < SHIFT_US_MIN) return false
  let [scored, beyond, lastUs] = [0, 0, onsetUs]
  for await (const { timesUs, columns, values } of history.query({
    asset: asset.id,
    class: 'scores',
    fromUs: onsetUs,
    toUs,
  })) {
    const at = columns.indexOf('score')
    for (let row = 0; at >= 0 && row < timesUs.length; row++) {
      scored++
      lastUs = timesUs[row]!
      if (values[row * columns.length + at]! >= rule.setpoint) beyond++
    }
  }
  return scored > 0 && lastUs - onsetUs >= SHIFT_US_MIN && beyond >= SHIFT_SHARE * scored
}

/** Its effect: what is learnt as healthy from then on, alarms that were none of it included. */
async function rebaseline({ cases }: Parts, { id }: AssetConfig, { raised }: AlarmCase): Promise<ProposalView> {
  const since = isoFromUs(raised.onsetUs)
  const within: string[] = []
  const confirmed: string[] = []
  for await (const one of cases.newestFirst({ asset: id, sinceUs: raised.onsetUs })) {
    if (one.raised.test || one.raised.kind !== 'machine') continue
    const list = one.labelled?.label === 'confirmed' ? confirmed : within
    if (list.length < CASES_MAX) list.push(one.raised.id)
  }
  const apply = `wearwatch set-baseline ${id} --since ${since}`
  const what = `the score has stayed beyond its setpoint since ${since}: a new baseline, if the machine is healthy as it is now`
  const learnt = [
    ...(confirmed.length > 0 ? [`rows of confirmed alarms would be learnt as healthy: ${confirmed.join(', ')}`] : []),
    `rows since then would be learnt as healthy, those of ${within.length} other alarm(s) among them`,
  ]
  return { kind: 'set-baseline', message: lines(what, learnt, apply), apply }
}

/** Every alarm of the rule that is kept, as it would have been at that setpoint. */
async function effectOf(
  { cases, history, clock }: Parts,
  watched: WatchedRule,
  setpoint: number,
): Promise<ProposalEffect> {
  const { rule, asset } = watched
  const proposed = atSetpoint(rule, setpoint, watched.column === undefined)
  const effect: ProposalEffect = { alarms: 0, still: [], quiet: [], unknown: 0 }
  for await (const one of cases.newestFirst({ asset: asset.id, rule: rule.id })) {
    if (one.raised.test) continue
    if (++effect.alarms > CASES_MAX) {
      effect.unknown++
      continue
    }
    const rows = await rowsOfCase(history, watched, one, clock.nowUs())
    const label = one.labelled?.label ?? 'none'
    const beforeUs = raisedAt(rule, rows)
    const thenUs = raisedAt(proposed, rows)
    if (beforeUs === undefined) effect.unknown++
    else if (thenUs === undefined) effect.quiet.push({ id: one.raised.id, label })
    else effect.still.push({ id: one.raised.id, label, laterS: Math.round((thenUs - beforeUs) / 1e6) })
  }
  return effect
}

const ORDER: readonly (Verdict | 'none')[] = ['confirmed', 'expected', 'none', 'false']

function effectLines({ alarms, still, quiet, unknown }: ProposalEffect): string[] {
  const missed = quiet.filter(({ label }) => label === 'confirmed').map(({ id }) => id)
  const caught = still.filter(({ label }) => label === 'confirmed')
  const later = caught.map(({ id, laterS }) => (laterS > 0 ? `${id} ${durationText(laterS * 1e6)} later` : id))
  return [
    ...(missed.length > 0 ? [`CONFIRMED ALARMS WOULD BE MISSED: ${missed.join(', ')}`] : []),
    `of ${alarms} alarm(s) of this rule that are kept, ${still.length} would still have alarmed`,
    ...(caught.length > 0 ? [`confirmed and still found: ${later.join(', ')}`] : []),
    `still (${byLabel(still)}), quiet (${byLabel(quiet)})${unknown > 0 ? `, not to be judged from what is stored ${unknown}` : ''}`,
  ]
}

function byLabel(list: readonly { label: Verdict | 'none' }[]): string {
  const counts = ORDER.flatMap(label => {
    const count = list.filter(one => one.label === label).length
    return count === 0 ? [] : [`${label === 'none' ? 'not labelled' : label} ${count}`]
  })
  return counts.join(', ') || 'none'
}

function lines(what: string, effect: readonly string[], apply: string): string {
  return [`proposal  ${what}`, ...effect.map(line => `effect    ${line}`), `to apply  ${apply}`].join('\n')
}

/** As it is written in the configuration of the asset, which may have it from its type. */
function configurationLine({ rule, asset, column }: WatchedRule, setpoint: number): string {
  if (column === undefined) return `assets: {${asset.id}: {alarm: {setpoint: ${setpoint}}}}`
  const channel = asset.channels[column]!.id
  const [of, name] = [rule.id.slice(0, rule.id.lastIndexOf('.')), rule.id.slice(rule.id.lastIndexOf('.') + 1)]
  if (of === channel && (name === 'max' || name === 'min'))
    return `assets: {${asset.id}: {channels: {${channel}: {${name}: ${setpoint}}}}}`
  return `setpoints of ${asset.id}: {on: ${channel}, ${rule.side}: ${setpoint}}`
}
