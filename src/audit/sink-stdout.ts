/**
 * The audit on standard output, for platforms that collect it. Each run of the process begins a chain, with a
 * record that names the run and the one before it, and ends it with another. Bytes that were
 * written cannot be taken back, so the sink fails for good after the first failed write.
 */
import { randomUUID } from 'node:crypto'
import { write } from 'node:fs'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Reason } from '../errors.ts'
import { parseJson } from '../lib/json.ts'
import { isoNow } from '../lib/time.ts'
import type { AuditSink } from './log.ts'
import { genesis, readRunHead } from './record.ts'
import type { ChainHead, RunHead } from './record.ts'

interface Written {
  readonly bytesWritten: number
}

// The overloads of `promisify` do not know the custom promise of `fs.write`.
const writeTo = promisify(write) as unknown as (fd: number, bytes: Buffer, offset: number) => Promise<Written>

/** Milliseconds until a write to a full pipe is retried. */
const RETRY_MS = 20

export interface StreamSinkOptions {
  /** Only the audit writes to this file descriptor: other output would split its lines. */
  readonly fd: number
  /** Where the last record is noted for the next run; null: nowhere. */
  readonly headPath: string | null
}

/** Rejects with a message for the operator when the file of the last head cannot be used. */
export async function openStreamSink({ fd, headPath }: StreamSinkOptions): Promise<AuditSink> {
  let failure: unknown = null
  const run = randomUUID()
  const previous = headPath === null ? null : await readHead(headPath)
  const noteHead = async (head: ChainHead): Promise<void> => {
    if (headPath !== null) await writeHead(headPath, { run, ...head })
  }
  return {
    head: genesis,
    recovered: [],
    opening: [{ time: isoNow(), event: 'start', run, previous }],
    closing: () => [{ time: isoNow(), event: 'end', run }],
    opened: noteHead,
    async append(lines) {
      if (failure !== null) throw new Reason('the stream of the audit failed before', { cause: failure })
      try {
        await writeFully(fd, lines)
      } catch (error) {
        failure = error
        throw error
      }
    },
    close: noteHead,
  }
}

async function readHead(path: string): Promise<RunHead | null> {
  try {
    const head = readRunHead(parseJson(await readFile(path)))
    if (head !== null) return head
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw new Error(`audit.head_path: ${path} cannot be read`, { cause: error })
  }
  throw new Error(`audit.head_path: ${path} holds no record of a run; to begin anew, remove it`)
}

/** Replaces the file in one step, so that a crash leaves the old head or the new one. */
async function writeHead(path: string, head: RunHead): Promise<void> {
  await writeFile(`${path}.new`, `${JSON.stringify(head)}\n`, { mode: 0o600, flush: true })
  await rename(`${path}.new`, path)
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
