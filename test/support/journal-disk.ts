// A disk in memory that refuses the n-th call, writes short, and forgets in a power cut what was not synced.
import type { Disk, DiskFile } from '../../agent/core/disk.ts'

const SECTOR_BYTES = 512

interface Inode {
  /** What a reader sees. */
  data: Buffer
  /** What a power cut leaves for certain. */
  durable: Buffer
}

export interface MemoryDisk extends Disk {
  /** Calls so far, of any kind. */
  calls: number
  /** Consulted before each call; an errno refuses it. */
  refuse: (call: number, what: string, path: string) => string | undefined
  /** When it returns a number, a write stops after that many bytes (at least 1). */
  shorten: (call: number, bytes: number) => number | undefined
  /** Bytes of a file as a reader sees them; throws when it is not there. */
  peek(path: string): Buffer
  poke(path: string, change: (data: Buffer) => Buffer): void
  paths(): string[]
  /** The disk after a power cut now: unsynced sectors and directory entries survive as `keep()` says. */
  powerCut(keep: () => boolean): MemoryDisk
}

export function memoryDisk(): MemoryDisk {
  return new Memory(new Map(), new Map())
}

class Memory implements MemoryDisk {
  calls = 0
  refuse: MemoryDisk['refuse'] = () => undefined
  shorten: MemoryDisk['shorten'] = () => undefined
  #entries: Map<string, Inode>
  #durableEntries: Map<string, Inode>

  constructor(entries: Map<string, Inode>, durableEntries: Map<string, Inode>) {
    this.#entries = entries
    this.#durableEntries = durableEntries
  }

  /** Counts the call, lets other turns run as a real disk does, and refuses it when told to. */
  async #call(what: string, path: string): Promise<number> {
    const call = ++this.calls
    await new Promise(resolve => setImmediate(resolve))
    const errno = this.refuse(call, what, path)
    if (errno) throw failure(errno, what, path)
    return call
  }

  async open(path: string, mode: 'r' | 'r+' | 'wx'): Promise<DiskFile> {
    await this.#call('open', path)
    let inode = this.#entries.get(path)
    if (mode === 'wx') {
      if (inode) throw failure('EEXIST', 'open', path)
      inode = { data: Buffer.alloc(0), durable: Buffer.alloc(0) }
      this.#entries.set(path, inode)
    }
    if (!inode) throw failure('ENOENT', 'open', path)
    return this.#file(path, inode)
  }

  #file(path: string, inode: Inode): DiskFile {
    return {
      write: async (bytes, position) => {
        const call = await this.#call('write', path)
        const data = bytes.subarray(0, Math.max(1, this.shorten(call, bytes.length) ?? bytes.length))
        inode.data = resized(inode.data, Math.max(inode.data.length, position + data.length))
        inode.data.set(data, position)
        return data.length
      },
      read: async (into, position) => {
        await this.#call('read', path)
        return position >= inode.data.length ? 0 : inode.data.copy(into, 0, position)
      },
      truncate: async bytes => {
        await this.#call('truncate', path)
        inode.data = resized(inode.data, bytes)
      },
      datasync: async () => {
        await this.#call('datasync', path)
        inode.durable = Buffer.from(inode.data)
      },
      size: async () => inode.data.length,
      close: async () => {},
    }
  }

  async readdir(dir: string): Promise<string[]> {
    await this.#call('readdir', dir)
    return this.paths().flatMap(path => (path.startsWith(`${dir}/`) ? [path.slice(dir.length + 1)] : []))
  }

  async mkdir(dir: string): Promise<void> {
    await this.#call('mkdir', dir)
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#call('rename', from)
    const inode = this.#entries.get(from)
    if (!inode) throw failure('ENOENT', 'rename', from)
    this.#entries.delete(from)
    this.#entries.set(to, inode)
  }

  async unlink(path: string): Promise<void> {
    await this.#call('unlink', path)
    if (!this.#entries.delete(path)) throw failure('ENOENT', 'unlink', path)
  }

  async syncDir(dir: string): Promise<void> {
    await this.#call('syncDir', dir)
    this.#durableEntries = new Map(this.#entries)
  }

  peek(path: string): Buffer {
    const inode = this.#entries.get(path)
    if (!inode) throw failure('ENOENT', 'peek', path)
    return Buffer.from(inode.data)
  }

  poke(path: string, change: (data: Buffer) => Buffer): void {
    const data = change(this.peek(path))
    this.#entries.set(path, { data, durable: Buffer.from(data) })
  }

  paths(): string[] {
    return [...this.#entries.keys()].sort()
  }

  powerCut(keep: () => boolean): MemoryDisk {
    const entries = new Map<string, Inode>()
    for (const path of new Set([...this.#entries.keys(), ...this.#durableEntries.keys()])) {
      const [now, durable] = [this.#entries.get(path), this.#durableEntries.get(path)]
      const survivor = now === durable || keep() ? now : durable
      if (!survivor) continue
      const data = afterCut(survivor, keep)
      entries.set(path, { data, durable: Buffer.from(data) })
    }
    return new Memory(entries, new Map(entries))
  }
}

/** Each sector that differs from its durable content is kept or not by itself; so is a change of the size. */
function afterCut(inode: Inode, keep: () => boolean): Buffer {
  const data = resized(inode.durable, keep() ? inode.data.length : inode.durable.length)
  for (let at = 0; at < data.length; at += SECTOR_BYTES) {
    const now = inode.data.subarray(at, at + SECTOR_BYTES)
    if (!now.equals(data.subarray(at, at + now.length)) && keep()) now.copy(data, at)
  }
  return data
}

function resized(data: Buffer, bytes: number): Buffer {
  const copy = Buffer.alloc(bytes)
  data.copy(copy)
  return copy
}

function failure(errno: string, what: string, path: string): Error {
  return Object.assign(new Error(`${errno}: ${what} ${path}`), { code: errno })
}
