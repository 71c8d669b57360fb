/** One piece of an import → a record, or the problems with it: each names its field, none shows a value. */
import { distance } from 'fastest-levenshtein'
import type { z } from 'zod'
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
  const result = accountRecord.safeParse(value, { error: describeIssue })
  if (result.success) return { record: result.data }
  return invalid(...result.error.issues.flatMap(formatIssue))
}

function invalid(...problems: readonly string[]): Validated {
  return { record: null, problems }
}

// Called where the schema has no message of its own. Issues hold the input, which must not be printed.
function describeIssue(issue: z.core.$ZodRawIssue): string {
  if (issue.code === 'invalid_type')
    return issue.input === undefined ? 'is missing' : `expected ${expectation(issue.expected)}`
  if (issue.code === 'invalid_value') return `expected ${issue.values.map(String).join(' or ')}`
  if (issue.code === 'too_small' || issue.code === 'too_big') return 'is out of range'
  return 'is not valid'
}

function expectation(type: string): string {
  if (type === 'int' || type === 'number') return 'an integer or null'
  if (type === 'object' || type === 'record') return 'an object'
  return type === 'array' ? 'an array or null' : 'a string'
}

function formatIssue(issue: z.core.$ZodIssue): string[] {
  if (issue.code === 'unrecognized_keys') return issue.keys.map(describeUnknown)
  const [field, ...inner] = issue.path
  if (field === undefined) return [issue.message]
  return [`${String(field)}${inner.map((key) => `[${String(key)}]`).join('')}: ${issue.message}`]
}

// A file in another shape may have a secret where a name belongs.
const harmlessName = /^[A-Za-z_][A-Za-z0-9_]{0,31}$/

function describeUnknown(name: string): string {
  if (!harmlessName.test(name)) return 'unknown field with an unusual name'
  const nearest = recordFields.toSorted((a, b) => distance(name, a) - distance(name, b))[0]
  const isNear = nearest !== undefined && distance(name, nearest) <= Math.max(2, Math.floor(name.length / 3))
  return `${name}: unknown field${isNear ? `; did you mean ${nearest}?` : ''}`
}
