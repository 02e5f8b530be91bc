// A real broker, in a process that can be stopped, killed and frozen.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from './agent.mjs'

export class Mosquitto {
  #child

  static async open(lines = []) {
    const broker = new Mosquitto()
    const probe = createServer().listen(0, '127.0.0.1')
    await once(probe, 'listening')
    broker.port = probe.address().port
    probe.close()
    await once(probe, 'close')
    broker.dir = mkdtempSync(join(tmpdir(), 'ww-mosquitto-'))
    const user = process.getuid?.() === 0 ? ['user root'] : []
    const all = [`listener ${broker.port} 127.0.0.1`, 'allow_anonymous true', ...user, ...lines, '']
    writeFileSync(join(broker.dir, 'mosquitto.conf'), all.join('\n'))
    await broker.start()
    return broker
  }

  async start() {
    const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` }
    this.#child = spawn('mosquitto', ['-c', join(this.dir, 'mosquitto.conf')], { env, stdio: 'ignore' })
    await until(() => listens(this.port), `mosquitto on port ${this.port}`)
  }

  signal(name) {
    this.#child.kill(name)
  }

  async end(signal) {
    if (!this.#child) return
    const ended = once(this.#child, 'exit')
    this.#child.kill(signal)
    await ended
    this.#child = undefined
  }

  async close() {
    await this.end('SIGKILL')
    rmSync(this.dir, { recursive: true, force: true })
  }
}

function listens(port) {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}
