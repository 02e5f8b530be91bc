// `uplink.commands`: which commands are taken from MQTT, and from whom.
import { createPublicKey } from 'node:crypto'
import { check, checkEntries } from './check.ts'
import type { LoadContext } from './context.ts'
import type { CommandKey, CommandName, UplinkConfig } from './contract.ts'
import { DEFAULTS } from './defaults.ts'
import type { Path } from './issues.ts'
import { commandListSchema, commandsMapSchema, KEYS_MAX, keySchema } from './schema-commands.ts'
import { readSmall } from './secrets.ts'

type Built = Pick<UplinkConfig, 'commands' | 'commandTrust'>

const PATH = ['uplink', 'commands']
/** These say "look" and change nothing by themselves. */
const OPEN: readonly CommandName[] = ['sync', 'status']
const PUBLIC_BYTES_MAX = 16_384
/** 12 bytes of algorithm, 32 of key (RFC 8410). */
const SPKI = /^MCowBQYDK2VwAyEA[A-Za-z0-9+/]{43}=$/

/** @param delivered models are: `sync` is on unless a list says otherwise */
export function buildCommands(ctx: LoadContext, value: unknown, delivered: boolean): Built {
  if (value === undefined) return { commands: delivered ? ['sync'] : [] }
  if (Array.isArray(value) || typeof value !== 'object' || value === null) {
    const commands = unique(check(commandListSchema, value, PATH, ctx.issues) ?? [])
    requireTrust(ctx, commands, PATH, [], [])
    return { commands }
  }
  const written = check(commandsMapSchema, value, PATH, ctx.issues)
  if (!written) return { commands: [] }
  const commands = unique(written.allow)
  const unsigned = unique(written.unsigned ?? [])
  const keys = buildKeys(ctx, written.keys, commands)
  requireTrust(ctx, commands, [...PATH, 'allow'], ctx.keysAt([...PATH, 'keys']), unsigned)
  for (const [i, name] of (written.unsigned ?? []).entries()) {
    if (commands.includes(name)) continue
    ctx.issues.error([...PATH, 'unsigned', i], `${name} is not among the commands allowed`, `write allow: [${name}]`)
  }
  const unsignedShelveMaxMs = written['shelve-max'] ?? DEFAULTS.uplink.unsignedShelveMaxMs
  return { commands, commandTrust: { keys, unsigned, unsignedShelveMaxMs } }
}

/** A command that nobody may give is a mistake, and not one to find out in an emergency. */
function requireTrust(
  ctx: LoadContext,
  commands: readonly CommandName[],
  path: Path,
  keys: readonly string[],
  unsigned: readonly CommandName[],
): void {
  if (keys.length > 0) return
  const orphans = commands.filter(name => !OPEN.includes(name) && !unsigned.includes(name))
  if (orphans.length === 0) return
  ctx.issues.error(
    path,
    `${orphans.join(', ')}: nobody could give ${orphans.length > 1 ? 'these commands, which need' : 'this command, which needs'} a signature`,
    `write commands: {allow: [${commands.join(', ')}], keys: {ops: {public: ops.pub}}}; "wearwatch command key new" makes the key`,
  )
}

function buildKeys(ctx: LoadContext, value: unknown, commands: readonly CommandName[]): CommandKey[] {
  const keys: CommandKey[] = []
  const written = checkEntries('a key', keySchema, value, [...PATH, 'keys'], ctx.issues, KEYS_MAX)
  for (const [id, { public: named, allow }] of written) {
    const path = [...PATH, 'keys', id]
    const publicKey = publicKeyOf(ctx, named, [...path, 'public'])
    for (const [i, name] of (allow ?? []).entries()) {
      if (commands.includes(name)) continue
      ctx.issues.error([...path, 'allow', i], `${name} is not among the commands allowed`, `add it to allow`)
    }
    if (publicKey === undefined) continue
    const twin = keys.find(key => key.publicKey === publicKey)
    if (twin) ctx.issues.error(path, `is the same key as ${twin.id}`, 'a key for each person tells who it was')
    keys.push({ id, publicKey, ...(allow ? { allow: unique(allow) } : {}) })
  }
  return keys
}

function publicKeyOf(ctx: LoadContext, named: string, path: Path): string | undefined {
  if (SPKI.test(named)) return named
  const pem = readSmall(ctx, named, path, PUBLIC_BYTES_MAX, false)
  if (pem === undefined) return undefined
  const refuse = (message: string): undefined => {
    const hint = 'name the .pub file that "wearwatch command key new" wrote, or paste the line it printed'
    ctx.issues.error(path, `${ctx.absolute(named)} ${message}`, hint)
  }
  if (/PRIVATE KEY/.test(pem)) return refuse('is a private key, which belongs to the operator and not on a gateway')
  try {
    const key = createPublicKey(pem)
    if (key.asymmetricKeyType !== 'ed25519') return refuse(`is a key of ${key.asymmetricKeyType}, not Ed25519`)
    return key.export({ type: 'spki', format: 'der' }).toString('base64')
  } catch {
    return refuse('is not a public key in PEM')
  }
}

function unique<T>(list: readonly T[]): T[] {
  return [...new Set(list)]
}
