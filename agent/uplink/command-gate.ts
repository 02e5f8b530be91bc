// Whose signed command is executed: the signature, then whom it is for, then whether it is fresh.
//
//   trusted clock     issued ≤ now + 30 s, now < expires, expires - issued ≤ 5 min; counter above every one of its key before,
//                     which the journal remembers; issued since this start, which holds even where the journal lost its memory
//   uncertain clock   the nonce of the retained `state`, which is a new one after each use, each start, and every 5 min
//
// Either way a message is good for once. What gives it away is given to nobody who cannot sign: the order of the checks.
import { createHash, type KeyObject } from 'node:crypto'
import type { CommandKey, GatewayConfig } from '../config/contract.ts'
import type { Cancel, Clock } from '../core/clock.ts'
import { unguessable } from '../core/prng.ts'
import { TokenBucket } from '../core/token-bucket.ts'
import { isoFromUs } from '../core/types.ts'
import {
  type Envelope,
  isSignedBy,
  LIFETIME_MS_MAX,
  readPublicKey,
  readSigned,
  type SignedCommand,
} from './command-envelope.ts'
import { type Asker, Refusal } from './command-refusal.ts'
import type { CommandLedger } from './contract.ts'

export interface GateOptions {
  keys: readonly CommandKey[]
  gateway: GatewayConfig
  ledger: CommandLedger
  clock: Clock
  clockState: () => 'synced' | 'uncertain'
  /** The nonce is another one now. */
  onNonce: () => void
}

export interface Opened {
  command: SignedCommand
  keySha256: string
  /** ms from now after which it must not be executed any more. */
  leftMs: number
}

interface Key extends CommandKey {
  object: KeyObject
  sha256: string
  /** Largest counter taken by this process; the ledger knows those of before. */
  claimed: number
}

/** How far the clock of an operator may be ahead. */
const AHEAD_MS_MAX = 30_000
/** A nonce that is not used; also the life of a command where no clock can tell it. */
const NONCE_MS = LIFETIME_MS_MAX
const NONCE_BYTES = 16
/** A verification takes 0.1 ms: a flood of forgeries gets some 2 % of a core. */
const VERIFIED_BURST = 400
const VERIFIED_PER_S = 200

export class CommandGate {
  readonly #options: GateOptions
  readonly #keys: ReadonlyMap<string, Key>
  readonly #verifications: TokenBucket
  readonly #startedMs: number
  #nonce = unguessable(NONCE_BYTES)
  #cancel: Cancel | undefined

  constructor(options: GateOptions) {
    this.#options = options
    const { clock } = options
    this.#keys = new Map(options.keys.map(key => [key.id, readKey(key)]))
    this.#verifications = new TokenBucket(clock, VERIFIED_BURST, VERIFIED_PER_S)
    this.#startedMs = clock.monotonicMs()
  }

  /** For `state`. */
  get nonce(): string {
    return this.#nonce
  }

  start(): void {
    const { clock, clockState } = this.#options
    this.#cancel = clock.every(NONCE_MS, () => {
      if (clockState() === 'uncertain') this.#newNonce()
    })
  }

  stop(): void {
    this.#cancel?.()
  }

  /** Throws Refusal. Once it has returned, the same message is refused. */
  open(envelope: Envelope): Opened {
    const key = this.#keys.get(envelope.key)
    if (!key) throw new Refusal('unknown-key', `no key "${envelope.key}" is configured here`)
    if (!this.#verifications.take()) throw new Refusal('rate', 'too many signed commands at once; send it again')
    if (!isSignedBy(envelope, key.object))
      throw new Refusal('signature', `the signature is not one of key "${key.id}" over these bytes`)
    const command = readSigned(envelope.signed)
    const asker = { id: command.id, command: command.command, key: key.id }
    if (command.key !== key.id)
      throw new Refusal('signature', `it was signed for the key "${command.key.slice(0, 64)}", not "${key.id}"`, asker)
    const { gateway, ledger } = this.#options
    const here = `${gateway.site}/${gateway.id}`
    if (command.gateway !== here) throw new Refusal('foreign', `it is for ${command.gateway}, this is ${here}`, asker)
    if (key.allow && !(key.allow as readonly string[]).includes(command.command)) {
      const list = key.allow.join(', ') || 'none'
      throw new Refusal('not-enabled', `key "${key.id}" may not give "${command.command}"; it may give: ${list}`, asker)
    }
    const leftMs = this.#freshFor(command, asker)
    if (command.nonce !== undefined) this.#newNonce()
    else this.#claim(key, command.counter ?? 0, ledger.counterOf(key.sha256), asker)
    return { command, keySha256: key.sha256, leftMs }
  }

  #freshFor(command: SignedCommand, asker: Asker): number {
    const { clock, clockState } = this.#options
    const issuedMs = Date.parse(command.issued)
    const expiresMs = Date.parse(command.expires)
    const lifeMs = expiresMs - issuedMs
    if (lifeMs <= 0 || lifeMs > LIFETIME_MS_MAX) {
      const why = `it expires ${lifeMs / 1000} s after it was issued; at most ${LIFETIME_MS_MAX / 1000} s are taken`
      throw new Refusal('expired', why, asker)
    }
    if (command.nonce !== undefined && command.nonce !== this.#nonce) {
      const why = 'its nonce is not the one of the retained state any more; read the state and sign again'
      throw new Refusal('nonce', why, asker)
    }
    if (clockState() === 'uncertain') {
      if (command.nonce !== undefined) return lifeMs
      const why =
        'the clock of this gateway is uncertain: sign with the nonce of the retained state instead of a counter'
      throw new Refusal('clock', why, asker)
    }
    const nowMs = clock.nowUs() / 1000
    const here = `the clock of this gateway says ${isoFromUs(clock.nowUs())}`
    if (issuedMs > nowMs + AHEAD_MS_MAX)
      throw new Refusal('early', `it was issued at ${command.issued}; ${here}`, asker)
    if (expiresMs <= nowMs) throw new Refusal('expired', `it expired at ${command.expires}; ${here}`, asker)
    const startedMs = nowMs - (clock.monotonicMs() - this.#startedMs)
    if (command.counter !== undefined && issuedMs < startedMs) {
      const why = `it was issued at ${command.issued}, before this agent was started; ${here}`
      throw new Refusal('expired', why, asker)
    }
    return expiresMs - nowMs
  }

  #claim(key: Key, counter: number, recorded: number, asker: Asker): void {
    const last = Math.max(key.claimed, recorded)
    if (counter <= last)
      throw new Refusal('replayed', `its counter ${counter} is not above ${last}, the last of key "${key.id}"`, asker)
    key.claimed = counter
  }

  #newNonce(): void {
    this.#nonce = unguessable(NONCE_BYTES)
    this.#options.onNonce()
  }
}

function readKey(key: CommandKey): Key {
  const sha256 = createHash('sha256').update(Buffer.from(key.publicKey, 'base64')).digest('hex')
  return { ...key, object: readPublicKey(key.publicKey), sha256, claimed: 0 }
}
