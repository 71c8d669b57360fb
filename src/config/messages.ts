/** What a schema expects and what was found, in words: never the value itself, which may be a secret. */
import type { z } from 'zod'
import { describeIssues, didYouMean, ownMessagesOnly, valueAt } from '../lib/issues.ts'
import type { Issue, Mistake, Path } from '../lib/issues.ts'
import { alternatives, knownKeys, knownWords, schemaAt } from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'
import { pathText } from './problems.ts'
import type { Problem, Source } from './problems.ts'
import { convertVariables, isConvertible } from './variables.ts'

export interface Parsed<T> {
  /** null where there are problems. */
  readonly value: T | null
  readonly problems: readonly Problem[]
}

/** What the rules between the parts of a file add to their issues (`rules.ts`). */
export interface RuleParams {
  /** Whether the key is wrong, or its value. */
  readonly of: 'key' | 'value'
  /** The environment variable that the value comes from. */
  readonly variable?: string
}

/** Parses a source once; `describe` gives the JSON Schema of `schema`, which only messages and variables need. */
export function parseSource<T>(schema: z.ZodType<T>, describe: () => JsonSchema, source: Source): Parsed<T> {
  const value = source.variableValues.some(isConvertible)
    ? convertVariables(source.value, describe(), source.isVariable)
    : source.value
  const result = schema.safeParse(value, ownMessagesOnly)
  if (result.success) return { value: result.data, problems: [] }
  return { value: null, problems: explainIssues(result.error.issues, describe(), { ...source, value }) }
}

/** Values that are reported already are left out. */
function explainIssues(issues: readonly Issue[], schema: JsonSchema, source: Source): readonly Problem[] {
  const at = (path: Path): JsonSchema => schemaAt(schema, path, source.value) ?? {}
  const mistakes = describeIssues(issues, source.value, {
    unknownKey: (key, parent) => unknownKey(key, parent, at(parent), valueAt(source.value, parent)),
    explain: (issue, value) => explain(issue, at(issue.path as Path), value),
  })
  return mistakes
    .filter(({ path, of, issue }) => !source.isReported(of === 'key' ? (issue.path as Path) : path))
    .map((mistake) => problemOf(mistake, source))
}

function problemOf({ path, of: part, message: text, issue }: Mistake, source: Source): Problem {
  const { of, variable } = (issue.code === 'custom' ? (issue.params ?? {}) : {}) as Partial<RuleParams>
  if (variable !== undefined)
    return { where: 'environment', path: variable, line: null, column: null, message: `${pathText(path)}: ${text}` }
  // The message of a schema may repeat an id, and the id may be a secret by mistake; those of the rules never do.
  const isForeign = text === issue.message && of === undefined
  return { ...source.place(path, of ?? part), message: isForeign ? conceal(text, source.variableValues) : text }
}

function unknownKey(key: string, parent: Path, schema: JsonSchema, value: unknown): string {
  const renamed = valueAt(schema, ['renamed', key])
  if (typeof renamed === 'string')
    return `unknown key; ${pathText([...parent, key])} is now ${pathText([...parent, renamed])}`
  return `unknown key${didYouMean(key, knownKeys(schema, value))}`
}

function conceal(message: string, hidden: readonly string[]): string {
  return hidden.reduce((text, value) => text.replaceAll(value, '[redacted]'), message)
}

function explain(issue: Issue, schema: JsonSchema, value: unknown): string {
  if (value === undefined) return `missing; expected ${typeText(schema)}`
  if (issue.code === 'custom') return 'not valid'
  const expected = `expected ${typeText(schema)}`
  if (typeof value === 'string' && value !== '' && issue.code !== 'invalid_type')
    return `${expected}${didYouMean(value, knownWords(schema))}`
  if (typeof value === 'number' && issue.code !== 'invalid_type') return expected
  const expectsString = issue.code === 'invalid_type' && issue.expected === 'string'
  const quotes = expectsString && ['number', 'boolean'].includes(typeof value) ? '; put it in quotes' : ''
  return `${expected}, got ${kindText(value)}${quotes}`
}

/** `a whole number from 1 to 65535`, `one of "production", "development"`, `a string or a mapping`. */
export function typeText(schema: JsonSchema): string {
  const words = knownWords(schema)
  const others = alternatives(schema).filter((branch) => branch.enum === undefined && branch.const === undefined)
  const texts = [...(words.length > 0 ? [wordsText(words)] : []), ...others.map(branchText)]
  return [...new Set(texts)].join(' or ')
}

function wordsText(words: readonly string[]): string {
  const quoted = words.map((word) => `"${word}"`)
  return quoted.length === 1 ? quoted.join('') : `one of ${quoted.join(', ')}`
}

function branchText(schema: JsonSchema): string {
  switch (schema.type) {
    case 'integer':
    case 'number':
      return numberText(schema)
    case 'boolean':
      return 'true or false'
    case 'string':
      return stringText(schema)
    case 'array':
      return 'a list'
    case 'object':
      return 'a mapping'
    default:
      return 'another value'
  }
}

function stringText({ format, minLength = 0, maxLength }: JsonSchema): string {
  if (format === 'uri') return 'a URL'
  if (maxLength !== undefined) return `a string of ${minLength} to ${maxLength} characters`
  return minLength > 1 ? `a string of at least ${minLength} characters` : 'a string'
}

function numberText({ type, minimum, maximum, exclusiveMinimum, exclusiveMaximum }: JsonSchema): string {
  const isWhole = type === 'integer'
  const kind = isWhole ? 'a whole number' : 'a number'
  // For whole numbers the first one inside an exclusive bound is a bound itself.
  const step = isWhole ? 1 : 0
  const least = boundText(minimum, exclusiveMinimum, step)
  const most = boundText(maximum, exclusiveMaximum, -step)
  if (least !== null && most !== null) return `${kind} from ${least} to ${most}`
  if (least !== null) return `${kind} of at least ${least}`
  return most === null ? kind : `${kind} of at most ${most}`
}

/** null where there is no bound, or only the safe integers, which say nothing to an operator. */
function boundText(inclusive: number | undefined, exclusive: unknown, step: number): string | null {
  const bound = typeof exclusive === 'number' ? exclusive + step : inclusive
  return bound === undefined || Math.abs(bound) >= Number.MAX_SAFE_INTEGER - 1 ? null : String(bound)
}

/** `a string`, `an empty list`, `nothing`: the kind of a value, never the value. */
function kindText(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (typeof value === 'string') return value === '' ? 'an empty string' : 'a string'
  if (typeof value === 'number') return Number.isInteger(value) ? 'a number' : 'a number that is not whole'
  if (typeof value === 'boolean') return 'true or false'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  return Object.getPrototypeOf(value) === Object.prototype ? 'a mapping' : 'another kind of value'
}
