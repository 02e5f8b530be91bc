// An MQTT link, for ingest and for uplink: address, credentials, TLS.
import type { LoadContext } from './context.ts'
import type { LinkFiles, MqttLinkConfig } from './contract.ts'
import { DEFAULTS } from './defaults.ts'
import type { Path } from './issues.ts'
import type { LinkIn } from './schema-sources.ts'
import { readSecret, readTls } from './secrets.ts'
import { nearest } from './wording.ts'

const PORTS: Record<string, number> = { mqtt: 1883, mqtts: 8883, ws: 80, wss: 443 }
const MEANT: Record<string, string> = { tcp: 'mqtt', ssl: 'mqtts', tls: 'mqtts', http: 'ws', https: 'wss' }

/** Broker, without the credentials that a URL may hold. */
interface Address {
  url: string
  username?: string
  password?: string
}

export function buildLink(ctx: LoadContext, link: LinkIn, path: Path, clientId: string): MqttLinkConfig {
  const address = readAddress(ctx, link.url, [...path, 'url'])
  const given =
    typeof link.username === 'object' ? readSecret(ctx, link.username, [...path, 'username']) : link.username
  const username = given ?? address?.username
  const password =
    link.password === undefined ? address?.password : readSecret(ctx, link.password, [...path, 'password'])
  const built: MqttLinkConfig = {
    url: address?.url ?? '',
    clientId: link['client-id'] ?? clientId,
    tls: readTls(ctx, link.tls, [...path, 'tls']),
    protocol: link.protocol === '3.1.1' ? 4 : (link.protocol ?? DEFAULTS.mqtt.protocol),
    keepaliveS: Math.round((link.keepalive ?? DEFAULTS.mqtt.keepaliveS * 1000) / 1000),
  }
  const files = filesOf(ctx, link)
  if (Object.keys(files).length > 0) built.files = files
  if (username !== undefined) built.username = username
  if (password !== undefined) built.password = password
  if (link.password !== undefined && link.username === undefined && username === undefined) {
    ctx.issues.error(
      [...path, 'username'],
      'is missing; MQTT 3.1.1 takes a password only together with a user name',
      'add username: NAME',
    )
  }
  if (link.tls !== undefined && address !== undefined && !/^(mqtts|wss):/.test(address.url)) {
    ctx.issues.error(
      [...path, 'tls'],
      'has no effect: the url says the link is not encrypted',
      'write mqtts:// or wss:// in url, or remove tls',
    )
  }
  return built
}

/** What is read again while the agent runs. */
function filesOf(ctx: LoadContext, { tls, username, password }: LinkIn): LinkFiles {
  const files: LinkFiles = {}
  for (const part of ['ca', 'cert', 'key'] as const)
    if (tls?.[part] !== undefined) files[part] = ctx.absolute(tls[part])
  for (const [part, secret] of Object.entries({ username, password })) {
    if (typeof secret === 'object' && secret.file !== undefined)
      files[part as 'username' | 'password'] = ctx.absolute(secret.file)
  }
  return files
}

function readAddress(ctx: LoadContext, text: string, path: Path): Address | undefined {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase()
  if (scheme === undefined || !Object.hasOwn(PORTS, scheme)) {
    // The encrypted ones first: of two that are equally near, they are the safer guess.
    const known = ['mqtts', 'wss', 'mqtt', 'ws']
    const better = scheme === undefined ? 'mqtt' : Object.hasOwn(MEANT, scheme) ? MEANT[scheme] : nearest(scheme, known)
    const got = scheme === undefined ? 'an address without a scheme' : `${scheme}://`
    ctx.issues.error(
      path,
      `expected mqtt://, mqtts://, ws:// or wss://, got ${got}`,
      `write ${better ?? 'mqtt'}://HOST:PORT`,
    )
    return undefined
  }
  return readUrl(ctx, text, scheme, path)
}

function readUrl(ctx: LoadContext, text: string, scheme: string, path: Path): Address | undefined {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    ctx.issues.error(
      path,
      'is not a valid address',
      `write ${scheme}://HOST:PORT, such as ${scheme}://broker:${PORTS[scheme]}`,
    )
    return undefined
  }
  if (url.hostname === '') {
    ctx.issues.error(path, 'names no host', `write ${scheme}://HOST:${PORTS[scheme]}`)
    return undefined
  }
  const port = url.port === '' ? PORTS[scheme] : url.port
  const rest = scheme.startsWith('ws') ? `${url.pathname}${url.search}` : ''
  const address: Address = { url: `${scheme}://${url.hostname}:${port}${rest}` }
  if (url.username !== '') address.username = decoded(url.username)
  if (url.password !== '') {
    address.password = decoded(url.password)
    ctx.issues.warn(
      path,
      'the password stands in the address',
      'better: username: NAME and password: {file: broker.pw}',
    )
  }
  return address
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
