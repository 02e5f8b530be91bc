// How commands that talk to a broker themselves are told where it is.
import { InvalidArgumentError } from 'commander'
import type { MqttLinkConfig } from '../config/contract.ts'
import { entropySeed } from '../core/prng.ts'
import { readInputText } from './files.ts'

export interface BrokerFlags {
  url: string
  username?: string
  passwordFile?: string
  ca?: string
  cert?: string
  certKey?: string
  clientId?: string
}

/** @param what names the client at the broker where no id is given */
export function brokerLink(flags: BrokerFlags, what: string): MqttLinkConfig {
  const password = flags.passwordFile === undefined ? undefined : readInputText(flags.passwordFile).trim()
  return {
    url: flags.url,
    clientId: flags.clientId ?? `wearwatch-${what}-${process.pid}-${entropySeed().toString(36)}`,
    ...(flags.username === undefined ? {} : { username: flags.username }),
    ...(password === undefined ? {} : { password }),
    tls: {
      ...(flags.ca === undefined ? {} : { ca: readInputText(flags.ca) }),
      ...(flags.cert === undefined ? {} : { cert: readInputText(flags.cert) }),
      ...(flags.certKey === undefined ? {} : { key: readInputText(flags.certKey) }),
    },
    protocol: 'auto',
    keepaliveS: 30,
  }
}

export function brokerUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url && /^(mqtts?|wss?):$/.test(url.protocol) && url.hostname !== '' && url.port !== '0') return text
  throw new InvalidArgumentError('expected mqtt://HOST:PORT, mqtts://, ws:// or wss://.')
}
