// What a person says an alarm was, of one that stands or stood.

import type { AlarmCase } from '../alarms/case.ts'
import { type Verdict, WHOLE_ASSET, type Who } from '../alarms/contract.ts'
import { AgentError, messageOf } from '../core/errors.ts'
import type { LabelReport, ProposalView } from '../http/contract.ts'
import { caseDetails, unknownAlarm } from './case-views.ts'
import type { AgentParts } from './parts.ts'
import { proposalFor } from './proposals.ts'

type Parts = Pick<AgentParts, 'config' | 'cases' | 'engine' | 'commits' | 'history' | 'clock' | 'desk' | 'logger'>

/** Resolves when it is journalled. Throws NOT_FOUND, COMMAND_REFUSED (a drill), HISTORY_IO. */
export async function labelAlarm(parts: Parts, id: string, verdict: Verdict, who: Who): Promise<LabelReport> {
  const { config, cases, engine, commits } = parts
  const labelled = await cases.with(id, async found => {
    if (!found || found.raised.rule === WHOLE_ASSET) throw unknownAlarm(id)
    if (found.raised.test)
      throw new AgentError('COMMAND_REFUSED', `${found.raised.id} is a drill: it says nothing of the machine`)
    engine.desk.label(found.raised.id, verdict, who, found.last)
    await commits.settled()
    return (await cases.get(id)) ?? found
  })
  const alarm = caseDetails(config, labelled)
  return verdict === 'false' ? { alarm, proposal: await proposed(parts, labelled) } : { alarm }
}

/** The label is on record already: that no proposal can be made takes nothing of it back. */
async function proposed(parts: Parts, found: AlarmCase): Promise<ProposalView> {
  try {
    return await proposalFor(parts, found)
  } catch (error) {
    parts.logger.room('alarms').warn(`no proposal for ${found.raised.id}: ${messageOf(error)}`)
    return { kind: 'none', message: `no proposal could be made: ${messageOf(error)}` }
  }
}
