/** Where commands print, a progress line, and the exit codes. */
import { ConfigError } from '../config/problems.ts'
import { CodedError } from '../errors.ts'
import { whyNot } from '../lib/files.ts'
import { monotonicMs } from '../lib/time.ts'

/** docs/operations.md lists what each means. */
export const exitCodes = { ok: 0, no: 1, usage: 2, unable: 3 } as const

/** What was typed does not make a command. */
export class UsageError extends Error {}

/** Something that the command needs cannot be had: a port, a database, a file that another process holds. */
export class UnableError extends Error {}

/** Rejects with `UnableError`, but for mistakes in the configuration, which are the operator's to mend. */
export async function needing<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw error instanceof ConfigError ? error : new UnableError(messageOf(error), { cause: error })
  }
}

/** What a command that failed prints, and its exit code. */
export function describeFailure(error: unknown): { readonly message: string; readonly code: number } {
  return { message: messageOf(error), code: codeOf(error) }
}

/** Every error that a command throws on purpose has a message for the operator. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unexpected error'
  const why = whyNot(error)
  return why === null ? error.message : `${'path' in error ? String(error.path) : 'a file'}: ${why}`
}

function codeOf(error: unknown): number {
  if (error instanceof UsageError) return exitCodes.usage
  if (error instanceof UnableError) return exitCodes.unable
  // The options of a command name accounts as arguments of the graph do; what else is coded comes from a platform.
  if (error instanceof CodedError) return error.code === 'BAD_USER_INPUT' ? exitCodes.usage : exitCodes.unable
  return exitCodes.no
}

/** A stream such as `process.stdout`. */
export interface Terminal {
  write(text: string): unknown
  readonly isTTY?: boolean
  /** Whether its reader has gone: what is written is lost, and a command that only prints may stop. */
  readonly isClosed?: boolean
}

export interface Output {
  /** Results. */
  readonly out: Terminal
  /** Problems and progress. */
  readonly err: Terminal
}

/**
 * Standard output and error. `tokengraph schema | head` closes the pipe early, which is no failure: the command goes on
 * without a reader, because it may have work left, and exits with its own code. `onFailure` gets every other error of
 * writing, such as a full disk.
 */
export function openOutput(
  { stdout, stderr }: Pick<NodeJS.Process, 'stdout' | 'stderr'>,
  onFailure: (message: string) => void,
): Output {
  return { out: toTerminal(stdout, 'Standard output', onFailure), err: toTerminal(stderr, 'Standard error', onFailure) }
}

function toTerminal(stream: NodeJS.WriteStream, name: string, onFailure: (message: string) => void): Terminal {
  let isClosed = false
  stream.on('error', (error: NodeJS.ErrnoException) => {
    const wasOpen = !isClosed
    isClosed = true
    if (wasOpen && error.code !== 'EPIPE') onFailure(`${name} cannot be written: ${whyNot(error) ?? 'unknown error'}.`)
  })
  return {
    write: (text) => !isClosed && stream.write(text),
    isTTY: stream.isTTY,
    get isClosed() {
      return isClosed
    },
  }
}

export interface Progress {
  /** `share`: how much of the work that is, from 0 to 1; left out: as the total says. */
  update(done: number, share?: number): void
  /** Erases the line. Call it before anything else is printed. */
  end(): void
}

/** Steps between two updates of the line. */
const INTERVAL = 1000
// ECMA-48: carriage return, then erase to the end of the line.
const CLEAR_LINE = '\r\u001b[K'

/** Milliseconds between two lines on what is no terminal: a log shows that the command goes on. */
const LINE_MS = 10_000

/**
 * Creates a line that counts up on a terminal; on any other stream it prints a line every ten seconds. `nowMs` is the
 * monotonic clock, in milliseconds.
 */
export function createProgress(
  terminal: Terminal,
  label: string,
  total: number | null = null,
  nowMs: () => number = monotonicMs,
): Progress {
  let isShown = false
  let printedAt = nowMs()
  let steps = 0
  const textOf = (done: number, share: number | null): string => {
    const percent = share === null ? '' : ` (${Math.min(100, Math.floor(100 * share))} %)`
    return `${label}: ${done}${total === null ? '' : ` of ${total}`}${percent}`
  }
  return {
    update(done, share) {
      if (Math.floor(done / INTERVAL) === steps) return
      steps = Math.floor(done / INTERVAL)
      const isLineDue = terminal.isTTY !== true && nowMs() - printedAt >= LINE_MS
      if (terminal.isTTY !== true && !isLineDue) return
      const text = textOf(done, share ?? (total === null || total === 0 ? null : done / total))
      terminal.write(isLineDue ? `${text}\n` : `${CLEAR_LINE}${text}`)
      isShown = !isLineDue
      printedAt = nowMs()
    },
    end() {
      if (isShown) terminal.write(CLEAR_LINE)
      isShown = false
    },
  }
}

/** How a command prints what it found: for people, or for programs. */
export type Format = 'text' | 'json'
