// What went wrong with a broker and what a person can do about it, for the links of sources and uplink alike.
//   <address>: <what happened>; <what to do>

export interface BrokerContext {
  url: string
  clientId: string
  username?: string | undefined
  /** Whose settings mend it: `the uplink`, `source plant`. */
  of: string
  /** In effect when it failed. */
  protocol: 4 | 5
  /** Path of the client certificate, where there is one. */
  certFile?: string | undefined
}

export const REASON = {
  sessionTakenOver: 0x8e,
  notAuthorized: 0x87,
  unsupportedVersion: 0x84,
  /** 3.1.1 CONNACK: unacceptable protocol version. */
  unacceptableVersion: 1,
} as const

/** Errors of our own about a connection, beside those of Node and of PacketGuard. */
export type LinkFault =
  | 'NO_LOGIN_ANSWER'
  | 'CLOSED_BEFORE_LOGIN'
  | 'CLOSED'
  | 'CUT'
  | 'SILENT'
  | 'NO_PUBACK'
  | 'EVICTED'

export function linkFault(code: LinkFault, message: string): Error {
  return Object.assign(new Error(message), { code })
}

type Words = (context: BrokerContext, text: string) => string

export function explainBroker(error: unknown, context: BrokerContext): string {
  const { code, text } = parts(error)
  const words = typeof code === 'number' ? wordsOfReason(code) : wordsOfCode(code, text)
  const names = (error as { cert?: { subjectaltname?: string } } | null)?.cert?.subjectaltname
  return `${shownUrl(context.url)}: ${words(context, names ?? text)}`
}

/** URLs may carry a login, the query of a websocket address a token: neither is shown. */
export function shownUrl(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//').replace(/\?.*$/, '?…')
}

export function isVersionRefusal(error: unknown): boolean {
  const { code } = parts(error)
  return code === REASON.unacceptableVersion || code === REASON.unsupportedVersion
}

export function parts(error: unknown): { code: string | number | undefined; text: string } {
  if (!(error instanceof Error)) return { code: undefined, text: String(error) }
  const { code } = error as { code?: string | number }
  // Node's connect errors over several addresses have an empty message and carry the first one inside.
  const inner = error instanceof AggregateError ? (error.errors[0] as unknown) : undefined
  return { code, text: error.message || (inner instanceof Error ? inner.message : String(code ?? 'unknown error')) }
}

const login: Words = ({ username, of }) =>
  username === undefined
    ? `the broker wants a login; set username and password of ${of}`
    : `the broker refused user ${username}: bad user name or password; check username and password of ${of}`

/** CONNACK and DISCONNECT; MQTT 3.1.1 table 3.1, MQTT 5 tables 3.2.2.2 and 3.14.2.1. */
function wordsOfReason(code: number): Words {
  switch (code) {
    case 1:
    case 0x84:
      return ({ protocol, of }) =>
        `the broker does not speak MQTT ${protocol === 5 ? '5' : '3.1.1'}; set protocol: auto in ${of}`
    case 2:
    case 0x85:
      return ({ clientId, of }) => `the broker refuses client id "${clientId}"; set another client-id in ${of}`
    case 4:
    case 0x86:
    case 0x8c:
      return login
    case 5:
    case 0x87:
      return context =>
        context.username === undefined
          ? login(context, '')
          : `the broker refused user ${context.username}: not authorized; check username and password of ${context.of} and the access list of the broker`
    case 3:
    case 0x88:
    case 0x89:
      return (_, text) => `the broker is not ready (${text}); it is tried again, nobody has to act`
    case 0x8b:
    case 0x8d:
      return (_, text) => `the broker ended the session (${text}); it is tried again, nobody has to act`
    case 0x8a:
      return ({ clientId }) => `the broker has banned client "${clientId}"; ask whoever runs it`
    case REASON.sessionTakenOver:
      return ({ clientId, of }) =>
        `another client logged in with client id "${clientId}" (a cloned SD card?); give each gateway an id of its own, or set client-id in ${of}`
    case 0x95:
      return () => "a message was larger than the broker's limit; raise it there"
    default:
      return (_, text) => `the broker said: ${text || `reason ${code}`}; see its log, it is tried again`
  }
}

function wordsOfCode(code: string | undefined, text: string): Words {
  const known = WORDS[code ?? '']
  if (known) return known
  const http = /Unexpected server response: (\d+)/.exec(text)
  if (http)
    return ({ of }) => `the websocket was answered with HTTP ${http[1]}; check host, port and path in url of ${of}`
  if (/^ERR_SSL_.*ALERT/.test(code ?? '')) return clientCertificate
  if (/CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO|ERR_OSSL|CRYPTO/.test(code ?? ''))
    return ({ of }) =>
      `TLS failed (${text}); check tls of ${of}, and the date of this gateway and of the broker's certificate`
  return () => `${text || code || 'the connection failed'}; it is tried again`
}

