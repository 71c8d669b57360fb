/** What is wrong with a configuration, as data and as the one error that lists all of it. */

/** The way to a value: keys and list positions. */
export type Path = readonly (string | number)[]

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
  /** What was expected, in words of ours: never the value that was found, never an excerpt of the file. */
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
  const place = line === null ? where : `${where}:${String(line)}:${String(column ?? 1)}`
  return [place, path, message].filter((part) => part !== '').join('  ')
}

// A secret that was pasted where a key belongs is longer than any key of ours, or has other characters.
const printableKey = /^[\w.*-]{1,40}$/

/** `auth.services[0].id`; a key that does not look like one is shown as `…`. */
export function pathText(path: Path): string {
  return path
    .map((segment, index) => {
      if (typeof segment === 'number') return `[${String(segment)}]`
      return `${index === 0 ? '' : '.'}${printableKey.test(segment) ? segment : '…'}`
    })
    .join('')
}
