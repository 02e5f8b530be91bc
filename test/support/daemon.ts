// The built daemon as a process of its own.
import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { builtFile } from '../../agent/core/built.ts'
import { askDaemon, streamDaemon } from '../../agent/http/client.ts'
import { shortDir } from './short-dir.ts'
import { endChild } from './source-brokers.ts'
import { until } from './waiting.ts'

export interface Daemon {
  dir: string
  socket: string
  child: ChildProcess
  /** Everything it logged so far. */
  log(): string
  ask<T>(path: string): Promise<T>
  post<T>(path: string, body?: unknown): Promise<T>
  /** Rows [timeUs, ...columns] of a history class. */
  history(asset: string, cls: string): Promise<number[][]>
  stop(signal?: NodeJS.Signals): Promise<void>
}

export interface DaemonOptions {
  /** Folder of an earlier daemon, to go on with its stores. */
  dir?: string
  /** Wait until it runs; off to look at one that must not start. */
  waitUntilRunning?: boolean
  /** Wait until the models of before are loaded, which the daemon itself does not. */
  waitUntilLoaded?: boolean
}

async function hasLoaded(socket: string): Promise<boolean> {
  const { assets } = await askDaemon<{ assets: { mode: string }[] }>(socket, 'GET', '/v1/status')
  return assets.every(asset => asset.mode !== 'catching-up')
}

/** Starts `wearwatch run` on this config (its storage goes to `<dir>/data`) and waits until it runs. */
export async function startDaemon(t: Test, config: string, options: DaemonOptions = {}): Promise<Daemon> {
  const dir = options.dir ?? shortDir(t)
  const file = join(dir, 'wearwatch.yaml')
  writeFileSync(file, config)
  const child = spawn(process.execPath, [builtFile('main.js'), 'run', '--config', file, '--log-format', 'text'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env.PATH ?? '' },
  })
  let log = ''
  child.stderr.on('data', chunk => {
    log += chunk
  })
  t.teardown(async () => {
    await endChild(child, 'SIGKILL')
    if (!t.passing()) t.comment(`the daemon's log ends with:\n${log.slice(-4000)}`)
  })
  const socket = join(dir, 'data', 'wearwatch.sock')
  if (options.waitUntilRunning !== false) {
    await until(() => child.exitCode !== null || log.includes(' runs: '), 'the daemon to run')
    if (child.exitCode !== null) throw new Error(`the daemon ended with ${child.exitCode}:\n${log}`)
    if (options.waitUntilLoaded !== false) await until(() => hasLoaded(socket), 'the models of before to be loaded')
  }
  return {
    dir,
    socket,
    child,
    log: () => log,
    ask: path => askDaemon(socket, 'GET', path),
    post: (path, body) => askDaemon(socket, 'POST', path, body),
    async history(asset, cls) {
      const rows: number[][] = []
      for await (const line of streamDaemon(socket, `/v1/history?asset=${asset}&class=${cls}`)) {
        if (Array.isArray(line)) rows.push(line as number[])
      }
      return rows
    },
    stop: (signal = 'SIGTERM') => endChild(child, signal),
  }
}

/** Runs a `wearwatch` command to its end. */
export async function wearwatch(args: readonly string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [builtFile('main.js'), ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stdout.on('data', chunk => {
    out += chunk
  })
  child.stderr.on('data', chunk => {
    err += chunk
  })
  const code = await new Promise<number | null>(resolve => child.once('close', resolve))
  return { code, out, err }
}
