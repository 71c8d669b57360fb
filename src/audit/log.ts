/**
 * The audit of this process: links records into one chain and hands them to a sink, before the answer leaves. What
 * waits while the sink writes goes with the next write (group commit), so that one slow disk does not cost a write
 * for each request.
 */
import { setImmediate } from 'node:timers/promises'
import { genesis, linkEntries } from './record.ts'
import type { AuditEntry, AuditKeys, Head } from './record.ts'

export interface AuditSink {
  /** Where the chain stood when the sink was opened. */
  readonly head: Head
  /** What opening had to repair; whoever opens the sink records it before anything else. */
  readonly recovered: readonly AuditEntry[]
  /** All of it or nothing: resolves when the lines are kept. `first` is the sequence number of the first of them. */
  append(lines: string, first: number): Promise<void>
  close(): Promise<void>
}

export interface Audit {
  readonly keys: AuditKeys
  /** Resolves when the entries are kept, at once when there is none; rejects when they are not. */
  write(entries: readonly AuditEntry[]): Promise<void>
  /** Where the chain stands: what an operator notes elsewhere to see later that the end was not cut off. */
  head(): Head
  close(): Promise<void>
}

/** Milliseconds. A sink that does not answer withholds answers just as one that fails does. */
const TIMEOUT_MS = 5_000
/** Operations that may wait for one write; more would only be memory that a dead sink costs. */
const MAX_WAITING = 10_000

interface Waiting {
  readonly entries: readonly AuditEntry[]
  readonly settled: PromiseWithResolvers<undefined>
}

export function createAudit(sink: AuditSink, keys: AuditKeys, timeout_ms = TIMEOUT_MS): Audit {
  let head = sink.head
  let waiting: Waiting[] = []
  let writing: Promise<void> | null = null
  /** Whether the write under way has taken longer than anybody waits. */
  let stuck = false

  async function writeAll(): Promise<void> {
    // Operations that end in the same turn of the event loop share the first write too.
    await setImmediate()
    while (waiting.length > 0) {
      const batch = waiting
      waiting = []
      // The head moves only when the sink has kept the lines; after a failure the same numbers are used again.
      const linked = linkEntries(
        batch.flatMap(({ entries }) => entries),
        head,
        keys,
      )
      try {
        await sink.append(linked.text, head.seq + 1)
        head = linked.head
        for (const { settled } of batch) settled.resolve(undefined)
      } catch (error) {
        for (const { settled } of batch) settled.reject(error)
      }
      stuck = false
    }
    writing = null
  }

  function enqueue(entries: readonly AuditEntry[]): Promise<undefined> {
    const settled = Promise.withResolvers<undefined>()
    waiting.push({ entries, settled })
    writing ??= writeAll()
    return settled.promise
  }

  return {
    keys,
    head: () => head,
    async write(entries) {
      if (entries.length === 0) return
      if (stuck || waiting.length >= MAX_WAITING) throw new Error('the sink of the audit does not keep up')
      await within(timeout_ms, enqueue(entries), () => {
        stuck = writing !== null
      })
    },
    async close() {
      await writing
      await sink.close()
    },
  }
}

async function within(ms: number, promise: Promise<unknown>, onLate: () => void): Promise<void> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    onLate()
    late.reject(new Error('the sink of the audit did not answer in time'))
  }, ms)
  promise.catch(() => undefined) // it may fail after it was given up
  try {
    await Promise.race([promise, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** For `audit.sink: none`: nothing is recorded. */
export const noAudit: Audit = {
  keys: { chain: () => '', fingerprint: () => null },
  write: () => Promise.resolve(),
  head: () => genesis,
  close: () => Promise.resolve(),
}
