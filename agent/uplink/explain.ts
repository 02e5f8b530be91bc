// What went wrong with the broker, and what a person can do about it.

export interface LinkContext {
  url: string
  clientId: string
  username: string | undefined
}

export const REASON = {
  sessionTakenOver: 0x8e,
  notAuthorized: 0x87,
  unsupportedVersion: 0x84,
  /** 3.1.1 CONNACK: unacceptable protocol version. */
  unacceptableVersion: 1,
} as const

/** Seen from the client: connection refused at TCP level, name unknown, TLS trouble, CONNACK codes of 3.1.1 and 5. */
export function explainFailure(error: unknown, context: LinkContext): string {
  const { code, text } = parts(error)
  if (typeof code === 'number') return `${text || `reason ${code}`}; ${adviceForReason(code, context)}`
  return `${text}; ${adviceForErrno(code ?? '', context)}`
}

function adviceForReason(code: number, context: LinkContext): string {
  switch (code) {
    case 4:
    case 5:
    case 0x86:
    case 0x87:
    case 0x8c:
      return context.username === undefined
        ? 'the broker wants a login: set username and password of the uplink'
        : `check username "${context.username}" and its password, and that the broker knows them`
    case 2:
    case 0x85:
      return `the broker refuses client id "${context.clientId}": set another client-id`
    case REASON.sessionTakenOver:
      return `another client uses client id "${context.clientId}" (a cloned SD card?): give each gateway an id of its own`
    case 0x8a:
      return 'this client is banned by the broker: ask whoever runs it'
    case 0x95:
      return "a message is larger than the broker's limit: raise it there"
    case 3:
    case 0x88:
    case 0x89:
    case 0x8b:
      return 'the broker is not ready; trying again'
    default:
      return 'see the log of the broker; trying again'
  }
}

function adviceForErrno(code: string, context: LinkContext): string {
  if (code === 'ECONNREFUSED') return `nothing listens at ${context.url}: is the broker running, is the port right?`
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return `the host name of ${context.url} is unknown here: check it and DNS`
  if (/^(EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|EHOSTDOWN)$/.test(code))
    return `no way to ${context.url}: check network and firewall`
  if (code === 'ECONNRESET' || code === 'EPIPE')
    return `the connection to ${context.url} was cut: does that port speak MQTT, with or without TLS as the url says?`
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `use the host name of the broker's certificate in ${context.url}`
  if (code === 'CERT_HAS_EXPIRED') return "renew the broker's certificate, or correct this gateway's clock"
  if (/CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO/.test(code)) return 'TLS failed: check tls.ca and the name in the certificate'
  return `trying ${context.url} again`
}

/** A publish that the broker answered with a refusal. */
export function explainRefusal(error: unknown, topic: string): string {
  const { code, text } = parts(error)
  const advice =
    code === REASON.notAuthorized
      ? "allow this gateway to write there in the broker's access list"
      : 'see the log of the broker'
  return `the broker refuses messages on ${topic} (${text}); ${advice}; nothing is lost, it is tried again`
}

export function parts(error: unknown): { code: string | number | undefined; text: string } {
  if (!(error instanceof Error)) return { code: undefined, text: String(error) }
  const { code } = error as { code?: string | number }
  // Node's connect errors over several addresses have an empty message and carry the first one inside.
  const inner = error instanceof AggregateError ? (error.errors[0] as unknown) : undefined
  return { code, text: error.message || (inner instanceof Error ? inner.message : String(code ?? 'unknown error')) }
}
