// Signed commands that were changed, repeated or made by somebody else: a desk must execute none of them, and every one that was not.
import { seededPrng } from '../../agent/core/prng.ts'
import { isoFromUs } from '../../agent/core/types.ts'
import type { SignedCommand } from '../../agent/uplink/command-envelope.ts'
import { draft, newKey, signed, signedDesk } from './commands.ts'

export interface FuzzResult {
  /** Mutated, replayed or forged. */
  bad: number
  badExecuted: string[]
  good: number
  goodExecuted: number
  refused: number
  byKind: Record<string, number>
}

interface Tried {
  message: Buffer | string
  packet?: { retain?: boolean; qos?: 0 | 1 }
}

/** Between two messages: 200 verifications a second are made. */
const STEP_MS = 5
/** One in so many is sent as it is. */
const GOOD_EVERY = 10
const SENT_KEPT = 50

/** `count` bad ones, and some good ones between. The same seed makes the same tries, of other keys. */
export async function fuzzCommands(count: number, seed: number): Promise<FuzzResult> {
  const prng = seededPrng(seed)
  const below = (n: number): number => Math.floor(prng.next() * n)
  const [ops, kim, stranger] = [newKey('ops'), newKey('kim'), newKey('ops')]
  const desk = signedDesk([ops, kim])
  const result: FuzzResult = { bad: 0, badExecuted: [], good: 0, goodExecuted: 0, refused: 0, byKind: {} }
  const sent: Buffer[] = []
  let counter = 0

  const fresh = (extra: Partial<SignedCommand> = {}): SignedCommand => {
    counter += 1 + below(3)
    const id = `r-${counter}`
    return draft(desk.clock, { counter, id, arguments: { id: `A${counter}`, note: 'checked' }, ...extra })
  }
  const time = (ms: number): string => isoFromUs(desk.clock.nowUs() + ms * 1000)
  const kinds: Record<string, () => Tried> = {
    bit: () => ({ message: edit(signed(ops, fresh()), at => (at ^= 1 << below(8)), below) }),
    byte: () => ({ message: edit(signed(ops, fresh()), () => below(256), below) }),
    'two bytes': () => ({
      message: edit(
        edit(signed(ops, fresh()), () => below(256), below),
        () => below(256),
        below,
      ),
    }),
    cut: () => ({ message: splice(signed(ops, fresh()), below, 1 + below(20), '') }),
    insert: () => ({ message: splice(signed(ops, fresh()), below, 0, INSERTED[below(INSERTED.length)]!) }),
    'signed bytes': () => ({ message: inner(signed(ops, fresh()), bytes => edit(bytes, () => 32 + below(95), below)) }),
    'other arguments': () => ({
      message: inner(signed(ops, fresh()), bytes => Buffer.from(bytes.toString().replace('"A', '"B'))),
    }),
    'two put together': () => ({ message: together(signed(ops, fresh()), signed(ops, fresh())) }),
    'other key': () => ({ message: signed(ops, fresh()).toString().replace('"key":"ops"', '"key":"kim"') }),
    forged: () => ({ message: signed(stranger, fresh()) }),
    'other gateway': () => ({ message: signed(ops, fresh({ gateway: 'hamburg/gw-7f3b' })) }),
    'too late': () => ({ message: signed(ops, fresh({ issued: time(-200_000), expires: time(-below(100_000)) })) }),
    'too early': () => ({
      message: signed(ops, fresh({ issued: time(31_000 + below(1e6)), expires: time(1_100_000) })),
    }),
    'too long': () => ({ message: signed(ops, fresh({ expires: time(300_001 + below(1e9)) })) }),
    'old counter': () => ({ message: signed(ops, fresh({ counter: 1 + below(Math.max(1, last(sent))) })) }),
    'wrong nonce': () => ({ message: signed(ops, { ...draft(desk.clock, { nonce: `${below(1e9)}-nonce-x` }) }) }),
    retained: () => ({ message: signed(ops, fresh()), packet: { retain: true } }),
    'QoS 0': () => ({ message: signed(ops, fresh()), packet: { qos: 0 } }),
    replayed: () => ({ message: sent[below(sent.length)]! }),
    'replayed, changed': () => ({ message: edit(sent[below(sent.length)]!, () => 32 + below(95), below) }),
    'unsigned copy': () => ({ message: JSON.stringify({ ...fresh(), signed: undefined }) }),
  }
  const names = Object.keys(kinds)

  for (let i = 0; result.bad < count; i++) {
    desk.clock.advance(STEP_MS)
    const good = i % GOOD_EVERY === 0
    const kind = names[below(names.length)]!
    const command = fresh()
    const { message, packet }: Tried = good ? { message: signed(ops, command) } : kinds[kind]!()
    const before = desk.ran.length
    desk.send(message, packet)
    await new Promise<void>(resolve => setImmediate(resolve))
    const executed = desk.ran.length - before
    if (good) {
      result.good++
      result.goodExecuted += executed
      sent.push(message as Buffer)
      if (sent.length > SENT_KEPT) sent.shift()
    } else {
      result.bad++
      result.byKind[kind] = (result.byKind[kind] ?? 0) + 1
      if (executed > 0) result.badExecuted.push(`${kind}: ${message.toString()}`)
    }
    desk.ran.length = 0
    desk.answers.length = 0
    desk.ledger.records.length = 0
  }
  result.refused = desk.counters.get('uplink.commands_refused').n
  return result
}

const INSERTED = [' ', '\n', '{', '}', '"', ',', '=', 'A', '\0', '\\u0020', '"key":"ops",']

/** One byte made another. */
function edit(message: Buffer, change: (byte: number) => number, below: (n: number) => number): Buffer {
  const copy = Buffer.from(message)
  const at = below(copy.length)
  const before = copy[at]!
  copy[at] = change(before) & 0xff
  if (copy[at] === before) copy[at] = before ^ 1
  return copy
}

function splice(message: Buffer, below: (n: number) => number, bytes: number, text: string): Buffer {
  const at = below(message.length)
  return Buffer.concat([message.subarray(0, at), Buffer.from(text), message.subarray(at + bytes)])
}

interface Body {
  key: string
  signature: string
  signed: string
}

/** Other bytes under the same signature, in a well-formed envelope. */
function inner(message: Buffer, change: (bytes: Buffer) => Buffer): string {
  const body = JSON.parse(message.toString()) as Body
  const bytes = change(Buffer.from(body.signed, 'base64'))
  return JSON.stringify({ ...body, signed: bytes.toString('base64') })
}

function together(one: Buffer, other: Buffer): string {
  const { signature } = JSON.parse(other.toString()) as Body
  return JSON.stringify({ ...(JSON.parse(one.toString()) as Body), signature })
}

/** Counter of the last one that was sent as it is. */
function last(sent: readonly Buffer[]): number {
  const message = sent.at(-1)
  if (!message) return 1
  const { signed: inside } = JSON.parse(message.toString()) as Body
  return (JSON.parse(Buffer.from(inside, 'base64').toString()) as SignedCommand).counter ?? 1
}
