import { Writable } from 'node:stream'
import { createLogger, type Logger } from '../../agent/core/logger.ts'

export interface LogLine {
  level: number
  room?: string
  msg: string
  [field: string]: unknown
}

/** A logger whose lines can be looked at. */
export function keepingLogger(): { logger: Logger; lines: LogLine[] } {
  const lines: LogLine[] = []
  const out = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()) as LogLine)
      done()
    },
  })
  return { logger: createLogger({ level: 'debug', format: 'json', out }), lines }
}
