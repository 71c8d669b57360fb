/**
 * The audit in a file that rotates. Writes are all or nothing: a failed write is truncated away, so that a full disk
 * leaves no partial record and the chain continues when there is room again. One process per file: it holds a
 * lock, and a writer without one is detected, after which every write fails.
 */
import { hash } from 'node:crypto'
import { constants, statSync, writeSync } from 'node:fs'
import { mkdir, open, readdir, rename, unlink, writeFile } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Reason } from '../errors.ts'
import { whyNot } from '../lib/files.ts'
import { isoNow, monotonicMs } from '../lib/time.ts'
import type { AuditSink } from './log.ts'
import type { FileAuditConfig } from './options.ts'
import { genesis, parseRecord } from './record.ts'
import type { AuditEntry, AuditKeys, ChainHead, ChainRecord } from './record.ts'

export type FileSinkOptions = Omit<FileAuditConfig, 'sink' | 'key'>

/** Milliseconds after which `fsync: interval` asks the disk: what is written is there within 100. */
const SYNC_MS = 50

/** Rejects with a message for the operator when the chain of the file cannot be continued. */
export async function openFileSink(options: FileSinkOptions, keys: AuditKeys): Promise<AuditSink> {
  const { path, max_bytes: maxBytes, keep, fsync } = options
  const { unlock, tail, opened } = await openChain(path, keys)
  const writeFully = createWriter()
  let file: FileHandle | null = opened
  let { size, ino: inode } = await file.stat()
  let { firstSeq } = tail
  /** Whether the file may end in bytes of a write that failed. */
  let isDirty = false
  /** With `fsync: interval`: set while bytes wait for the disk. */
  let syncTimer: NodeJS.Timeout | null = null
  let syncFailure: unknown = null

  async function append(bytes: Buffer, seq: number): Promise<void> {
    await throwIfUnsynced()
    let current = await currentFile()
    if (size > 0 && size + bytes.length > maxBytes) current = await rotate(current)
    try {
      await writeFully(current, bytes)
      if (fsync === true) await current.datasync()
    } catch (error) {
      // Truncated at once, so that a reader of the file finds no partial record; or else before the next write.
      isDirty = true
      await current.truncate(size).then(markClean, () => undefined)
      throw error
    }
    size += bytes.length
    firstSeq ??= seq
    if (fsync === 'interval') syncTimer ??= setTimeout(syncSoon, SYNC_MS)
  }

  /** A disk that does not take what was written withholds the next answers, as one that cannot be written does. */
  function syncSoon(): void {
    syncTimer = null
    file?.datasync().catch((error: unknown) => {
      syncFailure = error
    })
  }

  async function throwIfUnsynced(): Promise<void> {
    if (syncFailure === null) return
    await file?.datasync()
    const cause = syncFailure
    syncFailure = null
    throw new Reason('the disk did not take the records before', { cause })
  }

  function markClean(): void {
    isDirty = false
  }

  /** Returns the open file, without the bytes of a failed write, after a check that it is still the one at the path. */
  async function currentFile(): Promise<FileHandle> {
    if (file !== null && isDirty) await file.truncate(size)
    markClean()
    // Not in a thread of its own: what is asked for is in the memory of the system, and a thread costs ten times as much.
    const onDisk = statSync(path, { throwIfNoEntry: false }) ?? null
    if (file !== null && onDisk?.ino === inode) {
      if (onDisk.size !== size) throw new Reason('something else writes the audit file')
      return file
    }
    // The operator moved the file, or a rotation stopped after its rename: the chain continues in a new file.
    await file?.close()
    file = null
    if (onDisk !== null && onDisk.size > 0) throw new Reason('something else writes the audit file')
    file = await openToAppend(path)
    inode = (await file.stat()).ino
    size = 0
    firstSeq = null
    return file
  }

  async function rotate(current: FileHandle): Promise<FileHandle> {
    await current.datasync()
    await rename(path, rotatedName(path, firstSeq ?? 0))
    const next = await currentFile()
    await syncFolder(path)
    if (keep !== null) {
      const rotated = await listRotated(path)
      await Promise.all(rotated.slice(0, Math.max(0, rotated.length - keep)).map((name) => unlink(name)))
    }
    return next
  }

  return {
    head: tail.head,
    recovered: tail.recovered,
    opening: [],
    closing: () => [],
    append,
    async close() {
      if (syncTimer !== null) clearTimeout(syncTimer)
      try {
        if (fsync === 'interval') await file?.datasync()
      } finally {
        await file?.close()
        file = null
        unlock()
      }
    },
  }
}

