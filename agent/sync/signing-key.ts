// The publisher's key: Ed25519 as PKCS8 PEM, mode 0600, outside the repository that is served.
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Key, Signature } from '@tufjs/models'
import { AgentError, messageOf } from '../core/errors.ts'
import { requireDir } from '../core/folders.ts'
import { errnoOf, writeWhole } from './files.ts'

export interface SigningKey {
  publicKey: Key
  sign: (bytes: Buffer) => Signature
  path: string
  encrypted: boolean
}

/** Makes a key, or opens the one that is there (an interrupted `init`, a second repository). */
export async function makeKey(dir: string, passphrase: string | undefined): Promise<SigningKey> {
  try {
    return await openKey(dir, passphrase)
  } catch (error) {
    if (!(error instanceof AgentError && errnoOf(error.cause) === 'ENOENT')) throw error
  }
  const { privateKey } = generateKeyPairSync('ed25519')
  const pem = { type: 'pkcs8', format: 'pem' } as const
  const text = privateKey.export(passphrase ? { ...pem, cipher: 'aes-256-cbc', passphrase } : pem)
  const told = { code: 'PUBLISH_INVALID', advice: 'name another with --keys', mode: 0o700 } as const
  await requireDir('the folder of the key', dir, told)
  await writeWhole(keyPath(dir), text, 0o600)
  return openKey(dir, passphrase)
}

/** Throws PUBLISH_INVALID: no key there, encrypted and no passphrase, wrong passphrase, not Ed25519. */
export async function openKey(dir: string, passphrase: string | undefined): Promise<SigningKey> {
  const path = keyPath(dir)
  const pem = await readFile(path, 'utf8').catch(error => {
    const todo = 'name the folder with --keys, or make a key with "wearwatch publish init"'
    throw new AgentError('PUBLISH_INVALID', `no signing key at ${path} (${messageOf(error)}); ${todo}`, {
      cause: error,
    })
  })
  const encrypted = pem.includes('ENCRYPTED')
  if (encrypted && !passphrase) {
    const todo = 'give it with --passphrase-file FILE or in WEARWATCH_PASSPHRASE'
    throw new AgentError('PUBLISH_INVALID', `the signing key ${path} needs its passphrase; ${todo}`)
  }
  const key = parseKey(pem, passphrase, path)
  const publicKey = tufKey(key)
  return {
    publicKey,
    sign: bytes => new Signature({ keyID: publicKey.keyID, sig: sign(null, bytes, key).toString('hex') }),
    path,
    encrypted,
  }
}

function keyPath(dir: string): string {
  return join(dir, 'signing-key.pem')
}

function parseKey(pem: string, passphrase: string | undefined, path: string): KeyObject {
  try {
    const key = createPrivateKey(passphrase ? { key: pem, passphrase } : pem)
    if (key.asymmetricKeyType !== 'ed25519') throw new Error(`its type is ${key.asymmetricKeyType}, not ed25519`)
    return key
  } catch (error) {
    const todo = 'check the passphrase and the file, or restore it from your backup'
    throw new AgentError('PUBLISH_INVALID', `the signing key ${path} does not open: ${messageOf(error)}; ${todo}`, {
      cause: error,
    })
  }
}

/** The public half as TUF writes it: hex of the 32 bytes; the id is the SHA-256 of the canonical JSON (TUF 1.0.31, 4.2). */
function tufKey(key: KeyObject): Key {
  // SubjectPublicKeyInfo of Ed25519 (RFC 8410) ends with the 32 bytes of the key.
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' })
  const keyVal = { public: spki.subarray(-32).toString('hex') }
  const canonical = `{"keytype":"ed25519","keyval":{"public":"${keyVal.public}"},"scheme":"ed25519"}`
  const keyID = createHash('sha256').update(canonical).digest('hex')
  return new Key({ keyID, keyType: 'ed25519', scheme: 'ed25519', keyVal })
}
