// A signed command on the wire:
//
//   {"key":"ops","signature":"<base64>","signed":"<base64>"}          exactly these bytes: sorted, no spaces
//                                            │
//        the bytes that were signed, as they were: JSON, see SignedCommand
//
//   signature = Ed25519(private key, "wearwatch command v1" 0x00 + those bytes)
//
// The bytes signed are the bytes sent: nothing is written anew to be checked, so no two programs need to write JSON alike. The
// prefix keeps a signature made for something else from being one for a command, and the other way round. The envelope has one form
// only, so there is one message for each signature.
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { AgentError, messageOf } from '../core/errors.ts'
import { isoFromUs } from '../core/types.ts'

/** What is signed. Times are ISO 8601, UTC. Exactly one of `counter` and `nonce`. */
export interface SignedCommand {
  /** `<site>/<gateway>`: a command is for one gateway. */
  gateway: string
  command: string
  arguments: Record<string, unknown>
  /** The asker's name for this request; in the answer. */
  id: string
  /** Larger than every one before of this key. */
  counter?: number
  /** As the gateway's `state` says; for gateways whose clock is uncertain. */
  nonce?: string
  issued: string
  expires: string
  /** As in the envelope: a signature is not moved to another key's name. */
  key: string
}

export interface Envelope {
  key: string
  signature: Buffer
  signed: Buffer
}

/** From `issued` to `expires`. */
export const LIFETIME_MS_MAX = 300_000
const PREFIX = Buffer.from('wearwatch command v1\0')
const FIELDS = ['gateway', 'command', 'arguments', 'id', 'counter', 'nonce', 'issued', 'expires', 'key'] as const
const SIGNATURE_BYTES = 64
const KEY_ID = /^[a-z0-9][a-z0-9-]{0,63}$/
export const COMMAND_NAME = /^[a-z][a-z-]{0,31}$/
export const REQUEST_ID = /^[\x21-\x7e]{1,64}$/
export const NONCE = /^[A-Za-z0-9_-]{8,64}$/

export function encodeEnvelope({ key, signature, signed }: Envelope): Buffer {
  const body = { key, signature: signature.toString('base64'), signed: signed.toString('base64') }
  return Buffer.from(JSON.stringify(body))
}

/** Undefined when the message is no envelope at all; throws COMMAND_INVALID for one that is not well formed. */
export function decodeEnvelope(body: unknown, payload: Buffer): Envelope | undefined {
  const { key, signature, signed } = (body ?? {}) as Partial<Record<keyof Envelope, unknown>>
  if (signed === undefined && signature === undefined) return undefined
  if (typeof key !== 'string' || !KEY_ID.test(key) || typeof signature !== 'string' || typeof signed !== 'string')
    throw invalid('a signed command is {"key":ID,"signature":BASE64,"signed":BASE64}')
  const envelope = { key, signature: Buffer.from(signature, 'base64'), signed: Buffer.from(signed, 'base64') }
  if (!encodeEnvelope(envelope).equals(payload))
    throw invalid('a signed command has one form only: keys sorted, no spaces, base64 with its padding, nothing else')
  return envelope
}

/** @param privateKey Ed25519 */
export function signCommand(command: SignedCommand, privateKey: KeyObject): Buffer {
  const signed = Buffer.from(JSON.stringify(command))
  const signature = sign(null, Buffer.concat([PREFIX, signed]), privateKey)
  return encodeEnvelope({ key: command.key, signature, signed })
}

/** @param publicKey SubjectPublicKeyInfo, DER in base64 */
export function readPublicKey(publicKey: string): KeyObject {
  return createPublicKey({ key: Buffer.from(publicKey, 'base64'), format: 'der', type: 'spki' })
}

/** PEM, PKCS #8. Throws what node:crypto throws. */
export function readPrivateKey(pem: string): KeyObject {
  const key = createPrivateKey(pem)
  if (key.asymmetricKeyType !== 'ed25519') throw new Error(`it is a key of ${key.asymmetricKeyType}, not Ed25519`)
  return key
}

export function isSignedBy({ signature, signed }: Envelope, publicKey: KeyObject): boolean {
  return signature.length === SIGNATURE_BYTES && verify(null, Buffer.concat([PREFIX, signed]), publicKey, signature)
}

/** The command inside, after its signature was found good. Throws COMMAND_INVALID with what is wrong. */
export function readSigned(signed: Buffer): SignedCommand {
  let body: unknown
  try {
    body = JSON.parse(signed.toString('utf8'))
  } catch (error) {
    throw invalid(`what was signed is not JSON: ${messageOf(error)}`)
  }
  if (!isRecord(body)) throw invalid('what was signed is not a JSON object')
  const unknown = Object.keys(body).find(key => !(FIELDS as readonly string[]).includes(key))
  if (unknown !== undefined) throw invalid(`unknown key ${JSON.stringify(unknown.slice(0, 40))} in what was signed`)
  const { gateway, command, arguments: args = {}, id, counter, nonce, issued, expires, key } = body
  require(typeof gateway === 'string' && gateway.length <= 257, '"gateway" must be SITE/ID')
  require(typeof command === 'string' && COMMAND_NAME.test(command), '"command" must be the name of a command')
  require(isRecord(args), '"arguments" must be an object')
  require(typeof id === 'string' && REQUEST_ID.test(id), '"id" must be 1 to 64 printable ASCII characters')
  require((counter === undefined) !== (nonce === undefined), 'exactly one of "counter" and "nonce" is needed')
  require(counter === undefined ||
    (Number.isSafeInteger(counter) && (counter as number) >= 1), '"counter" must be a whole number from 1 to 2^53 - 1')
  require(nonce === undefined || (typeof nonce === 'string' && NONCE.test(nonce)), '"nonce" must be as `state` says it')
  require(isTime(issued) && isTime(expires), '"issued" and "expires" must be times such as 2026-11-22T06:14:00.000Z')
  require(typeof key === 'string', '"key" is missing')
  return { ...(body as unknown as SignedCommand), arguments: args as Record<string, unknown> }
}

function require(condition: boolean, what: string): void {
  if (!condition) throw invalid(`${what} in what was signed`)
}

/** Exactly as we write it: a time that different readers read differently is none. */
function isTime(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value) &&
    !Number.isNaN(Date.parse(value)) &&
    isoFromUs(Date.parse(value) * 1000) === value
  )
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function invalid(message: string): AgentError {
  return new AgentError('COMMAND_INVALID', message)
}
