// pino behind a small interface: NDJSON for machines, one line per event for people on a terminal.
import { Writable } from 'node:stream'
import { pino } from 'pino'

export type LogFields = Record<string, unknown>

export interface Logger {
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  debug(message: string, fields?: LogFields): void
  /** The same logger with `room` set: the first word of every line. */
  room(name: string): Logger
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

export interface LoggerOptions {
  level: LogLevel
  /** `json`: one JSON object a line; `text`: `hh:mm:ss room      message  key=value`. */
  format: 'json' | 'text'
  out?: NodeJS.WritableStream
}

export function createLogger(options: LoggerOptions): Logger {
  const out = options.out ?? process.stderr
  const stream = options.format === 'json' ? out : textStream(out)
  return wrap(pino({ level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream))
}

export const silentLogger: Logger = {
  info() {},
  warn() {},
  error() {},
  debug() {},
  room: () => silentLogger,
}

function wrap(inner: pino.Logger): Logger {
  return {
    info: (message, fields) => inner.info(fields ?? {}, message),
    warn: (message, fields) => inner.warn(fields ?? {}, message),
    error: (message, fields) => inner.error(fields ?? {}, message),
    debug: (message, fields) => inner.debug(fields ?? {}, message),
    room: name => wrap(inner.child({ room: name })),
  }
}

function textStream(out: NodeJS.WritableStream): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      out.write(`${textLine(JSON.parse(chunk.toString()))}\n`)
      done()
    },
  })
}

function textLine(record: Record<string, unknown>): string {
  const { level, time, msg, room, ...fields } = record
  const clock = new Date(String(time)).toTimeString().slice(0, 8)
  const mark = Number(level) >= 50 ? 'ERROR ' : Number(level) >= 40 ? 'WARN  ' : ''
  const rest = Object.entries(fields).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  return `${clock} ${String(room ?? '').padEnd(9)} ${mark}${msg}${rest.length > 0 ? `  ${rest.join(' ')}` : ''}`
}
