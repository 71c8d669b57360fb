/** A line that counts up on a terminal, and nothing at all elsewhere. */

/** A stream such as `process.stdout`. */
export interface Terminal {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
}

export interface Progress {
  update(done: number): void
  /** Takes the line away; call it before anything else is printed. */
  end(): void
}

/** How many steps pass between two updates of the line. */
const INTERVAL = 1000
// ECMA-48: carriage return, then erase to the end of the line.
const CLEAR_LINE = '\r\u001b[K'

export function createProgress(terminal: Terminal, label: string, total: number | null = null): Progress {
  let isShown = false
  const of = total === null ? '' : ` of ${String(total)}`
  return {
    update(done) {
      if (terminal.isTTY !== true || done % INTERVAL !== 0 || done === 0) return
      terminal.write(`${CLEAR_LINE}${label}: ${String(done)}${of}`)
      isShown = true
    },
    end() {
      if (isShown) terminal.write(CLEAR_LINE)
      isShown = false
    },
  }
}

/** Where the `vault` commands print. */

export interface Output {
  /** Results. */
  readonly out: Terminal
  /** Problems and progress. */
  readonly err: Terminal
}
