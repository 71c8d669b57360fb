/**
 * The audit in a file that rotates. All or nothing: a write that fails is taken back, so that a full disk leaves no
 * half record and the chain goes on when there is room again. One process for each file: another one that writes it
 * is noticed, and then nothing is recorded and nothing leaves.
 */
import { hash } from 'node:crypto'
import { mkdir, open, readdir, rename, stat, unlink, writeFile } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { constants } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { AuditSink } from './log.ts'
import { genesis, readLink } from './record.ts'
import type { AuditEntry, AuditKeys, Head, Link } from './record.ts'

export interface FileSinkOptions {
  readonly path: string
  /** A file that would grow beyond this is put aside and a new one begun. */
  readonly max_bytes: number
  /** How many files that were put aside are kept; null: all of them. */
  readonly keep: number | null
  /** Whether each write waits until the disk has it, and not only the operating system. */
  readonly fsync: boolean
}

/** Rejects with a message for the operator when the file cannot be continued. */
export async function openFileSink(options: FileSinkOptions, keys: AuditKeys): Promise<AuditSink> {
  const { path, max_bytes, keep, fsync } = options
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const { head, recovered, first: firstInFile } = await openEnd(path, keys)
  let file: FileHandle | null = await openToAppend(path)
  let { size, ino: inode } = await file.stat()
  let first = firstInFile
  /** Whether the file may end in bytes of a write that failed. */
  let dirty = false

  async function append(lines: string, seq: number): Promise<void> {
    const bytes = Buffer.from(lines)
    let current = await currentFile()
    if (size > 0 && size + bytes.length > max_bytes) current = await rotate(current)
    try {
      await writeFully(current, bytes)
      if (fsync) await current.datasync()
    } catch (error) {
      // At once, so that whoever reads the file meanwhile finds no half record; or before the next write.
      dirty = true
      await current.truncate(size).then(markClean, () => undefined)
      throw error
    }
    size += bytes.length
    first ??= seq
  }

  function markClean(): void {
    dirty = false
  }

  /** The open file, free of what a failed write left and still the one at the path. */
  async function currentFile(): Promise<FileHandle> {
    if (file !== null && dirty) await file.truncate(size)
    markClean()
    const now = await stat(path).catch(() => null)
    if (file !== null && now?.ino === inode) {
      if (now.size !== size) throw new Error('something else writes the audit file')
      return file
    }
    // Moved away by the operator, or put aside by a rotation that got no further: the chain goes on in a new file.
    await file?.close()
    file = null
    if (now !== null && now.size > 0) throw new Error('something else writes the audit file')
    file = await openToAppend(path)
    inode = (await file.stat()).ino
    size = 0
    first = null
    return file
  }

  async function rotate(current: FileHandle): Promise<FileHandle> {
    await current.datasync()
    await rename(path, rotatedName(path, first ?? 0))
    const next = await currentFile()
    await syncFolder(path)
    if (keep !== null) {
      const rotated = await listRotated(path)
      await Promise.all(rotated.slice(0, Math.max(0, rotated.length - keep)).map((name) => unlink(name)))
    }
    return next
  }

  return {
    head,
    recovered,
    append,
    close: async () => {
      await file?.close()
      file = null
    },
  }
}

async function openToAppend(path: string): Promise<FileHandle> {
  return open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND, 0o600)
}

async function writeFully(file: FileHandle, bytes: Buffer): Promise<void> {
  let written = 0
  // A disk that is nearly full takes a part first and fails then.
  while (written < bytes.length) written += (await file.write(bytes, written)).bytesWritten
}

/** So that a rename survives a power failure. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), constants.O_RDONLY)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Where the chain stands in the files on disk, when the server starts. */

/** Bytes; larger than any record, so that the last two of a file are in its last part. */
const TAIL_BYTES = 64 * 1024
const LINE_FEED = 0x0a

