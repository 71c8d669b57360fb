/**
 * The audit of the process: chains records and writes them to a sink before the answers are sent. Entries that arrive
 * while the sink writes go into the next write (group commit), so that a slow disk costs one write for many requests.
 */
import { setImmediate, setTimeout as delay } from 'node:timers/promises'
import { Reason } from '../errors.ts'
import { chainEntries } from './record.ts'
import type { AuditEntry, AuditKeys, ChainHead } from './record.ts'

export interface AuditSink {
  /** The head of the chain when the sink was opened. */
  readonly head: ChainHead
  /** What opening had to repair. The opener records it first. */
  readonly recovered: readonly AuditEntry[]
  /** The first entries of a run, and the last ones; empty where runs need no bounds. */
  readonly opening: readonly AuditEntry[]
  closing(): readonly AuditEntry[]
  /**
   * Writes all lines or none; resolves when they are kept. `firstSeq` is the sequence number of the first line. Once it is
   * settled, the memory of the lines holds the next ones.
   */
  append(lines: Buffer, firstSeq: number): Promise<void>
  /** `head` is the last record that was kept. */
  close(head: ChainHead): Promise<void>
  /** Called with the head after the opening entries. */
  opened?(head: ChainHead): Promise<void>
}

export interface Audit {
  readonly keys: AuditKeys
  /**
   * Resolves when the entries are kept, at once for an empty list. Rejects when they are not, or not in time. Each entry
   * is the text of an `AuditEntry` (`entryText`).
   */
  write(entries: readonly string[]): Promise<void>
  /** The last record. Operators note it elsewhere, because a chain cannot show that its end was cut off. */
  head(): ChainHead
  /** Records the end of the run, and closes the sink. Waits for writes in progress, for five seconds at most. */
  close(): Promise<void>
}

/** Milliseconds for one write. A sink that does not answer withholds answers, as one that fails does. */
const TIMEOUT_MS = 5_000
/** Operations that may wait for one write. More would only cost memory while a sink is stuck. */
const MAX_WAITING = 10_000

interface Waiting {
  readonly entries: readonly string[]
  readonly settled: PromiseWithResolvers<undefined>
}

/** Bytes of memory for the lines of a write: at first, and kept at most. */
const [ROOM_BYTES, MAX_ROOM_BYTES] = [65_536, 8_388_608]

const nothingToWrite = Promise.resolve()

export function createAudit(sink: AuditSink, keys: AuditKeys, timeoutMs = TIMEOUT_MS): Audit {
  let head = sink.head
  let waiting: Waiting[] = []
  let writing: Promise<void> | null = null
  /** True after a write timed out, until it settles; new writes fail fast. */
  let isStuck = false

  let room = Buffer.allocUnsafeSlow(ROOM_BYTES)
  /** Reused, because there is one write at a time: under load a buffer for each would be hundreds of megabytes a second. */
  function roomFor(bytes: number): Buffer {
    if (bytes > MAX_ROOM_BYTES) return Buffer.allocUnsafeSlow(bytes)
    if (bytes > room.length) room = Buffer.allocUnsafeSlow(Math.min(MAX_ROOM_BYTES, 2 ** Math.ceil(Math.log2(bytes))))
    return room
  }

  function giveUp(batch: readonly Waiting[]): void {
    isStuck = true
    const stuck = [...batch, ...waiting]
    waiting = []
    for (const { settled } of stuck) settled.reject(new Reason('the sink of the audit did not answer in time'))
  }

  async function writeAll(): Promise<void> {
    // Operations that end in the same turn of the event loop share the first write too.
    await setImmediate()
    while (waiting.length > 0) {
      const batch = waiting
      waiting = []
      // The head moves only when the sink has kept the lines; after a failure the same numbers are used again.
      const chained = chainEntries(
        batch.flatMap(({ entries }) => entries),
        head,
        keys,
        roomFor,
      )
      const timer = setTimeout(giveUp, timeoutMs, batch)
      try {
        await sink.append(chained.lines, head.seq + 1)
        head = chained.head
        for (const { settled } of batch) settled.resolve(undefined)
      } catch (error) {
        for (const { settled } of batch) settled.reject(error)
      } finally {
        clearTimeout(timer)
      }
      isStuck = false
    }
    writing = null
  }

  function write(entries: readonly string[]): Promise<void> {
    if (entries.length === 0) return nothingToWrite
    if (isStuck || waiting.length >= MAX_WAITING)
      return Promise.reject(new Reason('the sink of the audit does not keep up'))
    const settled = Promise.withResolvers<undefined>()
    waiting.push({ entries, settled })
    writing ??= writeAll()
    return settled.promise
  }

  return {
    keys,
    head: () => head,
    write,
    async close() {
      // A sink that does not answer cannot be closed in order.
      await write(sink.closing().map(entryText)).catch(() => undefined)
      const isIdle = await Promise.race([
        (writing ?? Promise.resolve()).then(() => true),
        delay(isStuck ? 0 : timeoutMs, false, { ref: false }),
      ])
      if (isIdle) await sink.close(head)
    },
  }
}

/** The entry as `Audit.write` takes it. */
export function entryText(entry: AuditEntry): string {
  return JSON.stringify(entry).slice(1, -1)
}
