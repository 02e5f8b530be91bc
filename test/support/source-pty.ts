import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { endChild } from './source-brokers.ts'
import { until } from './waiting.ts'

export function hasSocat(): boolean {
  return spawnSync('socat', ['-V']).error === undefined
}

/** A serial line made of two ptys: the agent opens `path`, the test writes to the other end. */
export class PtyLine {
  readonly path: string
  readonly #far: string
  #child: ChildProcess | undefined
  #handle: FileHandle | undefined

  constructor(dir: string) {
    this.path = `${dir}/near`
    this.#far = `${dir}/far`
  }

  async plug(): Promise<void> {
    const ends = [this.path, this.#far].map(link => `pty,rawer,link=${link}`)
    this.#child = spawn('socat', ends, { stdio: 'ignore' })
    await until(() => existsSync(this.path) && existsSync(this.#far), 'socat to make the ptys')
    this.#handle = await open(this.#far, 'w')
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#handle?.write(bytes)
  }

  /** Both ends vanish, as a USB adapter does. */
  async unplug(): Promise<void> {
    if (this.#child) await endChild(this.#child, 'SIGKILL')
    await this.#handle?.close()
    this.#handle = undefined
  }
}
