// What Linux says of a process from outside.
import { readFileSync } from 'node:fs'

/** Processor time of all its threads so far, in steps of 10 ms; undefined without /proc. */
export function cpuUs(pid: number): number | undefined {
  try {
    const ticks = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')
    return (Number(ticks[11]) + Number(ticks[12])) * 10_000
  } catch {
    return undefined
  }
}

/** Pages that several processes share, such as node's own code, are divided among them; undefined without /proc. */
export function proportionalMb(pid: number): number | undefined {
  try {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
    return (Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1]) * 1024) / 1e6
  } catch {
    return undefined
  }
}
