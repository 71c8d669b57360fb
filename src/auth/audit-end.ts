/** Where the chain stands in the files on disk, when the server starts. */
import { hash } from 'node:crypto'
import { constants } from 'node:fs'
import { open, readdir, writeFile } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { genesis, readLink } from './audit-record.ts'
import type { AuditEntry, AuditKeys, Head, Link } from './audit-record.ts'

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
