// `wearwatch doctor --links`: logs in once at every broker that the config names, and says what a person should do.
import type { AgentConfig, MqttLinkConfig } from '../config/contract.ts'
import { Backoff } from '../core/backoff.ts'
import { systemClock } from '../core/clock.ts'
import { silentLogger } from '../core/logger.ts'
import { BrokerLink } from '../core/mqtt/broker-link.ts'
import { shownUrl } from '../core/mqtt/explain.ts'
import { entropySeed, seededPrng } from '../core/prng.ts'

export interface LinkCheck {
  link: string
  good: boolean
  /** One sentence: connected, or what happened and what to do. */
  detail: string
  notes: string[]
}

const PACKET_BYTES_MAX = 1 << 20
const LEAVE_MS = 1_000

/** All at the same time; each ends by itself within some seconds (a login that is not answered: 10 s a version of MQTT). */
export function checkLinks({ sources, uplink }: AgentConfig): Promise<LinkCheck[]> {
  const links = sources.flatMap(source => (source.kind === 'mqtt' ? [[`source ${source.id}`, source] as const] : []))
  const all = uplink ? [...links, ['the uplink', uplink] as const] : links
  return Promise.all(all.map(([of, config]) => checkLink(of, config)))
}

async function checkLink(of: string, config: MqttLinkConfig): Promise<LinkCheck> {
  const clock = systemClock()
  let decide = (_check: Pick<LinkCheck, 'good' | 'detail'>): void => {}
  const decided = new Promise<Pick<LinkCheck, 'good' | 'detail'>>(resolve => {
    decide = resolve
  })
  const link: BrokerLink = new BrokerLink({
    of,
    // An id of its own: the agent may be running, and two of one id throw each other out.
    config: { ...config, clientId: `${config.clientId}-doctor` },
    incomingBytesMax: PACKET_BYTES_MAX,
    client: { clean: true },
    backoff: new Backoff(seededPrng(entropySeed()), 1_000, 1_000),
    clock,
    logger: silentLogger,
    handlers: {
      attend: () => {},
      up: () => decide({ good: true, detail: `${shownUrl(config.url)}: logged in, MQTT ${versionOf(link)}` }),
      waiting: detail => decide({ good: false, detail }),
      renewing: () => {},
    },
  })
  link.start()
  const check = await decided
  const { notes } = link
  await link.stop(LEAVE_MS)
  return { link: of, ...check, notes }
}

function versionOf({ protocol }: BrokerLink): string {
  return protocol === 5 ? '5' : '3.1.1'
}
