/**
 * Structured logs. No text of a caller or a platform is logged: the message of a foreign error may quote its input
 * (`JSON.parse` quotes the body), so such an error shows its name, its code and its stack frames only.
 */
import { pino } from 'pino'
import type { DestinationStream, Logger } from 'pino'
import { CodedError } from './errors.ts'

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error' | 'fatal'>
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

interface LogOptions {
  readonly level: LogLevel
  readonly readable: boolean
  /** The file descriptor; standard output when left out. */
  readonly fd?: 1 | 2
}

/** JSON lines in production; readable on a terminal in development. */
export async function createLog({ level, readable, fd = 1 }: LogOptions): Promise<Log> {
  return writeLog(level, readable ? await readableStream(fd) : pino.destination({ fd, sync: false }))
}

/** Writes the same log into a stream. */
export function writeLog(level: LogLevel, stream: DestinationStream): Log {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, serializers: { error: describeError } },
    stream,
  )
}

async function readableStream(fd: number): Promise<DestinationStream> {
  const { default: pretty } = await import('pino-pretty')
  return pretty({ ignore: 'pid,hostname', translateTime: 'HH:MM:ss', sync: true, destination: fd })
}

interface ErrorFacts {
  readonly name: string
  readonly code?: string
  readonly message?: string
  readonly frames?: readonly string[]
  readonly cause?: ErrorFacts
}

const MAX_CAUSES = 5

/** Describes an error without foreign text: the message of a coded error, and where any other was thrown. */
function describeError(error: unknown, depth = 0): ErrorFacts {
  if (!(error instanceof Error)) return { name: typeof error }
  const code = (error as { code?: unknown }).code
  return {
    name: error.name,
    ...(typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? { code } : {}),
    ...(error instanceof CodedError
      ? { message: error.message }
      : { frames: (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line)) }),
    ...(error.cause === undefined || depth === MAX_CAUSES ? {} : { cause: describeError(error.cause, depth + 1) }),
  }
}
