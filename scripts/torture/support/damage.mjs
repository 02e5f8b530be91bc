// Damaged copies of a store, each opened and read in a process that may end by it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { inLanes } from './lanes.mjs'

const CHILD = fileURLToPath(new URL('./damage-child.mjs', import.meta.url))
/** A copy of some megabytes is opened and read in less than a second. */
const HANG_MS = 30_000
const SAID_MAX = 2_000
/** Half of each is waiting for a process to start. */
const AT_ONCE = 3

export class DamageTrials {
  #home
  #child
  #closed
  /** Takes the next line that the child says. */
  #heard = () => {}
  #said = ''

  /** Works in folders below `home`. */
  constructor(home) {
    this.#home = home
  }

  #start() {
    this.#child = spawn(process.execPath, [CHILD], { stdio: ['pipe', 'pipe', 'pipe'] })
    this.#child.stdin.on('error', () => {})
    this.#child.stderr.on('data', chunk => {
      this.#said = `${this.#said}${chunk}`.slice(-SAID_MAX)
    })
    this.#closed = once(this.#child, 'close')
    createInterface({ input: this.#child.stdout }).on('line', line => this.#heard(JSON.parse(line)))
  }

  /** What the store said (alone-check.mjs), or `{rejected}`, `{ended}`, `{hung}`. */
  async attempt(order) {
    if (!this.#child) this.#start()
    const child = this.#child
    const answer = new Promise(resolve => {
      this.#heard = resolve
    })
    const ended = this.#closed.then(([code, signal]) => ({ ended: `${code ?? signal}: ${this.#said}` }))
    child.stdin.write(`${JSON.stringify({ work: join(this.#home, `work-${child.pid}`), ...order })}\n`)
    let timer
    const hung = new Promise(resolve => {
      timer = setTimeout(() => resolve({ hung: true }), HANG_MS)
    })
    const result = await Promise.race([answer, ended, hung])
    clearTimeout(timer)
    if (result.ended || result.hung) await this.close()
    return result
  }

  async close() {
    const child = this.#child
    this.#child = undefined
    this.#said = ''
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await this.#closed
  }
}

/** `work(trials, item)` for each item, several at a time, until `over()`. */
export async function inTrials(home, items, work, over) {
  const lanes = Array.from({ length: AT_ONCE }, () => new DamageTrials(home))
  try {
    await inLanes(items, AT_ONCE, (item, lane) => work(lanes[lane], item), over)
  } finally {
    for (const trials of lanes) await trials.close()
  }
}

/** What may not be, as one text; undefined when the damage was stated or did no harm. */
export function badOutcome(result) {
  if (result.ended) return `the process ended with ${result.ended}`
  if (result.hung) return `it hung`
  if (result.rejected) return `it did not open: ${result.rejected}`
  if (result.wrong.length > 0) return `wrong: ${result.wrong.join('; ')}`
  return result.silent.length > 0 ? `lost in silence: ${result.silent.join('; ')}` : undefined
}
