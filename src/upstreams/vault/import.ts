/** Reads and checks the records of a file one by one, in bounded memory. No message shows a value. */
import { closestWord, describeIssues, findRepeatedMember, ownMessagesOnly } from '../kit.ts'
import type { Issue } from '../kit.ts'
import { accountRecord, recordFields } from './store/record.ts'
import type { AccountRecord } from './store/record.ts'
import { createSeenAccounts } from './seen-accounts.ts'
import type { SeenAccounts } from './seen-accounts.ts'
import { splitRecords } from './split.ts'
import type { Piece } from './split.ts'

const MAX_PROBLEMS = 50

/** What was found in a file so far. */
export interface ImportReport {
  /** How many records were read, valid or not. */
  total: number
  /** How many of them are not valid. */
  invalid: number
  /** The first problems, each a line to print that names the line of the file. */
  readonly problems: string[]
  /** How many more problems there are. */
  more: number
}

export function newReport(): ImportReport {
  return { total: 0, invalid: 0, problems: [], more: 0 }
}

/**
 * Yields the records of a file as they are read, up to the first that is not valid; what follows is only checked. The
 * report is whole when the last record was read. Throws what the input throws. `seen` null: the same input was checked
 * before, and no account stands in it twice.
 */
export async function* readRecords(
  input: AsyncIterable<Uint8Array | string>,
  report: ImportReport,
  seen: SeenAccounts | null = createSeenAccounts(),
): AsyncGenerator<AccountRecord> {
  try {
    for await (const piece of splitRecords(input)) {
      report.total += 1
      const { record, problems } = checkPiece(piece, seen)
      if (record === null) report.invalid += 1
      const shown = problems.slice(0, MAX_PROBLEMS - report.problems.length)
      report.problems.push(...shown.map((problem) => `${placeOf(piece)}: ${problem}`))
      report.more += problems.length - shown.length
      if (record !== null && report.invalid === 0) yield record
    }
  } finally {
    seen?.forget()
  }
}

function checkPiece(piece: Piece, seen: SeenAccounts | null): ParsedRecord {
  const parsed = parseRecord(piece)
  if (parsed.record === null || seen === null) return parsed
  const { user_id: user, provider, external_account_id: account } = parsed.record
  const earlier = seen.add(JSON.stringify([user, provider, account]), piece.line)
  return earlier === null
    ? parsed
    : invalid(`external_account_id: the same user_id, provider and external_account_id stand on line ${earlier}`)
}

function placeOf({ line, index }: Piece): string {
  return `line ${line}${index === null ? '' : `, record ${index}`}`
}

interface ParsedRecord {
  readonly record: AccountRecord | null
  /** Sentences without a subject, such as `token: is missing`; some where there is no record. */
  readonly problems: readonly string[]
}

function parseRecord({ text, index, problem }: Piece): ParsedRecord {
  if (problem !== null) return invalid(problem)
  if (text.trim() === '') return invalid('a record is missing between two commas')
  // The decoder puts U+FFFD in the place of bytes that are not UTF-8.
  if (text.includes('\ufffd')) return invalid('is not valid UTF-8')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // The message of JSON.parse shows a part of the text.
    return invalid(`is not valid JSON${index === null ? '; expected one object on each line' : ''}`)
  }
  // JSON.parse keeps the last of two values, other parsers the first: nobody can say whose account it is.
  const repeated = findRepeatedMember(text)
  if (repeated !== null) return invalid(`${harmlessName.test(repeated) ? repeated : 'a field'}: is named twice`)
  const result = accountRecord.safeParse(value, ownMessagesOnly)
  if (result.success) return { record: result.data, problems: [] }
  const mistakes = describeIssues(result.error.issues, value, { unknownKey, explain })
  return invalid(...mistakes.map(({ path, of, message }) => (of === 'key' ? message : `${prefixOf(path)}${message}`)))
}

function invalid(...problems: readonly string[]): ParsedRecord {
  return { record: null, problems }
}

/** `scopes[1]: `; empty for the record as a whole. */
function prefixOf([field, ...inner]: readonly (string | number)[]): string {
  return field === undefined ? '' : `${field}${inner.map((key) => `[${key}]`).join('')}: `
}

/** For issues about which the schema has no message of its own. */
function explain(issue: Issue, value: unknown): string {
  if (value === undefined) return 'is missing'
  if (issue.code === 'invalid_type') return `expected ${expectation(issue.expected)}`
  if (issue.code === 'invalid_value') return `expected ${issue.values.map(String).join(' or ')}`
  if (issue.code === 'too_small' || issue.code === 'too_big') return 'is out of range'
  return 'is not valid'
}

function expectation(type: string): string {
  if (type === 'int' || type === 'number') return 'an integer or null'
  if (type === 'object' || type === 'record') return 'an object'
  return type === 'array' ? 'an array or null' : 'a string'
}

// A file of another shape may have a secret in the place of a name.
const harmlessName = /^[A-Za-z_][A-Za-z0-9_]{0,31}$/

function unknownKey(name: string): string {
  if (!harmlessName.test(name)) return 'unknown field with an unusual name'
  const nearest = closestWord(name, recordFields)
  return `${name}: unknown field${nearest === null ? '' : `; did you mean ${nearest}?`}`
}
