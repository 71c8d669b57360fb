/** zod's issues → problems in plain words, with the line of the key or the value. */
import type { z } from 'zod'
import type { Path, Problem } from './problems.ts'
import { knownKeys, knownWords, schemaAt } from './schema-walk.ts'
import { problemAt, valueAt } from './source.ts'
import type { Source } from './source.ts'
import { didYouMean } from './suggest.ts'
import { kindText, typeText } from './type-text.ts'

type Issue = z.core.$ZodIssue

/** Parse with this: an issue then has a message only where the schema itself gave one. */
export const ownMessagesOnly = { error: () => '' }

/** `schema` is the schema of the value at `base`; values that are reported already are left out. */
export function explainIssues(
  issues: readonly Issue[],
  schema: z.ZodType,
  source: Source,
  base: Path,
): readonly Problem[] {
  return issues
    .flatMap((issue) => flattenUnion(issue, []))
    .flatMap((issue) => {
      const below = issue.path as Path
      const path = [...base, ...below]
      if (source.isReported(path)) return []
      const at = schemaAt(schema, below)
      if (issue.code === 'unrecognized_keys')
        return issue.keys.map((key) => unknownKey(source, path, key, knownKeys(at)))
      if (issue.code === 'invalid_key')
        return [problemAt(source, path, issue.issues[0]?.message ?? 'not a usable key', 'key')]
      return [problemAt(source, path, explain(issue, at, valueAt(source.value, path), source.variableValues))]
    })
}

/** Also for the keys of a mapping that no schema describes as a whole. */
export function unknownKey(source: Source, parent: Path, key: string, known: readonly string[]): Problem {
  return problemAt(source, [...parent, key], `unknown key${didYouMean(key, known)}`, 'key')
}

/** The issues of the branch that the operator meant: the one whose kind of value fits. */
function flattenUnion(issue: Issue, prefix: Path): Issue[] {
  const path = [...prefix, ...(issue.path as Path)]
  if (issue.code === 'invalid_union') {
    const meant = issue.errors.find((branch) =>
      branch.every((nested) => nested.path.length > 0 || nested.code === 'unrecognized_keys'),
    )
    if (meant !== undefined && meant.length > 0) return meant.flatMap((nested) => flattenUnion(nested, path))
  }
  return [{ ...issue, path }]
}

function explain(issue: Issue, schema: z.ZodType | null, value: unknown, hidden: readonly string[]): string {
  if (value === undefined) return `missing; expected ${typeText(schema)}`
  if (issue.message !== '') return conceal(issue.message, hidden)
  if (issue.code === 'custom') return 'not valid'
  const expected = `expected ${typeText(schema)}`
  if (typeof value === 'string' && value !== '' && issue.code !== 'invalid_type')
    return `${expected}${didYouMean(value, knownWords(schema))}`
  if (typeof value === 'number' && issue.code !== 'invalid_type') return expected
  const quotes = ['number', 'boolean'].includes(typeof value) && acceptsString(issue) ? '; put it in quotes' : ''
  return `${expected}, got ${kindText(value)}${quotes}`
}

/** A schema's own message may repeat an id, and the id may be a secret by mistake. */
function conceal(message: string, hidden: readonly string[]): string {
  return hidden.reduce((text, value) => text.replaceAll(value, '[redacted]'), message)
}

function acceptsString(issue: Issue): boolean {
  return issue.code === 'invalid_type' && issue.expected === 'string'
}
