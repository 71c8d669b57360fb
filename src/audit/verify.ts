/** Verifies a chain through its files, and reports the first record that breaks it. */
import { open, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { genesis, parseRecord, RECORD_START } from './record.ts'
import type { AuditKeys, ChainHead, ChainRecord } from './record.ts'
import { createRuns } from './runs.ts'
import type { RecordPlace, RunSummary, Sealing } from './runs.ts'
import { listRotated } from './sink-file.ts'

export interface VerifyOptions {
  /** The oldest files were removed on purpose: the first record need not be number 1. */
  readonly partial: boolean
  /** Collected standard output: lines that are no records are skipped, and each run of the server begins a chain. */
  readonly stream: boolean
}

export interface BrokenRecord {
  readonly file: string
  /** Counts from 1. */
  readonly line: number
  readonly problem: string
}

export interface Verification {
  /** How many records are intact. */
  readonly records: number
  /** null: there is no record. */
  readonly first: ChainHead | null
  readonly last: ChainHead | null
  /** The first record that is not as it was written; null: the chain is intact. */
  readonly broken: BrokenRecord | null
  /** The runs of a stream; null for files of one chain. */
  readonly runs: RunSummary | null
}

/** A file to verify: its name, or the file itself where it may be renamed meanwhile. */
export type Source = string | { readonly name: string; readonly handle: FileHandle }

/**
 * The files of a configured audit as they are now: a rotation afterwards neither hides a file nor shows it twice. Close
 * the handle of the last one.
 */
export async function takeSnapshot(path: string): Promise<readonly Source[]> {
  const handle = await openCurrent(path)
  const { ino: inode } = await handle.stat()
  const sources: Source[] = []
  for (const name of await listRotated(path)) {
    // It was rotated since it was opened: it is the last one, and what came after it is left to the next run.
    if ((await stat(name)).ino === inode) break
    sources.push(name)
  }
  return [...sources, { name: path, handle }]
}

/** How often and after how many milliseconds a file is opened again that a rotation has renamed and not yet made anew. */
const REOPEN_TIMES = 50
const REOPEN_MS = 10

async function openCurrent(path: string): Promise<FileHandle> {
  for (let times = 0; ; times++) {
    try {
      return await open(path)
    } catch (error) {
      const isRotating = error instanceof Error && 'code' in error && error.code === 'ENOENT' && times < REOPEN_TIMES
      if (!isRotating || (await listRotated(path)).length === 0) throw error
      await delay(REOPEN_MS)
    }
  }
}

/** Verifies files in any order: their first records tell their place. Rejects when a file cannot be read. */
export async function verifyFiles(
  files: readonly Source[],
  keys: AuditKeys,
  options: VerifyOptions,
): Promise<Verification> {
  let records = 0
  let first: ChainRecord | null = null
  let last: ChainRecord | null = null
  const chain: Sealing = { unsealed: null }
  const runs = options.stream ? createRuns(options.partial) : null
  const end = (broken: BrokenRecord | null, intact = records): Verification => ({
    records: intact,
    first,
    last,
    broken,
    runs: runs?.summary() ?? null,
  })
  const unproven = ({ file, line, before }: RecordPlace, problem: string): Verification =>
    end({ file, line, problem }, before)

  for (const file of options.stream ? files : await sortByFirstRecord(files, keys)) {
    let line = 0
    for await (const { text, isComplete } of readLines(file, () => chain.unsealed !== null)) {
      line += 1
      if (options.stream && !text.startsWith(RECORD_START)) continue
      const place = { file: nameOf(file), line, before: records }
      const record = isComplete ? parseRecord(text, keys) : ({ problem: 'torn' } as const)
      if ('problem' in record) {
        // A seal that does not match says of all records since the last one that one of them may be another.
        const sealing = record.problem !== 'forged' ? null : runs === null ? chain : runs.sealingOf(record.prev)
        return unproven(sealing?.unsealed ?? place, problemTexts[record.problem])
      }
      const sealing = runs === null ? (findGap(record, last, options) ?? chain) : runs.add(record)
      if (typeof sealing === 'string') return unproven(place, sealing)
      sealing.unsealed = record.isSealed ? null : (sealing.unsealed ?? place)
      records += 1
      first ??= record
      last = record
    }
  }
  const unsealed = (runs?.sealings() ?? [chain]).find((sealing) => sealing.unsealed !== null)?.unsealed ?? null
  return unsealed === null ? end(null) : unproven(unsealed, problemTexts.unsealed)
}

const problemTexts = {
  unreadable: 'this line is not a record',
  changed: 'this record was changed, or written with another audit.key',
  forged: 'the seal after this record is not of audit.key: a record from here on was changed, or has another key',
  unsealed: 'no seal follows this record: a crash in the middle of a write, a cut, or a record without audit.key',
  torn: 'this line has no end: a crash, or a cut',
} as const

/** Describes the gap between a record and the one before it; null where there is none. */
function findGap(record: ChainRecord, last: ChainHead | null, { partial }: VerifyOptions): string | null {
  if (last === null) {
    const isFirst = record.seq === 1 && record.prev === genesis.hash
    return isFirst || partial ? null : `this is record ${record.seq}, and the records before it are missing`
  }
  if (record.seq !== last.seq + 1) return `this is record ${record.seq}, where record ${last.seq + 1} should stand`
  return record.prev === last.hash ? null : `record ${record.seq} does not follow the record before it`
}

function nameOf(file: Source): string {
  return typeof file === 'string' ? file : file.name
}

async function sortByFirstRecord(files: readonly Source[], keys: AuditKeys): Promise<readonly Source[]> {
  const firsts = await Promise.all(
    files.map(async (file) => {
      for await (const { text } of readLines(file)) {
        const record = parseRecord(text, keys)
        return { file, seq: 'problem' in record ? claimedSeq(text) : record.seq }
      }
      return { file, seq: Infinity }
    }),
  )
  return firsts.sort((a, b) => a.seq - b.seq).map(({ file }) => file)
}

/** A first record that was changed still tells its place, so that it is reported as the broken one. */
function claimedSeq(text: string): number {
  return Number(/"seq":(\d+)/.exec(text)?.[1] ?? 0)
}

interface Line {
  /** Without the line feed; the start of it where it is longer than any record. */
  readonly text: string
  /** Whether the line ends in a line feed. */
  readonly isComplete: boolean
}

const CHUNK_BYTES = 256 * 1024
/** Bytes of a line that are kept. A record has less than 256 KiB; a longer line is none, and takes no more memory. */
const MAX_LINE_BYTES = 1024 * 1024
const LINE_FEED = 0x0a
/** Milliseconds, and how often: a server that writes beside this finishes its line within them. */
const WAIT_MS = 50
const WAITS = 10

/**
 * Reads lines, each byte once. Unlike `readLines` of a file handle, it tells whether the last one has an end. `needsMore`:
 * whether the last line that it gave is a part of a write that goes on.
 */
async function* readLines(file: Source, needsMore = () => false): AsyncGenerator<Line> {
  const handle = typeof file === 'string' ? await open(file) : file.handle
  try {
    // What is written after this moment is not read: a server that goes on writing would keep the reader busy.
    const { size } = await handle.stat()
    const parts: Buffer[] = []
    let length = 0
    const keep = (bytes: Buffer): void => {
      const room = MAX_LINE_BYTES - length
      if (room > 0) parts.push(Buffer.from(bytes.subarray(0, room)))
      length += bytes.length
    }
    const takeLine = (isComplete: boolean): Line => {
      const text = Buffer.concat(parts).toString('utf8')
      parts.length = 0
      length = 0
      return { text, isComplete }
    }
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
    for (let at = 0, waits = 0; at < size || length > 0 || needsMore();) {
      const { bytesRead } = await handle.read(buffer, 0, CHUNK_BYTES, at)
      at += bytesRead
      const chunk = buffer.subarray(0, bytesRead)
      let start = 0
      for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
        keep(chunk.subarray(start, end))
        start = end + 1
        yield takeLine(true)
        if (at - bytesRead + start >= size && !needsMore()) return
      }
      keep(chunk.subarray(start))
      if (bytesRead > 0) continue
      if (length === 0 && !needsMore()) return
      if (++waits > WAITS) {
        if (length > 0) yield takeLine(false)
        return
      }
      await delay(WAIT_MS)
    }
  } finally {
    if (typeof file === 'string') await handle.close()
  }
}
