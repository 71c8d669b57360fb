/** Reads a file of records and checks every one, before anything is written. */
import type { AccountRecord } from './record.ts'
import { splitRecords } from './split.ts'
import type { Piece } from './piece.ts'
import { validateRecord } from './validate.ts'

const MAX_PROBLEMS = 50

/** What a file holds: its records when all of them are valid; else what is wrong, and no records. */
export interface ParsedImport {
  readonly records: readonly AccountRecord[]
  /** How many records were read, valid or not. */
  readonly total: number
  /** How many of them are not valid. */
  readonly invalid: number
  /** The first problems, each a line to print that names the line of the file and never holds a value. */
  readonly problems: readonly string[]
  /** How many more problems there are. */
  readonly more: number
}

/** `onProgress` gets the number of records read so far, after each. Throws what the input throws. */
export async function parseImport(
  input: AsyncIterable<Uint8Array | string>,
  onProgress: (done: number) => void = () => undefined,
): Promise<ParsedImport> {
  const lineByAccount = new Map<string, number>()
  const problems: string[] = []
  let records: AccountRecord[] = []
  let total = 0
  let invalid = 0
  let more = 0
  for await (const piece of splitRecords(input)) {
    total += 1
    const found = checkPiece(piece, lineByAccount, records)
    if (found.length > 0) invalid += 1
    const shown = found.slice(0, MAX_PROBLEMS - problems.length)
    problems.push(...shown.map((problem) => `${place(piece)}: ${problem}`))
    more += found.length - shown.length
    // Nothing will be written any more, and the file may be long.
    if (invalid > 0) records = []
    onProgress(total)
  }
  return { records, total, invalid, problems, more }
}

function checkPiece(piece: Piece, lineByAccount: Map<string, number>, records: AccountRecord[]): readonly string[] {
  const validated = validateRecord(piece)
  if (validated.record === null) return validated.problems
  const { user_id, provider, external_account_id } = validated.record
  const account = JSON.stringify([user_id, provider, external_account_id])
  const earlier = lineByAccount.get(account)
  if (earlier !== undefined)
    return [`external_account_id: the same user_id, provider and external_account_id stand on line ${String(earlier)}`]
  lineByAccount.set(account, piece.line)
  records.push(validated.record)
  return []
}

function place(piece: Piece): string {
  return `line ${String(piece.line)}${piece.index === null ? '' : `, record ${String(piece.index)}`}`
}