/** Rejects with a message for the operator, and without the lock. */
async function openChain(path: string, keys: AuditKeys) {
  let unlock = (): void => undefined
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    unlock = await lockFile(path)
    return { tail: await recoverTail(path, keys), opened: await openToAppend(path), unlock }
  } catch (cause) {
    unlock()
    const why = whyNot(cause)
    if (why === null) throw cause
    throw new Error(`audit.path: ${path} cannot be used: ${why}; name a file in a folder that this user may write to`, {
      cause,
    })
  }
}

/**
 * Takes the lock of the file, for as long as the process lives; the operating system gives it back after a crash. Node
 * has no file locks, and a file with a process id says nothing across containers: an exclusive transaction of SQLite is
 * a lock of the operating system. Rejects with a message for the operator. Returns what gives the lock back.
 */
async function lockFile(path: string): Promise<() => void> {
  const lockPath = `${path}.lock`
  await (await open(lockPath, constants.O_RDWR | constants.O_CREAT, 0o600)).close()
  const { DatabaseSync } = await import('node:sqlite')
  const database = new DatabaseSync(lockPath)
  try {
    database.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    throw new Error(
      `audit.path: another process writes ${path}; give each server a file of its own, or stop the other one first`,
      { cause: error },
    )
  }
  return () => {
    if (database.isOpen) database.close()
  }
}

async function openToAppend(path: string): Promise<FileHandle> {
  return open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND, 0o600)
}

/** Milliseconds that a write may take of the event loop; and for how long writes go to a thread after a slower one. */
const [QUICK_MS, THREADED_MS] = [5, 10_000]

/**
 * Returns what writes all of the bytes. Most writes end in the page cache, where a thread costs several times as much as
 * the write. A slow one shows a disk that makes writers wait, and the next ones wait in a thread. `nowMs` is the monotonic
 * clock.
 */
export function createWriter(nowMs: () => number = monotonicMs) {
  let threadedUntil = -Infinity
  const writeSome = (file: FileHandle, bytes: Buffer, from: number): number => {
    const began = nowMs()
    try {
      return writeSync(file.fd, bytes, from)
    } finally {
      const ended = nowMs()
      if (ended - began > QUICK_MS) threadedUntil = ended + THREADED_MS
    }
  }
  return async (file: FileHandle, bytes: Buffer): Promise<void> => {
    let written = 0
    // A disk that is nearly full writes a part first and fails on the rest.
    while (written < bytes.length)
      written +=
        nowMs() < threadedUntil ? (await file.write(bytes, written)).bytesWritten : writeSome(file, bytes, written)
  }
}

/** Makes a rename survive a power failure. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), constants.O_RDONLY)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** `audit.ndjson.000000000000123`: named by the first record of the file, so that names sort in the chain's order. */
function rotatedName(path: string, firstSeq: number): string {
  return `${path}.${firstSeq.toString().padStart(15, '0')}`
}

/** Lists the rotated files of an audit file, oldest first. */
export async function listRotated(path: string): Promise<readonly string[]> {
  const folder = dirname(path)
  const prefix = `${basename(path)}.`
  const names = await readdir(folder)
  return names
    .filter((name) => name.startsWith(prefix) && /^\d{15}$/.test(name.slice(prefix.length)))
    .sort()
    .map((name) => join(folder, name))
}

/** Bytes. More than there are from one seal to the next, so that the last sealed record of a file is within its tail. */
const TAIL_BYTES = 1024 * 1024
const LINE_FEED = 0x0a

interface Tail {
  readonly head: ChainHead
  /** The sequence number of the first record of the file; null for an empty file. */
  readonly firstSeq: number | null
  readonly recovered: readonly AuditEntry[]
}

