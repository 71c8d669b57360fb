/** Verifies a chain through its files, and reports the first record that breaks it. */
import { open } from 'node:fs/promises'
import { genesis, parseRecord, RECORD_START } from './record.ts'
import type { AuditKeys, ChainHead, ChainRecord } from './record.ts'

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
}

/** Verifies files in any order: their first records tell their place. Rejects when a file cannot be read. */
export async function verifyFiles(
  files: readonly string[],
  keys: AuditKeys,
  options: VerifyOptions,
): Promise<Verification> {
  let records = 0
  let first: ChainRecord | null = null
  let last: ChainHead | null = null
  for (const file of options.stream ? files : await sortByFirstRecord(files, keys)) {
    let line = 0
    for await (const { text, isComplete } of readLines(file)) {
      line += 1
      if (options.stream && !text.startsWith(RECORD_START)) continue
      const record = isComplete ? parseRecord(text, keys) : ({ problem: 'torn' } as const)
      const problem = 'problem' in record ? problemTexts[record.problem] : findGap(record, last, options)
      if (problem !== null || 'problem' in record)
        return { records, first, last, broken: { file, line, problem: problem ?? '' } }
      records += 1
      first ??= record
      last = record
    }
  }
  return { records, first, last, broken: null }
}

const problemTexts = {
  unreadable: 'this line is not a record',
  changed: 'this record was changed, or written with another audit.key',
  torn: 'this line has no end: a crash, or a cut',
} as const

/** Describes the gap between a record and the one before it; null where there is none. */
function findGap(record: ChainRecord, last: ChainHead | null, { partial, stream }: VerifyOptions): string | null {
  const isFirst = record.seq === 1 && record.prev === genesis.hash
  if (isFirst && (last === null || stream)) return null
  if (last === null) return partial ? null : `this is record ${record.seq}, and the records before it are missing`
  if (record.seq !== last.seq + 1) return `this is record ${record.seq}, where record ${last.seq + 1} should stand`
  return record.prev === last.hash ? null : `record ${record.seq} does not follow the record before it`
}

async function sortByFirstRecord(files: readonly string[], keys: AuditKeys): Promise<readonly string[]> {
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
  /** Without the line feed. */
  readonly text: string
  /** Whether the line ends in a line feed. */
  readonly isComplete: boolean
}

/** Reads lines. Unlike `readLines` of a file handle, it tells whether the last one ends in a line feed. */
async function* readLines(file: string): AsyncGenerator<Line> {
  const handle = await open(file)
  let rest = ''
  for await (const chunk of handle.createReadStream({ encoding: 'utf8' }) as AsyncIterable<string>) {
    const lines = `${rest}${chunk}`.split('\n')
    rest = lines.pop() ?? ''
    for (const text of lines) yield { text, isComplete: true }
  }
  if (rest !== '') yield { text: rest, isComplete: false }
}
