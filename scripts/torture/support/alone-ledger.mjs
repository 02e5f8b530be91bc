// What a writer acknowledged, kept outside of it. One ledger follows one store over all its lives.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { LIFE_NUMBERS } from './alone-rows.mjs'

const CHILD = fileURLToPath(new URL('./alone-child.mjs', import.meta.url))

export class JournalLedger {
  store = 'journal'
  /** Number to id (recordOf). */
  acked = new Map()
  cursor = 0
  faults = []
  life = 0

  line([what, seq, id]) {
    const number = Number(seq)
    if (what === 'cursor') this.cursor = Math.max(this.cursor, number)
    if (what !== 'ack') return
    const before = this.acked.get(number)
    if (before !== undefined) this.faults.push(`number ${number} was acknowledged twice: ${before} and ${id}`)
    this.acked.set(number, id)
  }

  get size() {
    return this.acked.size
  }

  copy() {
    return Object.assign(new JournalLedger(), { ...this, acked: new Map(this.acked), faults: [...this.faults] })
  }

  toJSON() {
    return { ...this, acked: [...this.acked] }
  }
}

export class HistoryLedger {
  store = 'history'
  /** Of each life, for each table and the waveforms: the number before which all are on the disk. */
  lives = []
  faults = []
  life = 0

  line([what, ...numbers]) {
    if (what === 'flush') this.lives[this.life] = numbers.map(Number)
  }

  /** Numbers acknowledged of table `t`: [from, to) a life. */
  ranges(t) {
    return this.lives.flatMap((done, life) => (done ? [[life * LIFE_NUMBERS, done[t]]] : []))
  }

  get size() {
    return this.lives
      .flatMap((done, life) => (done ?? []).map(to => to - life * LIFE_NUMBERS))
      .reduce((a, b) => a + b, 0)
  }

  copy() {
    return Object.assign(new HistoryLedger(), { ...this, lives: [...this.lives], faults: [...this.faults] })
  }
}

/** `known`: one written as JSON before. */
export function newLedger(store, known = {}) {
  if (store === 'history') return Object.assign(new HistoryLedger(), known)
  return Object.assign(new JournalLedger(), { ...known, acked: new Map(known.acked) })
}

/** A writer that is started and waits to be told what to write. */
export class Writer {
  #said = ''
  #rest = ''
  #ledger
  #opened
  /** Resolves when the store is open. */
  opened = new Promise(resolve => {
    this.#opened = resolve
  })

  /** `wrap`: a command that runs it. */
  constructor(wrap = [], env = {}) {
    const [command, ...args] = [...wrap, process.execPath, CHILD]
    this.child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } })
    this.closed = once(this.child, 'close')
    this.child.stdin.on('error', () => {})
    this.child.stderr.on('data', chunk => {
      this.#said = `${this.#said}${chunk}`.slice(-2_000)
    })
    this.child.stdout.on('data', chunk => this.#take(chunk.toString()))
  }

  /** A line cut off by a kill is no acknowledgement that anyone has read. */
  #take(text) {
    const lines = `${this.#rest}${text}`.split('\n')
    this.#rest = lines.pop()
    for (const line of lines) {
      if (line === 'open') this.#opened()
      else this.#ledger.line(line.split(' '))
    }
  }

  write(dir, ledger) {
    this.#ledger = ledger
    this.child.stdin.write(`${JSON.stringify({ store: ledger.store, dir, life: ledger.life })}\n`)
  }

  /** Resolves when all it said has been read. Throws when it had ended by itself. */
  async kill() {
    this.child.kill('SIGKILL')
    const [code, signal] = await this.closed
    if (this.#ledger) this.#ledger.life++
    if (signal !== 'SIGKILL') throw new Error(`the writer ended by itself with ${code ?? signal}: ${this.#said}`)
  }
}
