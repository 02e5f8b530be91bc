// `wearwatch watch`: assets, scores, alarms, links and scorer, live on a terminal; on anything else one screen of it.
import type { Command } from 'commander'
import { type Clock, sleep, systemClock } from '../core/clock.ts'
import { AgentError, messageOf } from '../core/errors.ts'
import { askDaemon, streamDaemon } from '../http/client.ts'
import { type DaemonOptions, daemonCommand } from './daemon-commands.ts'
import { action, EXIT, paint, print, printJson } from './shared.ts'
import { stopSignal } from './signals.ts'
import { socketOf } from './socket.ts'
import type { Status } from './status-text.ts'
import { screen } from './watch-screen.ts'

const PERIOD_MS = 1_000
const BUCKETS = 40
const BUCKET_MS = 90_000
const PLAIN = { columns: 120, rows: 60 }
/** q, Ctrl-C, Ctrl-D, Esc. */
const ENDING = ['q', 'Q', '\u0003', '\u0004', '\u001b']
/** Of xterm and what followed it: the other screen, cursor, from the top, to the end of the line, below. */
const TERM = {
  enter: '\u001b[?1049h\u001b[?25l',
  leave: '\u001b[?25h\u001b[?1049l',
  home: '\u001b[H',
  line: '\u001b[K',
  below: '\u001b[J',
}

export function watchCommand(): Command {
  return daemonCommand('watch', 'live view of assets, scores, alarms, links and scorer; q ends it').action(
    action(async (options: DaemonOptions) => {
      const socket = await socketOf(options)
      const scores = new ScoreLines(systemClock())
      if (options.json || !process.stdout.isTTY) return once(socket, scores, options.json === true)
      return live(socket, scores)
    }),
  )
}

async function once(socket: string, scores: ScoreLines, json: boolean): Promise<number> {
  const status = await askDaemon<Status>(socket, 'GET', '/v1/status')
  await scores.load(socket, status)
  if (json) printJson({ ...status, scoresOfLastHour: Object.fromEntries(scores.lines) })
  else for (const line of screen(status, scores.lines, PLAIN)) print(line)
  return EXIT.ok
}

async function live(socket: string, scores: ScoreLines): Promise<number> {
  const clock = systemClock()
  const ended = new AbortController()
  const end = (): void => ended.abort()
  const { stdin, stdout } = process
  stdin.setRawMode?.(true)
  stdin.resume().on('data', keys => {
    if (ENDING.includes(keys.toString())) end()
  })
  void stopSignal().then(end)
  let shown: string[] = []
  const draw = (): void => {
    const lines = shown.map(line => `${line}${TERM.line}`).join('\r\n')
    stdout.write(`${TERM.home}${lines}${TERM.line}${TERM.below}`)
  }
  stdout.write(TERM.enter)
  stdout.on('resize', draw)
  try {
    while (!ended.signal.aborted) {
      shown = await look(socket, scores, { columns: stdout.columns, rows: stdout.rows })
      draw()
      await sleep(clock, PERIOD_MS, ended.signal)
    }
  } finally {
    stdout.off('resize', draw)
    stdin.setRawMode?.(false)
    stdin.pause()
    stdout.write(TERM.leave)
  }
  return EXIT.ok
}

/** A daemon that is away is waited for: it may be restarting. */
async function look(socket: string, scores: ScoreLines, size: { columns: number; rows: number }): Promise<string[]> {
  try {
    const status = await askDaemon<Status>(socket, 'GET', '/v1/status')
    await scores.load(socket, status)
    scores.add(status)
    return screen(status, scores.lines, size)
  } catch (error) {
    if (!(error instanceof AgentError)) throw error
    return [paint(messageOf(error), 'red'), 'looked for again every second; q ends']
  }
}

/** The worst score of each bucket of the last hour: what was before from the history, then what is polled. */
class ScoreLines {
  readonly lines = new Map<string, number[]>()
  readonly #clock: Clock
  #bucket: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#bucket = this.#now()
  }

  #now(): number {
    return Math.floor(this.#clock.nowUs() / 1000 / BUCKET_MS)
  }

  /** Assets not seen before. */
  async load(socket: string, { assets }: Status): Promise<void> {
    for (const { id, score } of assets) {
      if (score === undefined || this.lines.has(id)) continue
      this.lines.set(id, await this.#stored(socket, id))
    }
  }

  async #stored(socket: string, id: string): Promise<number[]> {
    const line = new Array<number>(BUCKETS).fill(Number.NaN)
    const [from, to] = [(this.#bucket - BUCKETS + 1) * BUCKET_MS * 1000, (this.#bucket + 1) * BUCKET_MS * 1000]
    const query = `asset=${encodeURIComponent(id)}&class=scores&columns=score&from=${from}&to=${to}&points=${3 * BUCKETS}`
    let most = -1
    for await (const row of streamDaemon(socket, `/v1/history?${query}`)) {
      if (!Array.isArray(row)) most = (row as { columns: string[] }).columns.indexOf('score max')
      else {
        const at = Math.floor((Number(row[0]) - from) / 1000 / BUCKET_MS)
        if (at >= 0 && at < BUCKETS) line[at] = worse(line[at]!, Number(row[most + 1] ?? Number.NaN))
      }
    }
    return line
  }

  add({ assets }: Status): void {
    const now = this.#now()
    const passed = Math.min(BUCKETS, Math.max(0, now - this.#bucket))
    this.#bucket = now
    for (const { id, score } of assets) {
      const line = this.lines.get(id)
      if (!line) continue
      for (let i = 0; i < passed; i++) line.shift()
      while (line.length < BUCKETS) line.push(Number.NaN)
      if (score !== undefined) line[BUCKETS - 1] = worse(line[BUCKETS - 1]!, score)
    }
  }
}

const worse = (a: number, b: number): number => (Number.isNaN(a) ? b : Number.isNaN(b) ? a : Math.max(a, b))
