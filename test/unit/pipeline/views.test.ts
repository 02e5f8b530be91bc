import t from 'tap'
import type { AssetScoring } from '../../../agent/models/live/asset-scoring.ts'
import type { AgentParts } from '../../../agent/pipeline/parts.ts'
import { stateMessage } from '../../../agent/pipeline/views.ts'
import { asset, channel } from '../../support/assets.ts'
import { schemaErrors } from '../../support/uplink-parts.ts'

/** As much of an agent with one asset as the state message looks at. */
function partsWith(problem: string | undefined, without: AssetScoring['without'] = []): AgentParts {
  return {
    version: '1.0.0',
    startedUs: 1_700_000_000e6,
    clockState: () => 'synced',
    config: { assets: [asset([channel('speed')])] },
    host: { status: () => ({ state: 'idle', placements: [], quarantined: [] }) },
    scoring: [{ mode: 'learning', model: undefined, problem, without }],
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
  t.notOk('without' in well[0]!)
  const reduced = stateMessage(partsWith(undefined, [{ channel: 'temp', sinceUs: 1.7e15 }, { channel: 'flow' }]))
  t.match(reduced.assets, [{ without: [{ channel: 'temp', since: '2023-11-14T22:13:20.000Z' }, { channel: 'flow' }] }])
  t.same(schemaErrors('state', { schema: 'wearwatch.state/1', site: 'hall', gateway: 'gw-1', ...reduced }), [])
  t.end()
})