/**
 * Tail recovery: finds the head of the chain in the files on disk. Creates the file where there is none. An incomplete
 * last line, as a crash leaves it, is moved to a file beside it.
 */
async function recoverTail(path: string, keys: AuditKeys): Promise<Tail> {
  const file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NONBLOCK, 0o600)
  try {
    if (!(await file.stat()).isFile()) throw new Error(`audit.path: ${path} is not a regular file`)
    const recovered = await moveTornWrite(file, path, keys)
    const last = await readLastRecord(file, path, keys)
    if (last !== null) return { head: last, firstSeq: await readFirstSeq(file, path, keys), recovered }
    const newest = (await listRotated(path)).at(-1)
    return { head: newest === undefined ? genesis : await readHead(newest, keys), firstSeq: null, recovered }
  } finally {
    await file.close()
  }
}

async function readHead(path: string, keys: AuditKeys): Promise<ChainHead> {
  const file = await open(path, constants.O_RDONLY)
  try {
    return (await readLastRecord(file, path, keys)) ?? genesis
  } finally {
    await file.close()
  }
}

/**
 * A write ends in a sealed record, and answers leave when it is complete: what follows the last seal is no part of an
 * answer. What is neither that nor an incomplete line stays where it is, and `readLastRecord` refuses it.
 */
async function moveTornWrite(file: FileHandle, path: string, keys: AuditKeys): Promise<readonly AuditEntry[]> {
  const { start, bytes } = await readTail(file)
  const end = endOfLastWrite(bytes, keys)
  if (end === bytes.length) return []
  if (end === 0 && start > 0) throw new Error(`audit.path: ${path} does not end in records`)
  const torn = bytes.subarray(end)
  const time = isoNow()
  await writeFile(`${path}.torn-${time.replaceAll(':', '')}`, torn, { flag: 'wx', mode: 0o600, flush: true })
  await file.truncate(start + end)
  await file.datasync()
  return [{ time, event: 'recovery', torn_bytes: torn.length, torn_sha256: hash('sha256', torn, 'hex') }]
}

/** The position after the last record that is sealed, or after the last line where that is no record. */
function endOfLastWrite(bytes: Buffer, keys: AuditKeys): number {
  for (let end = bytes.lastIndexOf(LINE_FEED) + 1; end > 0;) {
    const start = end < 2 ? 0 : bytes.lastIndexOf(LINE_FEED, end - 2) + 1
    const record = parseRecord(bytes.toString('utf8', start, end - 1), keys)
    if ('problem' in record || record.isSealed) return end
    end = start
  }
  return 0
}

async function readLastRecord(file: FileHandle, path: string, keys: AuditKeys): Promise<ChainRecord | null> {
  const { bytes } = await readTail(file)
  if (bytes.length === 0) return null
  const line = bytes.toString('utf8').split('\n').at(-2) ?? ''
  return parseOrThrow(line, path, keys, 'last')
}

async function readFirstSeq(file: FileHandle, path: string, keys: AuditKeys): Promise<number> {
  const { bytesRead, buffer } = await file.read(Buffer.alloc(TAIL_BYTES), 0, TAIL_BYTES, 0)
  const [line = ''] = buffer.toString('utf8', 0, bytesRead).split('\n')
  return parseOrThrow(line, path, keys, 'first').seq
}

function parseOrThrow(line: string, path: string, keys: AuditKeys, which: 'first' | 'last'): ChainRecord {
  const record = parseRecord(line, keys)
  if ('problem' in record)
    throw new Error(
      `audit.path: the ${which} line of ${path} is no record of this audit.key. ` +
        'See `tokengraph audit verify`; to begin a new chain, move the files away.',
    )
  return record
}

async function readTail(file: FileHandle): Promise<{ start: number; bytes: Buffer }> {
  const { size } = await file.stat()
  const start = Math.max(0, size - TAIL_BYTES)
  const { bytesRead, buffer } = await file.read(Buffer.alloc(size - start), 0, size - start, start)
  return { start, bytes: buffer.subarray(0, bytesRead) }
}
