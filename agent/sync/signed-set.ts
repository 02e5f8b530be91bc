// The four signed files of a repository in a folder: read with their signatures checked, written timestamp last.
//
//   write order:  targets/…  ->  N.targets.json  ->  N.snapshot.json  ->  timestamp.json
//
// A gateway starts at timestamp.json and follows versions from there, so until the last rename it sees the old state
// whole. A publisher that dies in between leaves files that nothing names; the next one writes over them.
import { createHash } from 'node:crypto'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Metadata, MetadataKind, MetaFile, Root, Snapshot, type TargetFile, Targets, Timestamp } from '@tufjs/models'
import { AgentError, messageOf } from '../core/errors.ts'
import { readIfThere, writeWhole } from './files.ts'
import type { SigningKey } from './signing-key.ts'

const SPEC_VERSION = '1.0.31'
/** Superseded versions of targets and snapshot kept for gateways in the middle of a refresh. */
const VERSIONS_KEPT = 8

export interface SignedSet {
  root: Metadata<Root>
  targets: Metadata<Targets>
  snapshot: Metadata<Snapshot>
  timestamp: Metadata<Timestamp>
}

export interface Expiry {
  /** ISO 8601 UTC, whole seconds, as TUF wants it. */
  rest: string
  root: string
}

/** Expiry is not looked at: an expired repository can be refreshed. Throws PUBLISH_INVALID. */
export async function readSet(repo: string, key: SigningKey | undefined): Promise<SignedSet> {
  try {
    const root = Metadata.fromJSON(MetadataKind.Root, await readJson(join(repo, 'root.json')))
    root.verifyDelegate('root', root)
    // Without this a repository that someone else wrote would be blessed by signing it again.
    if (key && !root.signed.roles.root?.keyIDs.includes(key.publicKey.keyID)) {
      throw new Error(`its root is not of the key ${key.path}`)
    }
    const timestamp = Metadata.fromJSON(MetadataKind.Timestamp, await readJson(join(repo, 'timestamp.json')))
    root.verifyDelegate('timestamp', timestamp)
    const snapshotFile = `${timestamp.signed.snapshotMeta.version}.snapshot.json`
    const snapshot = Metadata.fromJSON(MetadataKind.Snapshot, await readJson(join(repo, snapshotFile)))
    root.verifyDelegate('snapshot', snapshot)
    const targetsFile = `${snapshot.signed.meta['targets.json']?.version}.targets.json`
    const targets = Metadata.fromJSON(MetadataKind.Targets, await readJson(join(repo, targetsFile)))
    root.verifyDelegate('targets', targets)
    return { root, targets, snapshot, timestamp }
  } catch (error) {
    const todo = 'name the folder that "wearwatch publish init" made, or restore it from your backup'
    throw new AgentError('PUBLISH_INVALID', `${repo} is no intact repository: ${messageOf(error)}; ${todo}`, {
      cause: error,
    })
  }
}

/** Writes version `version` of the root, as N.root.json and as the root.json that operators install. */
export async function writeRoot(repo: string, version: number, expires: string, key: SigningKey): Promise<void> {
  const signed = new Root({ version, specVersion: SPEC_VERSION, expires, consistentSnapshot: true })
  for (const role of ['root', 'targets', 'snapshot', 'timestamp']) signed.addKey(key.publicKey, role)
  const bytes = signedBytes(new Metadata(signed), key)
  await writeWhole(join(repo, `${version}.root.json`), bytes)
  await writeWhole(join(repo, 'root.json'), bytes)
}

/** Writes the next version of targets, snapshot and timestamp; `before` undefined = the first. */
export async function writeSet(
  repo: string,
  targets: Record<string, TargetFile>,
  before: SignedSet | undefined,
  expires: string,
  key: SigningKey,
): Promise<void> {
  const common = (version: number | undefined) => ({ version: (version ?? 0) + 1, specVersion: SPEC_VERSION, expires })
  const targetsSigned = new Targets({ ...common(before?.targets.signed.version), targets })
  const targetsBytes = signedBytes(new Metadata(targetsSigned), key)
  await writeWhole(join(repo, `${targetsSigned.version}.targets.json`), targetsBytes)

  const meta = { 'targets.json': metaFile(targetsSigned.version, targetsBytes) }
  const snapshot = new Snapshot({ ...common(before?.snapshot.signed.version), meta })
  const snapshotBytes = signedBytes(new Metadata(snapshot), key)
  await writeWhole(join(repo, `${snapshot.version}.snapshot.json`), snapshotBytes)

  const snapshotMeta = metaFile(snapshot.version, snapshotBytes)
  const timestamp = new Timestamp({ ...common(before?.timestamp.signed.version), snapshotMeta })
  await writeWhole(join(repo, 'timestamp.json'), signedBytes(new Metadata(timestamp), key))
  await pruneVersions(repo, { targets: targetsSigned.version, snapshot: snapshot.version })
}

/** Roots stay for ever: a gateway walks from its own to the latest, one by one. */
async function pruneVersions(repo: string, latest: Record<string, number>): Promise<void> {
  for (const name of await readdir(repo)) {
    const [, version, role] = /^(\d+)\.(targets|snapshot)\.json$/.exec(name) ?? []
    const newest = latest[role ?? '']
    if (newest !== undefined && Number(version) <= newest - VERSIONS_KEPT) await rm(join(repo, name), { force: true })
  }
}

function signedBytes(metadata: Metadata<Root | Targets | Snapshot | Timestamp>, key: SigningKey): Buffer {
  metadata.sign(key.sign)
  return Buffer.from(JSON.stringify(metadata.toJSON(), null, 1))
}

function metaFile(version: number, bytes: Buffer): MetaFile {
  const hashes = { sha256: createHash('sha256').update(bytes).digest('hex') }
  return new MetaFile({ version, length: bytes.length, hashes })
}

async function readJson(path: string): Promise<Parameters<typeof Metadata.fromJSON>[1]> {
  return JSON.parse(await readFile(path, 'utf8'))
}

/** Whether a repository is there, whole or not. */
export async function isRepository(repo: string): Promise<boolean> {
  return (await readIfThere(join(repo, 'timestamp.json'))) !== undefined
}
