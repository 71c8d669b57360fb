/** Where commands print, and a progress line for terminals. */

/** A stream such as `process.stdout`. */
export interface Terminal {
  write(text: string): unknown
  readonly isTTY?: boolean
}

export interface Output {
  /** Results. */
  readonly out: Terminal
  /** Problems and progress. */
  readonly err: Terminal
}

export interface Progress {
  update(done: number): void
  /** Erases the line. Call it before anything else is printed. */
  end(): void
}

/** Steps between two updates of the line. */
const INTERVAL = 1000
// ECMA-48: carriage return, then erase to the end of the line.
const CLEAR_LINE = '\r\u001b[K'

/** Creates a line that counts up on a terminal; on any other stream it prints nothing. */
export function createProgress(terminal: Terminal, label: string, total: number | null = null): Progress {
  let isShown = false
  const of = total === null ? '' : ` of ${total}`
  return {
    update(done) {
      if (terminal.isTTY !== true || done % INTERVAL !== 0 || done === 0) return
      terminal.write(`${CLEAR_LINE}${label}: ${done}${of}`)
      isShown = true
    },
    end() {
      if (isShown) terminal.write(CLEAR_LINE)
      isShown = false
    },
  }
}

/** How a command prints what it found: for people, or for programs. */
export type Format = 'text' | 'json'
