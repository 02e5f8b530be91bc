// Whether PEM files make a whole: complete, in their time, the key fitting the certificate.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { messageOf } from '../errors.ts'

export interface Pems {
  ca?: string
  cert?: string
  key?: string
}

export interface Checked {
  /** Why these must not be used. */
  problem?: string
  /** End of the client certificate's or an authority's time, whichever is first; ms since 1970. */
  validToMs?: number
}

/** `names` of the parts are shown in problems: paths of files. */
export function checkPems(pems: Pems, names: Pems, nowMs: number): Checked {
  const { ca, cert, key } = pems
  try {
    const authorities = ca === undefined ? [] : certificatesOf(ca, names.ca ?? 'tls.ca')
    const chain = cert === undefined ? [] : certificatesOf(cert, names.cert ?? 'tls.cert')
    const [leaf] = chain
    const secret = key === undefined ? undefined : keyOf(key, names.key ?? 'tls.key')
    if (leaf && secret && !leaf.checkPrivateKey(secret))
      return { problem: `the key ${names.key ?? 'tls.key'} does not fit the certificate ${names.cert ?? 'tls.cert'}` }
    // An authority that has expired may stand beside its successor in a bundle: only the leaf's time counts here.
    const validToMs = leaf && Date.parse(leaf.validTo)
    if (leaf && validToMs !== undefined) {
      if (nowMs > validToMs)
        return { problem: `the certificate ${names.cert ?? 'tls.cert'} expired on ${dayOf(validToMs)}`, validToMs }
      if (nowMs < Date.parse(leaf.validFrom)) {
        const from = dayOf(Date.parse(leaf.validFrom))
        return { problem: `the certificate ${names.cert ?? 'tls.cert'} is not valid before ${from}`, validToMs }
      }
    }
    const ends = [...authorities.map(({ validTo }) => Date.parse(validTo)), ...(validToMs ? [validToMs] : [])]
    return authorities.length === 1 || validToMs !== undefined ? { validToMs: Math.min(...ends) } : {}
  } catch (error) {
    return { problem: messageOf(error) }
  }
}

export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}

const BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g

/** Throws with a text for people: cut short, not a certificate. */
function certificatesOf(pem: string, name: string): X509Certificate[] {
  const begun = pem.match(/-----BEGIN /g)?.length ?? 0
  const ended = pem.match(/-----END [A-Z0-9 ]+-----/g)?.length ?? 0
  const blocks = pem.match(BLOCK) ?? []
  if (begun !== ended) throw new Error(`${name} is cut short`)
  if (blocks.length === 0) throw new Error(`${name} holds no certificate`)
  return blocks.map(block => {
    try {
      return new X509Certificate(block)
    } catch {
      throw new Error(`${name} holds a certificate that cannot be read`)
    }
  })
}

function keyOf(pem: string, name: string): KeyObject {
  if (!/-----END [A-Z ]*PRIVATE KEY-----/.test(pem)) throw new Error(`${name} is cut short or holds no private key`)
  if (/ENCRYPTED/.test(pem)) throw new Error(`${name} is protected by a passphrase; store it without one`)
  try {
    return createPrivateKey(pem)
  } catch {
    throw new Error(`${name} holds a private key that cannot be read`)
  }
}
