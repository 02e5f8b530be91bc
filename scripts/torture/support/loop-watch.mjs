// Loaded before the agent (node --import): writes to descriptor 3 each time when its loop stood still by its own work.
// Monotonic time and CPU time alone: neither follows the wall clock that is being bent.
import { writeSync } from 'node:fs'

const TICK_MS = 10
const REPORT_MS = 50
const OUT = 3

let last = process.hrtime.bigint()
let cpu = process.cpuUsage()
setInterval(() => {
  const now = process.hrtime.bigint()
  const lateMs = Number(now - last) / 1e6 - TICK_MS
  const used = process.cpuUsage(cpu)
  last = now
  cpu = process.cpuUsage()
  // A busy machine that does not let it run is no fault of it: then it used no CPU meanwhile.
  const workMs = Math.min(lateMs, (used.user + used.system) / 1000)
  if (workMs > REPORT_MS)
    writeSync(OUT, `${JSON.stringify({ workMs: Math.round(workMs), lateMs: Math.round(lateMs) })}\n`)
}, TICK_MS).unref()