export interface End {
  readonly head: Head
  /** The sequence number of the first record of the file; null: it is empty. */
  readonly first: number | null
  readonly recovered: readonly AuditEntry[]
}

/** `audit.ndjson.000000000000123`: by the number of the first record, so that the names sort as the chain goes. */
export function rotatedName(path: string, first: number): string {
  return `${path}.${String(first).padStart(15, '0')}`
}

/** The files that were put aside, oldest first. */
export async function listRotated(path: string): Promise<readonly string[]> {
  const folder = dirname(path)
  const prefix = `${basename(path)}.`
  const names = await readdir(folder)
  return names
    .filter((name) => name.startsWith(prefix) && /^\d{15}$/.test(name.slice(prefix.length)))
    .sort()
    .map((name) => join(folder, name))
}

/** Creates the file where there is none. Half a line, which a crash left, is moved to a file beside it. */
export async function openEnd(path: string, keys: AuditKeys): Promise<End> {
  const file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NONBLOCK, 0o600)
  try {
    if (!(await file.stat()).isFile()) throw new Error(`audit.path: ${path} is not a regular file`)
    const recovered = await moveTornLine(file, path)
    const last = await lastLink(file, path, keys)
    if (last !== null) return { head: last, first: await firstSeq(file, path, keys), recovered }
    const newest = (await listRotated(path)).at(-1)
    return { head: newest === undefined ? genesis : await headOf(newest, keys), first: null, recovered }
  } finally {
    await file.close()
  }
}

async function headOf(path: string, keys: AuditKeys): Promise<Head> {
  const file = await open(path, constants.O_RDONLY)
  try {
    return (await lastLink(file, path, keys)) ?? genesis
  } finally {
    await file.close()
  }
}

async function moveTornLine(file: FileHandle, path: string): Promise<readonly AuditEntry[]> {
  const { start, bytes } = await readTail(file)
  const end = bytes.lastIndexOf(LINE_FEED) + 1
  if (end === bytes.length) return []
  if (end === 0 && start > 0) throw new Error(`audit.path: ${path} does not end in records`)
  const torn = bytes.subarray(end)
  const time = new Date().toISOString()
  await writeFile(`${path}.torn-${time.replaceAll(':', '')}`, torn, { flag: 'wx', mode: 0o600, flush: true })
  await file.truncate(start + end)
  await file.datasync()
  return [{ time, event: 'recovery', torn_bytes: torn.length, torn_sha256: hash('sha256', torn, 'hex') }]
}

async function lastLink(file: FileHandle, path: string, keys: AuditKeys): Promise<Link | null> {
  const { bytes } = await readTail(file)
  if (bytes.length === 0) return null
  const line = bytes.toString('utf8').split('\n').at(-2) ?? ''
  return readOrRefuse(line, path, keys, 'last')
}

async function firstSeq(file: FileHandle, path: string, keys: AuditKeys): Promise<number> {
  const { bytesRead, buffer } = await file.read(Buffer.alloc(TAIL_BYTES), 0, TAIL_BYTES, 0)
  const [line = ''] = buffer.toString('utf8', 0, bytesRead).split('\n')
  return readOrRefuse(line, path, keys, 'first').seq
}

function readOrRefuse(line: string, path: string, keys: AuditKeys, which: 'first' | 'last'): Link {
  const link = readLink(line, keys)
  if ('problem' in link)
    throw new Error(
      `audit.path: the ${which} line of ${path} is no record of this audit.key. ` +
        'See `tokengraph audit verify`; to begin a new chain, move the files away.',
    )
  return link
}

async function readTail(file: FileHandle): Promise<{ start: number; bytes: Buffer }> {
  const { size } = await file.stat()
  const start = Math.max(0, size - TAIL_BYTES)
  const { bytesRead, buffer } = await file.read(Buffer.alloc(size - start), 0, size - start, start)
  return { start, bytes: buffer.subarray(0, bytesRead) }
}
