/**
 * `${NAME}` and `${file:PATH}` in the values of the file. Expanding the text before it is parsed would let a variable add YAML of its own
 * and would show secrets in syntax errors. So the braces, which YAML reads as a mapping inside `{ … }`, are hidden
 * behind two private-use characters of the same length, the text is parsed, and the variables are expanded in the
 * parsed strings; lines and columns do not move.
 */
import type { Path } from '../lib/issues.ts'
import { alternatives, childSchema } from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'
import { isMapping } from './problems.ts'
import { findValue } from './values.ts'

const OPEN = '\uE000'
const CLOSE = '\uE001'
const reference = /\$\{([^{}\s"',[\]]*)\}/g
const expansion = /\$\$\{|\$\{([^}]*)(\}?)/g

/** The offset of the first character that `hideBraces` reserves; -1 where there is none. */
export function findReserved(text: string): number {
  return text.search(/[\uE000\uE001]/)
}

/** The text with the braces of every `${NAME}` hidden; the length does not change. */
export function hideBraces(text: string): string {
  return text.replace(reference, (_match, name: string) => `$${OPEN}${name}${CLOSE}`)
}

/** The opposite, for a parsed string. */
function showBraces(text: string): string {
  return text.replaceAll(OPEN, '{').replaceAll(CLOSE, '}')
}

/** Whether a parsed string refers to a variable. */
export function hasVariable(text: string): boolean {
  return showBraces(text).includes('${')
}

export interface Expanded {
  readonly value: string
  /** The whole string is one variable: it may become a number or a boolean where one is expected. */
  readonly exact: boolean
  /** The values that were put in. */
  readonly values: readonly string[]
  /** One message for each variable that cannot be read. */
  readonly problems: readonly string[]
}

/** A parsed string with its variables replaced; `$${NAME}` becomes the text `${NAME}`. */
export function expandVariables(text: string, env: NodeJS.ProcessEnv): Expanded {
  const shown = showBraces(text)
  const problems: string[] = []
  const values: string[] = []
  const value = shown.replace(expansion, (_match: string, name: string | undefined, end: string | undefined) => {
    if (name === undefined) return '${'
    const found = findValue(end === '' ? '' : name, env)
    if ('problem' in found) {
      problems.push(found.problem)
      return ''
    }
    values.push(found.value)
    return found.value
  })
  return { value, exact: /^\$\{[^}]*\}$/.test(shown), values, problems }
}

/** Whether a text could become a number or a boolean. */
export function isConvertible(text: string): boolean {
  return toNumber(text) !== null || toBoolean(text) !== null
}

/** A copy in which variables are the numbers and booleans that the schema expects; other strings stay as they are. */
export function convertVariables(
  value: unknown,
  schema: JsonSchema | null,
  isVariable: (path: Path) => boolean,
  path: Path = [],
): unknown {
  if (schema === null) return value
  if (typeof value === 'string') return isConvertible(value) && isVariable(path) ? convert(value, schema) : value
  const child = (key: string | number, nested: unknown): unknown =>
    convertVariables(nested, childSchema(schema, key, value), isVariable, [...path, key])
  if (Array.isArray(value)) return value.map((item, index) => child(index, item))
  if (!isMapping(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, nested]) => [key, child(key, nested)]))
}

function convert(text: string, schema: JsonSchema): unknown {
  const types = alternatives(schema).map(({ type }) => type)
  if (types.includes('string')) return text
  if (types.includes('number') || types.includes('integer')) return toNumber(text) ?? text
  return types.includes('boolean') ? (toBoolean(text) ?? text) : text
}

function toNumber(text: string): number | null {
  return /^-?\d{1,15}(?:\.\d{1,15})?$/.test(text) ? Number(text) : null
}

function toBoolean(text: string): boolean | null {
  return text === 'true' || text === 'false' ? text === 'true' : null
}
