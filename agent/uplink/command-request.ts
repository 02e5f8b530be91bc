// What came on `command`, as far as it can be read before anything is believed of it.
import { messageOf } from '../core/errors.ts'
import { COMMAND_NAME, decodeEnvelope, type Envelope, isRecord, REQUEST_ID } from './command-envelope.ts'
import { type Asker, Refusal } from './command-refusal.ts'

export type Request =
  | { kind: 'signed'; envelope: Envelope; asker: Asker | undefined }
  | { kind: 'plain'; asker: Asker; arguments: Record<string, unknown> }

export const PAYLOAD_BYTES_MAX = 16 * 1024

/** Throws Refusal. */
export function readRequest(payload: Buffer): Request {
  if (payload.length > PAYLOAD_BYTES_MAX)
    throw malformed(`a command has at most ${PAYLOAD_BYTES_MAX} bytes, this one ${payload.length}`)
  const body = parse(payload)
  const envelope = envelopeOf(body, payload)
  if (envelope) return { kind: 'signed', envelope, asker: claimedBy(envelope) }
  const { command, id, arguments: args = {} } = isRecord(body) ? body : {}
  if (typeof command !== 'string' || !COMMAND_NAME.test(command))
    throw malformed('"command" must be the name of a command, e.g. "sync"')
  if (typeof id !== 'string' || !REQUEST_ID.test(id))
    throw malformed('"id" must be 1 to 64 printable ASCII characters without spaces, new for each request')
  const asker = { command, id }
  if (!isRecord(args)) throw new Refusal('malformed', '"arguments" must be an object, e.g. {"asset":"p-101"}', asker)
  return { kind: 'plain', asker, arguments: args }
}

function parse(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString('utf8'))
  } catch (error) {
    throw malformed(`a command is a JSON object, e.g. {"command":"sync","id":"1"}: ${messageOf(error)}`)
  }
}

function envelopeOf(body: unknown, payload: Buffer): Envelope | undefined {
  try {
    return decodeEnvelope(body, payload)
  } catch (error) {
    throw malformed(messageOf(error))
  }
}

/** Not believed: so that a refusal can be told from others by who waits for it. */
function claimedBy({ signed, key }: Envelope): Asker | undefined {
  try {
    const body: unknown = JSON.parse(signed.toString('utf8'))
    const { id, command } = isRecord(body) ? body : {}
    if (typeof id !== 'string' || !REQUEST_ID.test(id)) return undefined
    if (typeof command !== 'string' || !COMMAND_NAME.test(command)) return undefined
    return { id, command, key }
  } catch {
    return undefined
  }
}

function malformed(message: string): Refusal {
  return new Refusal('malformed', message)
}
