/**
 * zod issues as data for messages, and "did you mean" for a mistyped word. The configuration and the vault import put
 * them into their own words. No value that was found is shown: it may be a secret in the wrong place.
 */
import { closest, distance } from 'fastest-levenshtein'
import type { z } from 'zod'

/** The way to a value: keys and list positions. */
export type Path = readonly (string | number)[]

export type Issue = z.core.$ZodIssue

/** What a caller says where the schema has no message of its own. */
export interface IssueWords {
  unknownKey(key: string, parent: Path): string
  /** `value` is the input at the path of the issue; undefined where there is none. */
  explain(issue: Issue, value: unknown): string
}

export interface Mistake {
  readonly path: Path
  /** Whether the key at the path is wrong, or its value. */
  readonly of: 'key' | 'value'
  readonly message: string
  readonly issue: Issue
}

/** Parse with these options: an issue then has a message only where the schema itself gives one. */
export const ownMessagesOnly = { error: () => '' }

/** One entry for each mistake; `input` is what was parsed with `ownMessagesOnly`. */
export function describeIssues(issues: readonly Issue[], input: unknown, words: IssueWords): readonly Mistake[] {
  return flattenUnions(issues).flatMap((issue): Mistake[] => {
    const path = issue.path as Path
    const mistake = (message: string, of: Mistake['of'] = 'value'): Mistake => ({ path, of, message, issue })
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({
        ...mistake(words.unknownKey(key, path), 'key'),
        path: [...path, key],
      }))
    if (issue.code === 'invalid_key') return [mistake(issue.issues[0]?.message ?? 'not a usable key', 'key')]
    const value = valueAt(input, path)
    const isMissing = value === undefined && issue.code !== 'custom'
    return [mistake(issue.message === '' || isMissing ? words.explain(issue, value) : issue.message)]
  })
}

/** Replaces the issue of a union by the issues of the branch that was meant: the one whose kind of value fits. */
export function flattenUnions(issues: readonly Issue[], prefix: Path = []): readonly Issue[] {
  return issues.flatMap((issue): readonly Issue[] => {
    const path = [...prefix, ...issue.path]
    if (issue.code === 'invalid_union') {
      const meant = issue.errors.find((branch) =>
        branch.every((nested) => nested.path.length > 0 || nested.code === 'unrecognized_keys'),
      )
      if (meant !== undefined && meant.length > 0) return flattenUnions(meant, path as Path)
    }
    return [{ ...issue, path }]
  })
}

/** The plain value at a path; undefined where there is none. */
export function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((current, segment) => {
    if (current === null || typeof current !== 'object' || !Object.hasOwn(current, segment)) return undefined
    return (current as Record<string | number, unknown>)[segment]
  }, value)
}

const MAX_DISTANCE = 2
const MAX_TYPED_LENGTH = 64

/** `; did you mean "secret_key"?`, or an empty string. Shows a known word, never the one that was typed. */
export function didYouMean(typed: string, known: readonly string[]): string {
  const match = closestWord(typed, known)
  return match === null ? '' : `; did you mean "${match}"?`
}

/** The known word at most two edits away; null where none is. */
export function closestWord(typed: string, known: readonly string[]): string | null {
  if (known.length === 0 || typed.length > MAX_TYPED_LENGTH) return null
  const lower = typed.toLowerCase()
  const match = closest(
    lower,
    known.map((word) => word.toLowerCase()),
  )
  const edits = distance(lower, match)
  // In a short word two edits make another word, unless the first letter is kept: inof is info, NOPE is not HOME.
  const most = match.startsWith(lower.charAt(0)) ? match.length : match.length - 1
  if (edits > MAX_DISTANCE || edits * 2 > most) return null
  return known.find((word) => word.toLowerCase() === match) ?? null
}
