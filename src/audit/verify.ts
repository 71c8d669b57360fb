/** Walks a chain through its files and names the first record that breaks it. */
import { open } from 'node:fs/promises'
import { genesis, readLink, RECORD_START } from './record.ts'
import type { AuditKeys, Head, Link } from './record.ts'

export interface VerifyOptions {
  /** The oldest files were removed on purpose: the first record need not be number 1. */
  readonly partial: boolean
  /** Collected standard output: other lines may stand between, and each run of the server begins a chain. */
  readonly stream: boolean
}

/** The first record that is not as it was written. */
export interface Break {
  readonly file: string
  /** From 1. */
  readonly line: number
  readonly problem: string
}

export interface Verdict {
  readonly records: number
  /** null: there is no record. */
  readonly first: Head | null
  readonly last: Head | null
  /** null: the chain is whole. */
  readonly broken: Break | null
}

/** The files in any order: their first records say which is which. Rejects when a file cannot be read. */
export async function verifyFiles(files: readonly string[], keys: AuditKeys, options: VerifyOptions): Promise<Verdict> {
  let records = 0
  let first: Link | null = null
  let last: Head | null = null
  for (const file of options.stream ? files : await sortByFirst(files, keys)) {
    let line = 0
    for await (const { text, complete } of readLines(file)) {
      line += 1
      if (options.stream && !text.startsWith(RECORD_START)) continue
      const link = complete ? readLink(text, keys) : ({ problem: 'torn' } as const)
      const problem = 'problem' in link ? describe(link.problem) : findGap(link, last, options)
      if (problem !== null || 'problem' in link)
        return { records, first, last, broken: { file, line, problem: problem ?? '' } }
      records += 1
      first ??= link
      last = link
    }
  }
  return { records, first, last, broken: null }
}

function describe(problem: 'unreadable' | 'changed' | 'torn'): string {
  switch (problem) {
    case 'unreadable':
      return 'this line is not a record'
    case 'changed':
      return 'this record was changed, or written with another audit.key'
    case 'torn':
      return 'this line has no end: a crash, or a cut'
  }
}

/** What stands between a record and the one before it; null: nothing. */
function findGap(link: Link, last: Head | null, { partial, stream }: VerifyOptions): string | null {
  const begins = link.seq === 1 && link.prev === genesis.hash
  if (begins && (last === null || stream)) return null
  if (last === null) return partial ? null : `this is record ${String(link.seq)}, and the records before it are missing`
  if (link.seq !== last.seq + 1)
    return `this is record ${String(link.seq)}, where record ${String(last.seq + 1)} should stand`
  return link.prev === last.hash ? null : `record ${String(link.seq)} does not follow the record before it`
}

async function sortByFirst(files: readonly string[], keys: AuditKeys): Promise<readonly string[]> {
  const firsts = await Promise.all(
    files.map(async (file) => {
      for await (const { text } of readLines(file)) {
        const link = readLink(text, keys)
        return { file, seq: 'problem' in link ? claimedSeq(text) : link.seq }
      }
      return { file, seq: Infinity }
    }),
  )
  return firsts.sort((a, b) => a.seq - b.seq).map(({ file }) => file)
}

/** A first record that was changed still says where it belongs, so that it is the one that is named. */
function claimedSeq(text: string): number {
  return Number(/"seq":(\d+)/.exec(text)?.[1] ?? 0)
}

interface Line {
  readonly text: string
  /** Whether it ends in a line feed. */
  readonly complete: boolean
}

/** Lines without their line feed; unlike `readLines` of a file handle, it tells whether the last one has one. */
async function* readLines(file: string): AsyncGenerator<Line> {
  const handle = await open(file)
  let rest = ''
  for await (const chunk of handle.createReadStream({ encoding: 'utf8' }) as AsyncIterable<string>) {
    const lines = `${rest}${chunk}`.split('\n')
    rest = lines.pop() ?? ''
    for (const text of lines) yield { text, complete: true }
  }
  if (rest !== '') yield { text: rest, complete: false }
}
