// What every command shares: exit codes, output, errors as people read them.
import { AgentError, messageOf } from '../core/errors.ts'

/** Documented in README.md; scripts rely on them. */
export const EXIT = { ok: 0, failed: 1, usage: 2, config: 3, notRunning: 4, refused: 5 } as const

/** Runs a command's action: an AgentError becomes `wearwatch: …` on stderr and an exit code, a bug keeps its stack. */
export function action<Args extends unknown[]>(
  run: (...args: Args) => Promise<number | undefined>,
): (...args: Args) => Promise<void> {
  return async (...args) => {
    try {
      process.exitCode = (await run(...args)) ?? EXIT.ok
    } catch (error) {
      process.exitCode = reportError(error)
    }
  }
}

function reportError(error: unknown): number {
  if (!(error instanceof AgentError)) {
    process.stderr.write(
      `wearwatch: unexpected error, please report it:\n${error instanceof Error ? error.stack : messageOf(error)}\n`,
    )
    return EXIT.failed
  }
  process.stderr.write(`wearwatch: ${error.message} [${error.code}]\n`)
  if (error.code === 'DAEMON_NOT_RUNNING') return EXIT.notRunning
  if (error.kind === 'config') return error.code === 'USAGE' ? EXIT.usage : EXIT.config
  return error.kind === 'refused' ? EXIT.refused : EXIT.failed
}

export function print(line = ''): void {
  process.stdout.write(`${line}\n`)
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2))
}

/** Colour only on a terminal, and never with NO_COLOR. */
export function paint(text: string, colour: 'red' | 'green' | 'yellow' | 'dim' | 'bold'): string {
  if (!process.stdout.isTTY || process.env.NO_COLOR) return text
  const code = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 }[colour]
  return `\u001b[${code}m${text}\u001b[0m`
}

/** Columns padded to their widest cell, two spaces apart. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, i) => Math.max(cell.length, ...rows.map(row => (row[i] ?? '').length)))
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd()
  return [line(head), ...rows.map(line)].join('\n')
}

/** Local time with offset, as people on site read it; `length` 23 shows milliseconds. */
export function localTime(iso: string, length = 19): string {
  const date = new Date(iso)
  const offset = -date.getTimezoneOffset()
  const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, length).replace('T', ' ')
  const sign = offset < 0 ? '-' : '+'
  const two = (n: number): string => String(Math.floor(Math.abs(n))).padStart(2, '0')
  return `${local}${sign}${two(offset / 60)}:${two(offset % 60)}`
}
