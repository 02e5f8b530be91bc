// What went wrong with a broker, in words that say what to do.
import type { MqttSourceConfig } from '../config/contract.ts'
import { messageOf } from '../core/errors.ts'

// MQTT 3.1.1 table 3.1 and MQTT 5 table 3.2.2.2.
const BAD_CREDENTIALS = [4, 134]
const NOT_AUTHORIZED = [5, 135]
const UNACCEPTABLE_PROTOCOL = [1, 132]
const SESSION_TAKEN_OVER = 142

const TLS_ADVICE: Record<string, string> = {
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is signed by an unknown authority; set tls.ca',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed; set tls.ca to it',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate cannot be verified; set tls.ca to the authority that signed it',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate cannot be verified; set tls.ca to the authority that signed it',
  CERT_HAS_EXPIRED: "its certificate has expired; renew it, or correct this gateway's clock",
  CERT_NOT_YET_VALID: "its certificate is not valid yet; correct this gateway's clock",
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host name; use that name in url',
}

const NETWORK_ADVICE: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there; is the broker running, and is the port right?',
  ENOTFOUND: 'the host name is unknown; check url and DNS',
  EAI_AGAIN: 'the host name cannot be resolved now; check DNS',
  ETIMEDOUT: 'no answer; check network and firewall',
  EHOSTUNREACH: 'no route to the host; check the network',
  ENETUNREACH: 'no route to the network; check the network',
  ECONNRESET: 'the connection was reset; does the port speak MQTT, and with or without TLS as url says?',
  EPROTO: 'no TLS there; does the port speak TLS?',
}

export function codeOf(error: unknown): number | string | undefined {
  const code = error && typeof error === 'object' && 'code' in error ? error.code : undefined
  return typeof code === 'number' || typeof code === 'string' ? code : undefined
}

export function isProtocolRefusal(error: unknown): boolean {
  const code = codeOf(error)
  return typeof code === 'number' && UNACCEPTABLE_PROTOCOL.includes(code)
}

/** The URL as shown to people: without credentials that somebody wrote into it. */
export function shownUrl(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//')
}

export function explainMqttError(error: unknown, config: MqttSourceConfig): string {
  const broker = shownUrl(config.url)
  const code = codeOf(error)
  if (typeof code === 'number') return `${broker}: ${explainRefusal(code, error, config)}`
  const advice = code === undefined ? undefined : (TLS_ADVICE[code] ?? NETWORK_ADVICE[code])
  if (advice) return `${broker}: ${advice}`
  const message = messageOf(error)
  if (message === 'Keepalive timeout') return `${broker}: fell silent for 1.5 keepalives; check the network`
  if (message === 'connack timeout')
    return `${broker}: accepts connections but does not answer; does the port speak MQTT?`
  return `${broker}: ${message || String(code)}`
}

function explainRefusal(code: number, error: unknown, config: MqttSourceConfig): string {
  const user = config.username === undefined ? 'a login without user name' : `user ${config.username}`
  const where = `source ${config.id}`
  if (BAD_CREDENTIALS.includes(code)) {
    return `refused ${user}: bad user name or password; check username and password of ${where}`
  }
  if (NOT_AUTHORIZED.includes(code)) {
    return `refused ${user}: not authorized; check username and password of ${where} and the access list of the broker`
  }
  if (UNACCEPTABLE_PROTOCOL.includes(code)) {
    return `does not speak MQTT ${config.protocol === 5 ? '5' : '3.1.1'}; set protocol: auto in ${where}`
  }
  if (code === SESSION_TAKEN_OVER) {
    return `another client logged in as ${config.clientId}; give each gateway and each source its own client-id`
  }
  return messageOf(error)
}
