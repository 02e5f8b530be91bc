// What a person says an alarm was, of one that stands or stood.
import { type Verdict, WHOLE_ASSET, type Who } from '../alarms/contract.ts'
import { AgentError } from '../core/errors.ts'
import type { LabelReport } from '../http/contract.ts'
import { caseDetails, unknownAlarm } from './case-views.ts'
import type { AgentParts } from './parts.ts'

type Parts = Pick<AgentParts, 'config' | 'cases' | 'engine' | 'commits'>

/** Resolves when it is journalled. Throws NOT_FOUND, COMMAND_REFUSED (a drill), HISTORY_IO. */
export function labelAlarm(parts: Parts, id: string, verdict: Verdict, who: Who): Promise<LabelReport> {
  const { config, cases, engine, commits } = parts
  return cases.with(id, async found => {
    if (!found || found.raised.rule === WHOLE_ASSET) throw unknownAlarm(id)
    if (found.raised.test)
      throw new AgentError('COMMAND_REFUSED', `${found.raised.id} is a drill: it says nothing of the machine`)
    engine.desk.label(found.raised.id, verdict, who, found.last)
    await commits.settled()
    return { alarm: caseDetails(config, (await cases.get(id)) ?? found) }
  })
}
