// Alarms that were, as people look at them.
import type { AlarmCase, CaseEvent } from '../alarms/case.ts'
import { type AlarmTransition, isaState, stands } from '../alarms/contract.ts'
import type { AgentConfig } from '../config/contract.ts'
import { AgentError } from '../core/errors.ts'
import { isoFromUs } from '../core/types.ts'
import type { AlarmCaseDetails, AlarmCaseView, CaseEventView, CaseRequest } from '../http/contract.ts'
import type { AgentParts } from './parts.ts'

/** Throws NOT_FOUND, HISTORY_IO. */
export async function alarmCases(
  { config, cases }: Pick<AgentParts, 'config' | 'cases'>,
  { limit, asset, ...rest }: CaseRequest,
): Promise<AlarmCaseView[]> {
  const known = asset === undefined ? undefined : assetIdOf(config, asset)
  const found: AlarmCaseView[] = []
  for await (const one of cases.newestFirst({ ...rest, ...(known === undefined ? {} : { asset: known }) })) {
    found.push(caseView(config, one))
    if (found.length >= limit) break
  }
  return found
}

/** Of an asset that is watched no more, too, where it is called by its id. */
function assetIdOf({ assets }: AgentConfig, name: string): string {
  return assets.find(({ id, tag }) => id === name || tag === name)?.id ?? name
}

/** Throws NOT_FOUND, HISTORY_IO. */
export async function alarmCase(
  { config, cases }: Pick<AgentParts, 'config' | 'cases'>,
  id: string,
): Promise<AlarmCaseDetails> {
  const found = await cases.get(id)
  if (!found) throw unknownAlarm(id)
  return caseDetails(config, found)
}

export function unknownAlarm(id: string): AgentError {
  const advice = '`wearwatch alarms history` lists those that are known'
  return new AgentError('NOT_FOUND', `no alarm ${id} stands or is kept; ${advice}`)
}

function caseView(config: AgentConfig, found: AlarmCase): AlarmCaseView {
  const { raised, last, clearedUs, acknowledged, labelled } = found
  const { tag, action, model } = raised
  const { fromUs, toUs } = rowsAround(config, found)
  return {
    id: raised.id,
    asset: raised.asset,
    ...(tag === undefined ? {} : { tag }),
    rule: raised.rule,
    kind: raised.kind,
    priority: raised.priority,
    test: raised.test,
    standing: stands(last),
    isaState: isaState(last.active, last.acked, last.suppression),
    onset: isoFromUs(raised.onsetUs),
    raised: isoFromUs(raised.raisedUs),
    ...(clearedUs === undefined ? {} : { cleared: isoFromUs(clearedUs) }),
    ...(acknowledged === undefined ? {} : { acknowledged: eventView(acknowledged) }),
    ...(labelled === undefined ? {} : { labelled: eventView(labelled) }),
    message: raised.message,
    ...(action === undefined ? {} : { action }),
    value: raised.value,
    setpoint: raised.setpoint,
    ...(model === undefined ? {} : { model }),
    rows: { from: isoFromUs(fromUs), to: isoFromUs(toUs) },
  }
}

export function caseDetails(config: AgentConfig, found: AlarmCase): AlarmCaseDetails {
  return {
    ...caseView(config, found),
    evidence: found.raised.evidence,
    events: found.events.map(eventView),
    ...(found.omitted === undefined ? {} : { omitted: found.omitted }),
  }
}

/** The time around an alarm that the black box keeps: of a long one its two ends, and what its classes have in between. */
export function rowsAround(
  { storage }: Pick<AgentConfig, 'storage'>,
  { raised, clearedUs, last }: AlarmCase,
): { fromUs: number; toUs: number } {
  const { beforeMs, afterMs } = storage.blackBox
  const endUs = clearedUs ?? Math.max(last.atUs, raised.atUs)
  return { fromUs: startOf(raised) - beforeMs * 1000, toUs: endUs + afterMs * 1000 }
}

const startOf = ({ onsetUs, raisedUs }: AlarmTransition): number => Math.min(onsetUs, raisedUs)

function eventView({ transition, atUs, actor = 'agent', by = 'agent', note, label }: CaseEvent): CaseEventView {
  return {
    transition,
    at: isoFromUs(atUs),
    actor,
    by,
    ...(note === undefined ? {} : { note }),
    ...(label === undefined ? {} : { label }),
  }
}
