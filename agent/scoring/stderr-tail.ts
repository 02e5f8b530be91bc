// What native libraries print: worth having when a child dies, not worth a full disk.
import type { Logger } from '../core/logger.ts'

const LINE_CHARS_MAX = 400
const LOGGED_LINES_MAX = 200

/** Logs the first lines of a child's stderr at debug and remembers the last one that says something. */
export class StderrTail {
  readonly #logger: Logger
  #partial = ''
  #logged = 0
  #lastLine = ''

  constructor(logger: Logger) {
    this.#logger = logger
  }

  get lastLine(): string {
    return (this.#partial.trim() || this.#lastLine).slice(0, LINE_CHARS_MAX)
  }

  push(chunk: Buffer): void {
    const lines = (this.#partial + chunk.toString('utf8')).split('\n')
    // An endless line keeps its end only.
    this.#partial = (lines.pop() ?? '').slice(-LINE_CHARS_MAX)
    for (const line of lines) this.#line(line.trim().slice(0, LINE_CHARS_MAX))
  }

  #line(line: string): void {
    if (line === '') return
    this.#lastLine = line
    if (this.#logged++ < LOGGED_LINES_MAX) this.#logger.debug('scorer stderr', { line })
    else if (this.#logged === LOGGED_LINES_MAX + 1) this.#logger.debug('scorer stderr: the rest is left out')
  }
}
