/** One schema over one part of the source: the parsed value, or all of its problems. */
import { z } from 'zod'
import { explainIssues, ownMessagesOnly } from './explain.ts'
import type { Path, Problem } from './problems.ts'
import { branches, schemaAt } from './schema-walk.ts'
import { isMapping, valueAt } from './source.ts'
import type { Source } from './source.ts'

export interface Parsed<T> {
  /** null where there are problems. */
  readonly value: T | null
  readonly problems: readonly Problem[]
}

/** Validates what is at `base`, without the keys in `except`. */
export function parsePart<T>(
  schema: z.ZodType<T>,
  source: Source,
  base: Path = [],
  except: readonly string[] = [],
): Parsed<T> {
  const read = (): unknown => omit(valueAt(source.value, base), except)
  let result = schema.safeParse(read(), ownMessagesOnly)
  if (!result.success && convertVariables(result.error.issues, schema, source, base))
    result = schema.safeParse(read(), ownMessagesOnly)
  if (result.success) return { value: result.data, problems: [] }
  return { value: null, problems: explainIssues(result.error.issues, schema, source, base) }
}

function omit(value: unknown, except: readonly string[]): unknown {
  if (!isMapping(value) || except.length === 0) return value
  return Object.fromEntries(Object.entries(value).filter(([key]) => !except.includes(key)))
}

/** A value that is one variable becomes the number or the boolean that the schema expects; true: something changed. */
function convertVariables(issues: readonly z.core.$ZodIssue[], schema: z.ZodType, source: Source, base: Path): boolean {
  let changed = false
  for (const issue of issues) {
    const below = issue.path as Path
    const path = [...base, ...below]
    const key = path.at(-1)
    const parent = valueAt(source.value, path.slice(0, -1))
    const converted = source.isVariable(path)
      ? convert(valueAt(source.value, path), schemaAt(schema, below))
      : undefined
    if (converted === undefined || key === undefined || parent === null || typeof parent !== 'object') continue
    Object.assign(parent, { [key]: converted })
    changed = true
  }
  return changed
}

/** The number or boolean that a string stands for, where the schema takes one; undefined otherwise. */
export function convert(text: unknown, schema: z.ZodType | null): number | boolean | undefined {
  if (typeof text !== 'string' || schema === null) return undefined
  const kinds = branches(schema)
  if (kinds.some((kind) => kind instanceof z.ZodNumber) && /^-?\d{1,15}(\.\d{1,15})?$/.test(text)) return Number(text)
  if (kinds.some((kind) => kind instanceof z.ZodBoolean) && /^(true|false)$/.test(text)) return text === 'true'
  return undefined
}
