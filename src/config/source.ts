/** What a configuration is read from: its plain value, and where each part of it stands. */
import { pathText } from './problems.ts'
import type { Path, Place, Problem } from './problems.ts'

export interface Source {
  /** Plain data, not yet validated. */
  readonly value: unknown
  /** Where to report a problem with a key or with its value; the nearest parent where there is no such key. */
  place(path: Path, of: 'key' | 'value'): Place
  /** Whether the value is missing for a reason that is reported already. */
  isReported(path: Path): boolean
  /** Whether the value is one variable, which may become a number or a boolean. */
  isVariable(path: Path): boolean
  /** What variables put into the values, to be kept out of the messages of schemas that repeat a value. */
  readonly variableValues: readonly string[]
}

/** A source without lines, for values that come from the environment; `names` maps a path to its variable. */
export function environmentSource(value: unknown, names: Readonly<Record<string, string>>): Source {
  return {
    value,
    place: (path) => ({
      where: 'environment',
      path: names[pathText(path)] ?? pathText(path),
      line: null,
      column: null,
    }),
    isReported: () => false,
    isVariable: () => false,
    variableValues: [],
  }
}

export function problemAt(source: Source, path: Path, message: string, of: 'key' | 'value' = 'value'): Problem {
  return { ...source.place(path, of), message }
}

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

/** The plain value at a path; undefined where there is none. */
export function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((current, segment) => {
    if (current === null || typeof current !== 'object' || !Object.hasOwn(current, segment)) return undefined
    return (current as Record<string | number, unknown>)[segment]
  }, value)
}
