import t from 'tap'
import type { AgentParts } from '../../../agent/pipeline/parts.ts'
import { stateMessage } from '../../../agent/pipeline/views.ts'
import { asset, channel } from '../../support/assets.ts'
import { schemaErrors } from '../../support/uplink-parts.ts'

/** As much of an agent with one asset as the state message looks at. */
function partsWith(problem: string | undefined): AgentParts {
  return {
    version: '1.0.0',
    startedUs: 1_700_000_000e6,
    clockState: () => 'synced',
    config: { assets: [asset([channel('speed')])] },
    host: { status: () => ({ state: 'idle', placements: [], quarantined: [] }) },
    scoring: [{ mode: 'learning', model: undefined, problem }],
    lines: [{ machineNow: () => 'unknown' }],
    vibration: { unwatched: () => undefined },
  } as unknown as AgentParts
}

t.test('the state message says why a model was refused, and nothing where none was', t => {
  const problem = 'm.wwm: provider tensorrt is required and not there'
  const refused = stateMessage(partsWith(problem))
  t.match(refused.assets, [{ id: 'p-101', machine: 'unknown', mode: 'learning', problem }])
  t.same(schemaErrors('state', { schema: 'wearwatch.state/1', site: 'hall', gateway: 'gw-1', ...refused }), [])
  const well = stateMessage(partsWith(undefined)).assets as object[]
  t.notOk('problem' in well[0]!)
  t.end()
})
