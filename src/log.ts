/**
 * Structured logs. No text of a caller or a platform is logged: the message of a foreign error may quote its input
 * (`JSON.parse` quotes the body), so such an error shows its name, its code and its stack frames only. The messages of
 * `CodedError` and `Reason` are ours.
 */
import { pino } from 'pino'
import type { DestinationStream, Logger } from 'pino'
import { CodedError, Reason } from './errors.ts'
import { createCache } from './lib/cache.ts'
import { monotonicMs } from './lib/time.ts'

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'isLevelEnabled'>
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

interface LogOptions {
  readonly level: LogLevel
  readonly readable: boolean
  /** The file descriptor; standard output when left out. */
  readonly fd?: 1 | 2
}

/** The log of a process. */
export interface ProcessLog extends Log {
  /** Resolves when every line so far is written; never, while the reader of the log has stopped. */
  drained(): Promise<void>
}

/** JSON lines in production; readable on a terminal in development. */
export async function createLog({ level, readable, fd = 1 }: LogOptions): Promise<ProcessLog> {
  // The readable stream writes in the same turn.
  if (readable) return withDrained(writeLog(level, await readableStream(fd)), () => Promise.resolve())
  const destination = pino.destination({ fd, sync: false })
  return withDrained(
    writeLog(level, destination),
    () =>
      new Promise((resolve) => {
        destination.once('drain', resolve)
        // Ends in a `drain` even where nothing was waiting.
        destination.write('')
      }),
  )
}

function withDrained(log: Log, drained: ProcessLog['drained']): ProcessLog {
  return Object.assign(log, { drained })
}

/** Writes the same log into a stream. */
export function writeLog(level: LogLevel, stream: DestinationStream): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (word) => ({ level: word }) },
      serializers: { error: describeError },
    },
    stream,
  )
}

async function readableStream(fd: number): Promise<DestinationStream> {
  const { default: pretty } = await import('pino-pretty')
  const stream = pretty({
    ignore: 'pid,hostname,request_id,trace_id',
    translateTime: 'HH:MM:ss',
    singleLine: true,
    sync: true,
    destination: fd,
  })
  return { write: (line) => stream.write(`${foldRequest(line)}\n`) }
}

/** The line of a request as one sentence, `POST /graphql Sync 200 3 ms [UPSTREAM_TIMEOUT clerk]`; others as they are. */
export function foldRequest(line: string): string {
  const fields = JSON.parse(line) as Readonly<Record<string, string | number | readonly string[] | undefined>>
  if (fields.msg !== 'request') return line.trimEnd()
  const { level, time, method, path, operation_name: name, status, duration_ms: ms, codes, upstreams } = fields
  const failures = [codes ?? [], upstreams ?? []].flat()
  const parts = [method, path, name, status, `${String(ms)} ms`, failures.length > 0 ? `[${failures.join(' ')}]` : '']
  return JSON.stringify({ level, time, msg: parts.filter((part) => part !== undefined && part !== '').join(' ') })
}

interface ErrorFacts {
  readonly name: string
  readonly code?: string
  readonly message?: string
  readonly frames?: readonly string[]
  readonly cause?: ErrorFacts
}

const MAX_CAUSES = 5

/** Describes an error without foreign text: the messages of our own errors, and where any other was thrown. */
function describeError(error: unknown, depth = 0): ErrorFacts {
  if (!(error instanceof Error)) return { name: typeof error }
  const code = (error as { code?: unknown }).code
  return {
    name: error.name,
    ...(typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? { code } : {}),
    ...(error instanceof CodedError || error instanceof Reason
      ? { message: error.message }
      : { frames: (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line)) }),
    ...(error.cause === undefined || depth === MAX_CAUSES ? {} : { cause: describeError(error.cause, depth + 1) }),
  }
}

/** Lines of one key in one window; more tell an operator nothing new, and a caller could fill the disk with them. */
const LINES = 20
const WINDOW_MS = 60_000
/** Keys that are counted. Where a platform chooses a part of the key, it cannot make the memory grow. */
const MAX_KEYS = 1000

/** Writes a line unless its key had too many lately; the next line that is written says how many were left out. */
export type LimitedLog = (level: 'info' | 'warn', key: string, fields: object, message: string) => void

/** Create it once per process. `nowMs` is the monotonic clock, in milliseconds. */
export function limitLines(log: Log, nowMs: () => number = monotonicMs): LimitedLog {
  const counts = createCache<{ since: number; written: number; leftOut: number }>({ entries: MAX_KEYS })
  return (level, key, fields, message) => {
    const now = nowMs()
    let count = counts.get(key)
    if (count === undefined || now - count.since >= WINDOW_MS)
      counts.set(key, (count = { since: now, written: 0, leftOut: count?.leftOut ?? 0 }))
    if (count.written >= LINES) {
      count.leftOut += 1
      return
    }
    count.written += 1
    const { leftOut } = count
    count.leftOut = 0
    log[level](leftOut > 0 ? { ...fields, left_out: leftOut } : fields, message)
  }
}
