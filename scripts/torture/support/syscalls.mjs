// A strace log of a writer's life as a list of what was asked of the file system.
//
// Each: {kind, start, end} with the line at which the call began and that at which it was over, and
//   create, unlink {path, file}   rename {path, to, file}   mkdir {path}   write {file, at, data}   truncate {file, bytes}
//   sync {file}   syncDir {path}   ack {line}
// `file` is one object per inode, whatever names it has.
const CALLS = [
  ...['openat', 'open', 'creat', 'close', 'write', 'pwrite64', 'writev', 'pwritev', 'ftruncate', 'fsync', 'fdatasync'],
  ...['rename', 'renameat', 'renameat2', 'unlink', 'unlinkat', 'mkdir', 'mkdirat', 'lseek'],
]

/** The command that runs another one and writes the log; the other is the child, strace its grandchild. */
export function straceTo(path) {
  return ['strace', '-D', '-f', '-q', '-xx', '-s', '16777216', '-e', `trace=${CALLS.join()}`, '-o', path]
}

/** Whether the log has all of the process: that it ended is its last line. */
export function isWhole(text, pid) {
  return new RegExp(`^${pid} +\\+\\+\\+ `, 'm').test(text)
}

/** State that goes on from one life of the writer to the next: names and what they stand for. */
export class SyscallLog {
  calls = []
  #names = new Map()
  #dirs
  #line = 0

  /** `root`: nothing outside of it is looked at. It is there from the beginning. */
  constructor(root) {
    this.root = root
    this.#dirs = new Set([root])
  }

  get lines() {
    return this.#line
  }

  /** One more life of which this is the log. */
  add(text) {
    const open = new Map([[1, { out: true }]])
    const unfinished = new Map()
    for (const line of text.split('\n')) {
      const now = this.#line++
      const [, pid, rest] = /^(\d+) +(.*)$/.exec(line) ?? []
      if (rest === undefined) continue
      if (rest.endsWith('<unfinished ...>')) {
        unfinished.set(pid, { start: now, text: rest.slice(0, -'<unfinished ...>'.length) })
        continue
      }
      const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest)
      const before = resumed ? unfinished.get(pid) : undefined
      unfinished.delete(pid)
      this.#call(resumed ? `${before?.text ?? ''}${resumed[1]}` : rest, before?.start ?? now, now, open)
    }
    // What was under way when the process was killed may have been done in part.
    for (const { start, text } of unfinished.values()) this.#call(`${text}) = ?`, start, Number.POSITIVE_INFINITY, open)
  }

  #call(text, start, end, open) {
    const [, name, args, result] = /^(\w+)\((.*)\) += (\S+)/s.exec(text) ?? []
    if (name === undefined || result.startsWith('-')) return
    const when = { start, end }
    const paths =
      name.startsWith('open') || /^(rename|unlink|mkdir)/.test(name)
        ? stringsOf(args).map(bytes => bytes.toString())
        : []
    if (/^(openat|open|creat)$/.test(name)) this.#open(paths[0], args, Number(result), when, open)
    else if (/^(rename|unlink|mkdir)/.test(name)) this.#name(name.replace(/at2?$/, ''), paths, when)
    else this.#onFile(name, args, result, when, open)
  }

  #inside(path) {
    return path === this.root || path.startsWith(`${this.root}/`)
  }

  #open(path, args, fd, when, open) {
    if (!this.#inside(path)) {
      open.delete(fd)
      return
    }
    if (this.#dirs.has(path)) {
      open.set(fd, { dir: path })
      return
    }
    let file = this.#names.get(path)
    if (!file) {
      file = { id: this.calls.length }
      this.#names.set(path, file)
      this.calls.push({ kind: 'create', path, file, ...when })
    } else if (/O_TRUNC/.test(args)) this.calls.push({ kind: 'truncate', file, bytes: 0, ...when })
    open.set(fd, { file, at: 0, append: /O_APPEND/.test(args) })
  }

  #name(kind, [path, to], when) {
    if (!this.#inside(path)) return
    if (kind === 'mkdir') {
      this.#dirs.add(path)
      this.calls.push({ kind, path, ...when })
      return
    }
    const file = this.#names.get(path)
    this.#names.delete(path)
    if (kind === 'rename') this.#names.set(to, file)
    this.calls.push({ kind, path, to, file, ...when })
  }

  #onFile(name, args, result, when, open) {
    const fd = Number(/^\d+/.exec(args)?.[0])
    const held = open.get(fd)
    if (!held) return
    if (name === 'close') open.delete(fd)
    else if (name === 'lseek') held.at = Number(result)
    else if (held.out) for (const line of textOf(args).split('\n')) this.calls.push({ kind: 'ack', line, ...when })
    else if (/sync$/.test(name)) {
      if (result !== '?')
        this.calls.push(
          held.dir ? { kind: 'syncDir', path: held.dir, ...when } : { kind: 'sync', file: held.file, ...when },
        )
    } else if (name === 'ftruncate') {
      this.calls.push({ kind: 'truncate', file: held.file, bytes: Number(args.split(', ')[1]), ...when })
    } else this.#write(name, args, result, when, held)
  }

  #write(name, args, result, when, held) {
    const data = Buffer.concat(stringsOf(args))
    const written = result === '?' ? data : data.subarray(0, Number(result))
    const at = name.startsWith('p') ? Number(args.split(', ').at(-1)) : held.at
    if (!name.startsWith('p')) held.at += written.length
    this.calls.push({ kind: 'write', file: held.file, at, data: written, ...when })
  }
}

function textOf(args) {
  return Buffer.concat(stringsOf(args)).toString().trimEnd()
}

/** Every string is written as \x2f\x74 … */
function stringsOf(args) {
  return [...args.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, hex]) => Buffer.from(hex.replaceAll('\\x', ''), 'hex'))
}
