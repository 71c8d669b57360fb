/** What a schema accepts, and what a value is, in plain words. */
import { z } from 'zod'
import { branches, knownWords } from './schema-walk.ts'

/** `a whole number from 1 to 65535`, `one of "production", "development"`, `a string or a mapping`. */
export function typeText(schema: z.ZodType | null): string {
  if (schema === null) return 'another value'
  const words = knownWords(schema)
  const others = branches(schema).filter((branch) => !(branch instanceof z.ZodEnum || branch instanceof z.ZodLiteral))
  const texts = [...(words.length > 0 ? [wordsText(words)] : []), ...others.map(branchText)]
  return [...new Set(texts)].join(' or ')
}

function wordsText(words: readonly string[]): string {
  const quoted = words.map((word) => `"${word}"`)
  return quoted.length === 1 ? quoted.join('') : `one of ${quoted.join(', ')}`
}

function branchText(schema: z.ZodType): string {
  if (schema instanceof z.ZodNumber) return numberText(schema)
  if (schema instanceof z.ZodBoolean) return 'true or false'
  if (schema instanceof z.ZodURL) return 'a URL'
  if (schema instanceof z.ZodString) return stringText(schema)
  if (schema instanceof z.ZodArray) return 'a list'
  if (schema instanceof z.ZodObject || schema instanceof z.ZodRecord) return 'a mapping'
  return 'another value'
}

function stringText({ minLength, maxLength }: z.ZodString): string {
  const least = minLength ?? 0
  if (maxLength !== null) return `a string of ${String(least)} to ${String(maxLength)} characters`
  return least > 1 ? `a string of at least ${String(least)} characters` : 'a string'
}

function numberText(schema: z.ZodNumber): string {
  const isWhole = schema.format?.includes('int') ?? false
  const kind = isWhole ? 'a whole number' : 'a number'
  // The bound itself may be excluded (`positive()`); for whole numbers the next one is then the first that counts.
  const step = (bound: number | null, by: number): number | null =>
    bound !== null && isWhole && !schema.safeParse(bound).success ? bound + by : bound
  const least = boundText(step(schema.minValue, 1))
  const most = boundText(step(schema.maxValue, -1))
  if (least !== null && most !== null) return `${kind} from ${least} to ${most}`
  if (least !== null) return `${kind} of at least ${least}`
  return most === null ? kind : `${kind} of at most ${most}`
}

/** A whole number has the safe integers as its bounds; they say nothing to an operator. */
function boundText(bound: number | null): string | null {
  return bound === null || Math.abs(bound) >= Number.MAX_SAFE_INTEGER - 1 ? null : String(bound)
}

/** `a string`, `an empty list`, `nothing`: the kind of a value, never the value. */
export function kindText(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (typeof value === 'string') return value === '' ? 'an empty string' : 'a string'
  if (typeof value === 'number') return Number.isInteger(value) ? 'a number' : 'a number that is not whole'
  if (typeof value === 'boolean') return 'true or false'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  return Object.getPrototypeOf(value) === Object.prototype ? 'a mapping' : 'another kind of value'
}
