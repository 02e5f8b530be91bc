// Opens damaged copies of stores, one after the other, and says what each said. Damage may end this process: the parent then knows
// by which. Each line of descriptor 0: {home, work, store, change}, or {work, store, ledger} where the copy is laid out; each line of descriptor 1: {wrong, lost, stated, silent} or
// {rejected}.

import { rmSync, truncateSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { checkStore } from './alone-check.mjs'
import { newLedger } from './alone-ledger.mjs'
import { changeFile, copyCorpus, loadLedger } from './corpus.mjs'

const ledgers = new Map()

/** `change`: {file, byte, bit}, {file, bytes} (cut off there) or {file} (removed). */
function damage(work, { file, byte, bit, bytes }) {
  const path = join(work, file)
  if (bit !== undefined) {
    changeFile(path, data => {
      data[byte] ^= 1 << bit
      return data
    })
  } else if (bytes !== undefined) truncateSync(path, bytes)
  else unlinkSync(path)
}

async function one({ home, work, store, change, salvaged, ledger: told }) {
  const ledger = told ? newLedger(store, told) : (ledgers.get(home) ?? loadLedger(home))
  if (home) {
    ledgers.set(home, ledger)
    copyCorpus(home, work, store, change?.file)
  }
  if (change) damage(work, change)
  try {
    return await checkStore(join(work, store), ledger, { salvaged })
  } catch (error) {
    return { rejected: error.message }
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line)
  writeSync(1, `${JSON.stringify(await one(order))}\n`)
  if (!order.keep) rmSync(order.work, { recursive: true, force: true })
}
