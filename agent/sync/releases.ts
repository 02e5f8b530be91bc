// What is published for one class, and where. A gateway knows only its class; everything else follows from signed files.
//
//   <repository>/
//     root.json  1.root.json …             trust; root.json is the copy an operator installs
//     timestamp.json  N.snapshot.json  N.targets.json
//     targets/<class>/<sha256>.releases.json          target name `<class>/releases.json`
//     targets/<class>/<sha256>.<sha256>.onnx          target name `<class>/<sha256>.onnx`
//
// (TUF's consistent snapshots put the digest of the content before every target's file name.)
import { AgentError, messageOf } from '../core/errors.ts'

/** Bytes of a releases.json at most; 16 entries take 4 kB. */
export const RELEASES_BYTES_MAX = 64 * 1024
/** Releases listed per class; the publisher drops older ones. */
export const RELEASES_KEPT = 16

// No dot and no slash: a class becomes a folder name in targets and nothing else.
const CLASS = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/
const FILE = /^([0-9a-f]{64})\.onnx$/

export interface Release {
  /** Integer >= 1, of the manifest. */
  release: number
  /** `name` of the manifest. */
  name: string
  /** Hex; the file is `<sha256>.onnx`. */
  sha256: string
  bytes: number
  /** ISO 8601 UTC. */
  published: string
}

export function isClassName(name: string): boolean {
  return CLASS.test(name)
}

export function releasesTarget(assetClass: string): string {
  return `${assetClass}/releases.json`
}

export function modelTarget(assetClass: string, sha256: string): string {
  return `${assetClass}/${sha256}.onnx`
}

/** `wearwatch.releases/1`, ascending by release. */
export function formatReleases(assetClass: string, releases: readonly Release[]): Buffer {
  const rows = releases.map(({ release, name, sha256, bytes, published }) => ({
    release,
    name,
    file: `${sha256}.onnx`,
    bytes,
    published,
  }))
  return Buffer.from(
    `${JSON.stringify({ schema: 'wearwatch.releases/1', class: assetClass, releases: rows }, null, 2)}\n`,
  )
}

/** Ascending by release. Throws SYNC_REFUSED: signed does not mean well-formed. */
export function parseReleases(bytes: Uint8Array, assetClass: string): Release[] {
  try {
    const file: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'))
    if (!isRecord(file)) throw new Error('not an object')
    if (file.schema !== 'wearwatch.releases/1') throw new Error(`schema is not "wearwatch.releases/1"`)
    if (file.class !== assetClass) throw new Error(`it is for class ${JSON.stringify(file.class)}`)
    if (!Array.isArray(file.releases) || file.releases.length > RELEASES_KEPT) {
      throw new Error(`releases is not a list of at most ${RELEASES_KEPT}`)
    }
    return file.releases.map(parseRelease).sort((a, b) => a.release - b.release)
  } catch (error) {
    const what = `${releasesTarget(assetClass)} of the repository cannot be used: ${messageOf(error)}`
    throw new AgentError('SYNC_REFUSED', `${what}; publish the model again`, { cause: error })
  }
}

function parseRelease(row: unknown, i: number): Release {
  if (!isRecord(row)) throw new Error(`releases[${i}] is not an object`)
  const { release, name, file, bytes, published } = row
  if (!isCount(release) || release < 1) throw new Error(`releases[${i}].release is not an integer from 1 on`)
  if (!isCount(bytes) || bytes < 1) throw new Error(`releases[${i}].bytes is not a size`)
  if (typeof name !== 'string' || name.length > 200) throw new Error(`releases[${i}].name is not a name`)
  const sha256 = typeof file === 'string' ? FILE.exec(file)?.[1] : undefined
  if (!sha256) throw new Error(`releases[${i}].file is not <sha256>.onnx`)
  return { release, name, sha256, bytes, published: typeof published === 'string' ? published : '' }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value)
}