const clientCertificate: Words = ({ certFile, of }, text) =>
  certFile === undefined
    ? `the broker asks for a client certificate and there is none; set tls.cert and tls.key of ${of}`
    : `the broker refused the client certificate ${certFile} (${alertOf(text)}); use one that its authority signed`

/** `… ssl/tls alert unknown ca:…` in the text of OpenSSL. */
function alertOf(text: string): string {
  return /alert ([a-z ]+)/.exec(text)?.[1]?.trim() ?? text
}

const unknownAuthority: Words = ({ of }) =>
  `its certificate is signed by an authority that is unknown here; set tls.ca of ${of} to the certificate of that authority`

const plainPort: Words = ({ of, url }) =>
  `that port does not speak TLS; use ${url.startsWith('w') ? 'ws' : 'mqtt'}:// or the TLS port in url of ${of}`

const noWay: Words = () => 'there is no way to it; check network and firewall'

const WORDS: Record<string, Words | undefined> = {
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  DEPTH_ZERO_SELF_SIGNED_CERT: ({ of }) => `its certificate is self-signed; set tls.ca of ${of} to it`,
  CERT_SIGNATURE_FAILURE: ({ of }) =>
    `its certificate is not signed by the authority in tls.ca of ${of}, although it says so; set tls.ca to the right one`,
  CERT_HAS_EXPIRED: () => "its certificate has expired; renew it, or correct this gateway's clock",
  CERT_NOT_YET_VALID: () => "its certificate is not valid yet; correct this gateway's clock",
  CERT_REVOKED: () => 'its certificate has been revoked; ask whoever runs the broker',
  ERR_TLS_CERT_ALTNAME_INVALID: ({ of }, text) =>
    `its certificate is for another host name (${text}); use that name in url of ${of}`,
  ERR_OSSL_X509_KEY_VALUES_MISMATCH: ({ of }) =>
    `the key does not fit the client certificate; set tls.cert and tls.key of ${of} to a pair`,
  // Alert 116 of TLS 1.3; alert 40 is what TLS 1.2 has for it.
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: clientCertificate,
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: () => 'the broker speaks another version of TLS; let it speak TLS 1.2 or newer',
  ERR_SSL_UNSUPPORTED_PROTOCOL: () => 'the broker speaks only old versions of TLS; let it speak TLS 1.2 or newer',
  ERR_SSL_WRONG_VERSION_NUMBER: plainPort,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: plainPort,
  EPROTO: plainPort,
  TLS_THERE: ({ of, url }) =>
    `that port speaks TLS; write ${url.startsWith('w') ? 'wss' : 'mqtts'}:// in url of ${of}, and tls.ca where the authority is your own`,
  NOT_MQTT: ({ of }, text) => `something there ${text}; check the port in url of ${of}`,
  MALFORMED: (_, text) => `what is there ${text}, and was left; is it an MQTT broker, and in order?`,
  PACKET_TOO_LARGE: (_, text) => `the broker ${text}; have it send no such messages to this gateway`,
  NO_LOGIN_ANSWER: ({ of }, text) => `it accepts connections, but ${text}; does that port (url of ${of}) speak MQTT?`,
  CLOSED_BEFORE_LOGIN: ({ of, url }) =>
    `the connection was closed before the login was answered; does that port (url of ${of}) speak MQTT, ${/^(mqtts|wss):/.test(url) ? 'and does it take this client certificate' : 'and without TLS'}?`,
  CLOSED: ({ clientId }) =>
    `the broker closed the connection; it is tried again; if this repeats, another client may use client id "${clientId}"`,
  CUT: (_, text) => `${text}; it is tried again; if this repeats, look at the network and the log of the broker`,
  EVICTED: ({ clientId, of }, text) =>
    `${text}: very likely another client uses client id "${clientId}" (a cloned SD card?); give each gateway an id of its own, or set client-id in ${of}; if there is none, look at the network between`,
  SILENT: () => 'it fell silent for 1.5 keepalives; check the network and whether the broker still runs',
  NO_PUBACK: (_, text) => `the broker ${text}; see its log and load, everything is sent again`,
  ECONNREFUSED: ({ of }) => `nothing listens there; is the broker running, and is the port in url of ${of} right?`,
  ENOTFOUND: ({ of }) => `the host name is unknown here; check url of ${of} and DNS`,
  EAI_AGAIN: () => 'the host name cannot be resolved now; check DNS and the network',
  ETIMEDOUT: noWay,
  EHOSTUNREACH: noWay,
  ENETUNREACH: noWay,
  EHOSTDOWN: noWay,
  ECONNRESET: ({ of }) =>
    `the connection was cut; does that port (url of ${of}) speak MQTT, and with or without TLS as url says?`,
  EPIPE: ({ of }) =>
    `the connection was cut; does that port (url of ${of}) speak MQTT, and with or without TLS as url says?`,
}
