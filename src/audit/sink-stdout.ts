/**
 * The audit on standard output, for platforms that collect it. Each run of the process begins a chain. Bytes that were
 * written cannot be taken back, so the sink fails for good after the first failed write.
 */
import { write } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Reason } from '../errors.ts'
import type { AuditSink } from './log.ts'
import { genesis } from './record.ts'

interface Written {
  readonly bytesWritten: number
}

// The overloads of `promisify` do not know the custom promise of `fs.write`.
const writeTo = promisify(write) as unknown as (fd: number, bytes: Buffer, offset: number) => Promise<Written>

/** Milliseconds until a write to a full pipe is retried. */
const RETRY_MS = 20

/** Opens the sink on a file descriptor that only the audit writes to: other output would split its lines. */
export function openStreamSink(fd: number): AuditSink {
  let failure: unknown = null
  return {
    head: genesis,
    recovered: [],
    async append(lines) {
      if (failure !== null) throw new Reason('the stream of the audit failed before', { cause: failure })
      try {
        await writeFully(fd, Buffer.from(lines))
      } catch (error) {
        failure = error
        throw error
      }
    },
    close: () => Promise.resolve(),
  }
}

/** Writes off the main thread: a reader that stopped must not block the health check. */
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
