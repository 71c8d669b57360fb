/**
 * The audit on standard output, for platforms that collect it. A chain for each run of the process: what was written
 * cannot be taken back, so after a failure the sink stays closed until the process starts anew.
 */
import { write } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { AuditSink } from './log.ts'
import { genesis } from './record.ts'

const writeTo = promisify(write) as unknown as (fd: number, bytes: Buffer, offset: number) => Promise<Written>
interface Written {
  readonly bytesWritten: number
}

/** Milliseconds until a pipe that is full is tried again. */
const RETRY_MS = 20

/** `fd` must be written by nothing else, or lines would mix: the log goes elsewhere. */
export function openStreamSink(fd: number): AuditSink {
  let failure: unknown = null
  return {
    head: genesis,
    recovered: [],
    async append(lines) {
      if (failure !== null) throw new Error('the stream of the audit failed before', { cause: failure })
      try {
        // Off the main thread: a reader that has stopped must not stop the health check.
        await writeFully(fd, Buffer.from(lines))
      } catch (error) {
        failure = error
        throw error
      }
    },
    close: () => Promise.resolve(),
  }
}

async function writeFully(fd: number, bytes: Buffer): Promise<void> {
  let written = 0
  while (written < bytes.length) {
    try {
      written += (await writeTo(fd, bytes, written)).bytesWritten
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error
      await delay(RETRY_MS)
    }
  }
}
