/** One piece of an import → a record, or the problems with it: each names its field, none shows a value. */
import { closestWord, describeIssues, ownMessagesOnly } from '../../lib/issues.ts'
import type { Issue, IssueWords, Mistake } from '../../lib/issues.ts'
import { accountRecord, recordFields } from './record.ts'
import type { AccountRecord } from './record.ts'
import type { Piece } from './piece.ts'

export type Validated =
  { readonly record: AccountRecord } | { readonly record: null; readonly problems: readonly string[] }

/** Sentences without a subject, such as `token: is missing`. */
export function validateRecord(piece: Piece): Validated {
  if (piece.problem !== undefined) return invalid(piece.problem)
  if (piece.text.trim() === '') return invalid('a record is missing between two commas')
  // What the decoder leaves in the place of bytes that are no UTF-8.
  if (piece.text.includes('\ufffd')) return invalid('is not valid UTF-8')
  let value: unknown
  try {
    value = JSON.parse(piece.text)
  } catch {
    // The message of JSON.parse shows a part of the text.
    return invalid(`is not valid JSON${piece.index === null ? '; expected one object on each line' : ''}`)
  }
  const result = accountRecord.safeParse(value, ownMessagesOnly)
  if (result.success) return { record: result.data }
  return invalid(...describeIssues(result.error.issues, value, words).map(toSentence))
}

function invalid(...problems: readonly string[]): Validated {
  return { record: null, problems }
}

const words: IssueWords = { unknownKey, explain }

function explain(issue: Issue, value: unknown): string {
  if (issue.code === 'invalid_type')
    return value === undefined ? 'is missing' : `expected ${expectation(issue.expected)}`
  if (issue.code === 'invalid_value') return `expected ${issue.values.map(String).join(' or ')}`
  if (issue.code === 'too_small' || issue.code === 'too_big') return 'is out of range'
  return 'is not valid'
}

function expectation(type: string): string {
  if (type === 'int' || type === 'number') return 'an integer or null'
  if (type === 'object' || type === 'record') return 'an object'
  return type === 'array' ? 'an array or null' : 'a string'
}

// A file in another shape may have a secret where a name belongs.
const harmlessName = /^[A-Za-z_][A-Za-z0-9_]{0,31}$/

function unknownKey(name: string): string {
  if (!harmlessName.test(name)) return 'unknown field with an unusual name'
  const nearest = closestWord(name, recordFields)
  return `${name}: unknown field${nearest === null ? '' : `; did you mean ${nearest}?`}`
}

function toSentence({ path: [field, ...inner], of, message }: Mistake): string {
  if (field === undefined || of === 'key') return message
  return `${String(field)}${inner.map((key) => `[${String(key)}]`).join('')}: ${message}`
}
