// The built agent as a process of its own, under a fault or not.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { askDaemon, streamDaemon } from '../../../dist/http/client.js'

const MAIN = fileURLToPath(new URL('../../../dist/main.js', import.meta.url))
const LOOK_MS = 20
const LOG_CHARS_MAX = 200_000

/** Polls until `condition` holds; rejects after `limitMs` with what was awaited. Resolves with the ms that it took. */
export async function until(condition, what, limitMs = 30_000) {
  const startMs = performance.now()
  while (!(await condition())) {
    if (performance.now() - startMs > limitMs) throw new Error(`gave up after ${limitMs} ms waiting for ${what}`)
    await pause(LOOK_MS)
  }
  return performance.now() - startMs
}

export function pause(ms) {
  return new Promise(resolve => setTimeout(resolve, ms))
}

export class AgentProcess {
  #log = ''

  constructor(dir, child) {
    this.dir = dir
    this.child = child
    this.socket = join(dir, 'data', 'wearwatch.sock')
    child.stderr.on('data', chunk => {
      this.#log = (this.#log + chunk).slice(-LOG_CHARS_MAX)
    })
  }

  /** Starts it on `config` in `dir`, where its stores are. `env` is added to its environment, `node` are options of node. */
  static spawn(dir, config, { env = {}, node = [], fds = [] } = {}) {
    const file = join(dir, 'wearwatch.yaml')
    writeFileSync(file, config)
    const args = [...node, MAIN, 'run', '--config', file, '--log-format', 'text']
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'ignore', 'pipe', ...fds],
      env: { PATH: process.env.PATH ?? '', ...env },
    })
    return new AgentProcess(dir, child)
  }

  /** The same, and resolves when it runs. */
  static async start(dir, config, options = {}) {
    const agent = AgentProcess.spawn(dir, config, options)
    try {
      await until(() => agent.over || agent.log.includes(' runs: '), 'the agent to run', options.limitMs)
    } catch (error) {
      await agent.end('SIGKILL')
      throw new Error(`${error.message}:\n${agent.tail()}`)
    }
    if (agent.over) throw new Error(`the agent ended with ${agent.ending}:\n${agent.tail()}`)
    return agent
  }

  get log() {
    return this.#log
  }

  tail(chars = 2_000) {
    return this.#log.slice(-chars)
  }

  get over() {
    return this.child.exitCode !== null || this.child.signalCode !== null
  }

  ask(path) {
    return askDaemon(this.socket, 'GET', path)
  }

  status() {
    return this.ask('/v1/status')
  }

  /** Rows of a class that it has, on the disk or in memory: `[timeUs, ...values]` each. */
  async *rows(asset, cls = 'samples') {
    const query = `/v1/history?asset=${asset}&class=${cls}&from=0`
    for await (const line of streamDaemon(this.socket, query)) if (Array.isArray(line)) yield line
  }

  /** Exit code or signal. */
  get ending() {
    return this.child.exitCode ?? this.child.signalCode
  }

  async end(signal = 'SIGTERM') {
    if (this.over) return
    const ended = once(this.child, 'exit')
    this.child.kill(signal)
    await ended
  }
}
