/** What is wrong with a configuration, as data and as the one error that lists all of it; and where it was read from. */
import type { Path } from '../lib/issues.ts'

/** Where the operator finds what a problem is about. */
export interface Place {
  /** The file as it was named, `environment` or `command line`. */
  readonly where: string
  /** `auth.services[0].id`, the name of a variable or of an option; empty: the whole file. */
  readonly path: string
  /** From 1; null where there are no lines. */
  readonly line: number | null
  /** From 1; null where there are no lines. */
  readonly column: number | null
}

export interface Problem extends Place {
  /** What was expected: never the value that was found, never an excerpt of the file. */
  readonly message: string
}

/** Thrown once with every problem; the message has a line for each, in the order of the file. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    const sorted = problems.toSorted(
      (a, b) => (a.line ?? Infinity) - (b.line ?? Infinity) || (a.column ?? 0) - (b.column ?? 0) || 0,
    )
    super(sorted.map(formatProblem).join('\n'))
    this.problems = sorted
  }
}

function formatProblem({ where, line, column, path, message }: Problem): string {
  const place = line === null ? where : `${where}:${line}:${column ?? 1}`
  return [place, path, message].filter((part) => part !== '').join('  ')
}

// A secret that was pasted where a key belongs is longer than any known key, or has other characters.
const printableKey = /^[\w.*-]{1,40}$/

/** `auth.services[0].id`; a key that does not look like one is shown as `…`. */
export function pathText(path: Path): string {
  return path
    .map((segment, index) => {
      if (typeof segment === 'number') return `[${segment}]`
      return `${index === 0 ? '' : '.'}${printableKey.test(segment) ? segment : '…'}`
    })
    .join('')
}

/** What a configuration is read from: its plain value, and the place of each part of it. */
export interface Source {
  /** Plain data, not yet validated. */
  readonly value: unknown
  /** Where to report a problem with a key or with its value; the nearest parent where there is no such key. */
  place(path: Path, of: 'key' | 'value'): Place
  /** Whether the value is missing for a reason that is reported already. */
  isReported(path: Path): boolean
  /** Whether the value is one variable, which may become a number or a boolean. */
  isVariable(path: Path): boolean
  /** What variables put into the values; hidden in messages of schemas that repeat a value. */
  readonly variableValues: readonly string[]
}

/** A source without lines. */
export function plainSource(value: unknown, placeOf: (path: Path) => Pick<Place, 'where' | 'path'>): Source {
  return {
    value,
    place: (path) => ({ ...placeOf(path), line: null, column: null }),
    isReported: () => false,
    isVariable: () => false,
    variableValues: [],
  }
}

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
