// What commands from MQTT do; agent/uplink/commands has the commands themselves.
import type { CommandHandlers, SyncReport } from '../uplink/contract.ts'
import type { AgentParts } from './parts.ts'
import { setBaseline } from './set-baseline.ts'
import { fullStatus } from './views.ts'

/** `parts` is asked for at each command: the uplink is built before the agent is whole. */
export function commandHandlers(parts: () => AgentParts, sync: (by: string) => Promise<SyncReport>): CommandHandlers {
  return {
    sync,
    status: () => fullStatus(parts()),
    async acknowledge({ id, by, note }) {
      const { engine, commits } = parts()
      const { asset } = engine.acknowledge(id, by, note)
      await commits.settled()
      return { message: `alarm ${id} of ${asset} is acknowledged`, detail: { id, asset } }
    },
    async setBaseline(request) {
      const { message, ...detail } = await setBaseline(parts(), request)
      return { message, detail: { ...detail } }
    },
  }
}
