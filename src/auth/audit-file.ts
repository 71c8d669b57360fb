/**
 * The audit in a file that rotates. All or nothing: a write that fails is taken back, so that a full disk leaves no
 * half record and the chain goes on when there is room again. One process for each file: another one that writes it
 * is noticed, and then nothing is recorded and nothing leaves.
 */
import { constants } from 'node:fs'
import { mkdir, open, rename, stat, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { AuditSink } from './audit.ts'
import { listRotated, openEnd, rotatedName } from './audit-end.ts'
import type { AuditKeys } from './audit-record.ts'

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
