// What the steps of loading share: the file as written, where its relative paths begin, the world outside, the issues.
import { dirname, isAbsolute, resolve } from 'node:path'
import { isRecord } from './check.ts'
import type { Issues, Path } from './issues.ts'

/** The world outside the file, handed in so that tests need no files and nothing is read behind their back. */
export interface ConfigIo {
  /** Name of the file, for messages; its folder is where relative paths begin. */
  file: string
  env: Readonly<Record<string, string | undefined>>
  /** Throws when it cannot. `mode` as in stat(2); undefined = unknown. */
  readFile(path: string): { bytes: Uint8Array; mode: number | undefined }
  /** What is at an absolute path; without it nothing that the file names is looked for. */
  kindOf?(path: string): 'file' | 'folder' | 'none'
  /** Contents of /etc/machine-id; undefined or empty when there is none. */
  machineId: string | undefined
  /** Only for a suggestion in messages. */
  hostname?: string
}

export class LoadContext {
  readonly issues: Issues
  readonly io: ConfigIo
  /** The file as written, after migration. */
  readonly raw: unknown

  constructor(issues: Issues, io: ConfigIo, raw: unknown) {
    this.issues = issues
    this.io = io
    this.raw = raw
  }

  /** Absolute; relative paths begin at the folder of the file. */
  absolute(path: string): string {
    return isAbsolute(path) ? path : resolve(dirname(this.io.file), path)
  }

  /** True when the file has something at `path`. */
  has(path: Path): boolean {
    let at: unknown = this.raw
    for (const part of path) {
      if (!isRecord(at) || !Object.hasOwn(at, part)) return false
      at = at[part]
    }
    return true
  }

  /** Keys of the mapping at `path`, none when there is no mapping. */
  keysAt(path: Path): string[] {
    let at: unknown = this.raw
    for (const part of path) at = isRecord(at) && Object.hasOwn(at, part) ? at[part] : undefined
    return isRecord(at) ? Object.keys(at) : []
  }

  /**
   * Where the file says what an asset has at `rest`: on the asset itself, else in its type, else the deepest part of it
   * that is written anywhere, so that a missing key is reported where it would go.
   */
  place(asset: string, type: string | undefined, ...rest: string[]): Path {
    for (let depth = rest.length; depth > 0; depth--) {
      const head = rest.slice(0, depth)
      const own = ['assets', asset, ...head]
      if (this.has(own)) return [...own, ...rest.slice(depth)]
      const shared = ['types', type ?? '', ...head]
      if (type !== undefined && this.has(shared)) return [...shared, ...rest.slice(depth)]
    }
    return ['assets', asset, ...rest]
  }
}
