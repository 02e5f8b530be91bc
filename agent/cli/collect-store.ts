// The file of `wearwatch collect --receipt`: one line an alert, synced before it is confirmed, read back at the start.
import {
  closeSync,
  createReadStream,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs'
import { createInterface } from 'node:readline'
import { parseAlert } from '../uplink/collect-items.ts'
import { ReceiptLedger } from '../uplink/receipt-ledger.ts'
import { statedRange } from '../uplink/receipt-sender.ts'
import { unwritable } from './files.ts'

export class CollectStore {
  readonly #fd: number
  readonly #path: string
  #unsynced = false

  constructor(path: string) {
    this.#path = path
    try {
      this.#fd = openSync(path, 'a+')
    } catch (error) {
      throw unwritable(path, error)
    }
  }

  write(line: string): void {
    writeSync(this.#fd, `${line}\n`)
    this.#unsynced = true
  }

  sync(): void {
    if (!this.#unsynced) return
    fdatasyncSync(this.#fd)
    this.#unsynced = false
  }

  /** What the file holds. A line that a crash cut off was never confirmed, and goes. */
  async ledger(): Promise<ReceiptLedger> {
    this.#cutTornLine()
    const ledger = new ReceiptLedger()
    for await (const line of createInterface({ input: createReadStream(this.#path), crlfDelay: Infinity })) {
      const alert = parseAlert(line)
      const { site, gateway, schema } = headOf(line)
      const stated = schema === 'wearwatch.gap/1' ? statedRange(line) : undefined
      if (alert && schema === 'wearwatch.alert/1') ledger.take(`${site}/${gateway}`, alert.id, alert.seq, alert)
      else if (stated) ledger.stated(`${site}/${gateway}`, stated.from, stated.to)
    }
    return ledger
  }

  close(): void {
    this.sync()
    closeSync(this.#fd)
  }

  #cutTornLine(): void {
    const window = Buffer.alloc(65_536)
    for (let end = fstatSync(this.#fd).size; end > 0; ) {
      const from = Math.max(0, end - window.length)
      const bytes = readSync(this.#fd, window, 0, end - from, from)
      const newline = window.subarray(0, bytes).lastIndexOf(10)
      if (newline >= 0 || from === 0) {
        ftruncateSync(this.#fd, from + newline + 1)
        return
      }
      end = from
    }
  }
}

function headOf(line: string): { site?: unknown; gateway?: unknown; schema?: unknown } {
  try {
    return (JSON.parse(line) as object | null) ?? {}
  } catch {
    return {}
  }
}
