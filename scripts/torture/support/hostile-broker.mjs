// Listens like a broker and does to each client what hostile-sessions.mjs has; remembers which alerts it was given, for it
// may have acknowledged them.
import { once } from 'node:events'
import { createServer } from 'node:net'
import { seededPrng } from '../../../dist/core/prng.js'
import { pause } from './agent.mjs'
import { KINDS } from './hostile-sessions.mjs'

/** A session ends so long after its last piece, unless the client left before. */
const LINGER_MS = 60
const HEARD_BYTES_MAX = 4 << 20
const names = Object.keys(KINDS)

export class HostileBroker {
  sessions = 0
  /** How many of each kind. */
  counts = new Map()
  /** `gw-1 17`: alerts that a hostile session was given. */
  alertsTaken = new Set()
  #seed
  #limit
  #server
  #sockets = new Set()
  #running = 0
  #done

  constructor(seed, limit) {
    this.#seed = seed
    this.#limit = limit
    this.finished = new Promise(resolve => {
      this.#done = resolve
    })
  }

  async listen() {
    this.#server = createServer({ noDelay: true }, socket => this.#session(socket)).listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    this.port = this.#server.address().port
  }

  async close() {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  finish() {
    this.#done()
  }

  async #session(socket) {
    if (this.sessions >= this.#limit) return void socket.destroy()
    const n = this.sessions++
    this.#running++
    const prng = seededPrng(this.#seed + n)
    const name = names[n % names.length]
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1)
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
    const heard = this.#listenTo(socket)
    try {
      await Promise.race([once(socket, 'data'), once(socket, 'close')])
      const hello = Buffer.concat(heard.chunks)
      const gateway = /gw-\d+/.exec(hello.toString('latin1'))?.[0] ?? 'gw-0'
      const v5 = hello[hello.indexOf('MQTT') + 4] === 5
      for (const piece of KINDS[name]({ n: Math.floor(n / names.length), prng, v5, gateway })) {
        if (socket.destroyed) break
        if (typeof piece === 'number') await pause(piece)
        else if (!socket.write(piece))
          await Promise.race([once(socket, 'drain'), once(socket, 'close'), pause(LINGER_MS)])
      }
      if (!socket.destroyed) await Promise.race([once(socket, 'close'), pause(LINGER_MS)])
    } catch {
      // The client left in the midst of it.
    }
    socket.destroy()
    for (const alert of heard.alerts()) this.alertsTaken.add(alert)
    // Sockets close later than this, several in one turn: what still runs is counted.
    if (--this.#running === 0 && this.sessions >= this.#limit) this.#done()
  }

  #listenTo(socket) {
    const chunks = []
    let bytes = 0
    socket.on('data', chunk => {
      bytes += chunk.length
      if (bytes < HEARD_BYTES_MAX) chunks.push(chunk)
    })
    const seen = () => Buffer.concat(chunks).toString('latin1')
    const alert = /"schema":"wearwatch\.alert\/1","id":"\d+","seq":(\d+),.*?"gateway":"([^"]+)"/g
    return { chunks, alerts: () => [...seen().matchAll(alert)].map(([, seq, gateway]) => `${gateway} ${seq}`) }
  }
}
