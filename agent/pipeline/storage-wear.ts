// Bytes this process makes the disk write, because flash wears out by them: what LevelDB writes again when it compacts counts too,
// and only the kernel knows that. Linux, /proc/self/io, write_bytes (proc(5)); elsewhere nothing is said.
import { readFile } from 'node:fs/promises'
import type { Cancel, Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'

const HOUR_MS = 3_600_000
const SAMPLE_MS = 60_000
const HOURS = 24
/** Less says little about a day. */
const WARN_AFTER_MS = HOUR_MS

export interface WearStatus {
  /** Written in the last 24 h, or since the start. */
  bytes: number
  /** Of how long that is. */
  overMs: number
  /** The same for a whole day. */
  bytesPerDay: number
  budgetPerDay: number
}

export class StorageWear {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #budgetPerDay: number
  readonly #read: () => Promise<number | undefined>
  /** (monotonic ms, bytes), one an hour at most and the newest; the first is where counting began. */
  #samples: { atMs: number; bytes: number }[] = []
  #warned = false
  #cancel: Cancel | undefined

  constructor(
    budgetPerDay: number,
    clock: Clock,
    logger: Logger,
    read: () => Promise<number | undefined> = bytesWritten,
  ) {
    this.#budgetPerDay = budgetPerDay
    this.#clock = clock
    this.#logger = logger
    this.#read = read
  }

  start(): void {
    void this.sample()
    this.#cancel = this.#clock.every(SAMPLE_MS, () => void this.sample())
  }

  stop(): void {
    this.#cancel?.()
  }

  async sample(): Promise<void> {
    try {
      const bytes = await this.#read()
      if (bytes !== undefined) this.#add(bytes)
    } catch (error) {
      this.#logger.debug('bytes written are not known', { cause: messageOf(error) })
      this.stop()
    }
  }

  #add(bytes: number): void {
    const atMs = this.#clock.monotonicMs()
    const before = this.#samples.at(-2)
    if (before && atMs - before.atMs < HOUR_MS) this.#samples.pop()
    this.#samples.push({ atMs, bytes })
    while (this.#samples.length > 2 && atMs - this.#samples[1]!.atMs >= HOURS * HOUR_MS) this.#samples.shift()
    const status = this.status()
    if (!status || status.overMs < WARN_AFTER_MS) return
    const beyond = status.bytesPerDay > this.#budgetPerDay
    if (beyond && !this.#warned)
      this.#logger.warn(`${wearText(status)}: flash wears out by that; store less, or less often`)
    this.#warned = beyond
  }

  /** Undefined where it is not known. */
  status(): WearStatus | undefined {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)]
    if (!first || !last || last.atMs <= first.atMs) return undefined
    const [bytes, overMs] = [last.bytes - first.bytes, last.atMs - first.atMs]
    const bytesPerDay = Math.round((bytes * HOURS * HOUR_MS) / overMs)
    return { bytes, overMs: Math.round(overMs), bytesPerDay, budgetPerDay: this.#budgetPerDay }
  }
}

/** "1.9 GB written a day, 9 % of the 20 GB that storage.write-budget allows". */
export function wearText({ bytesPerDay, budgetPerDay }: WearStatus): string {
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toPrecision(2)} GB`
  const share = Math.round((100 * bytesPerDay) / budgetPerDay)
  return `${gigabytes(bytesPerDay)} written a day, ${share} % of the ${gigabytes(budgetPerDay)} of storage.write-budget`
}

async function bytesWritten(): Promise<number | undefined> {
  const text = await readFile('/proc/self/io', 'utf8')
  const found = /^write_bytes: (\d+)$/m.exec(text)
  return found ? Number(found[1]) : undefined
}
