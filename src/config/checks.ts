/**
 * Rules between the parts of a file. They read the plain data, so that they are reported together with the mistakes
 * that the schemas find; whatever has the wrong type is skipped, because a schema reports it.
 */
import type { Mode } from '../mode.ts'
import type { Path, Problem } from './problems.ts'
import { isMapping, problemAt, valueAt } from './source.ts'
import type { Source } from './source.ts'

export interface Checker {
  readonly source: Source
  /** null: `mode` itself is not valid. */
  readonly mode: Mode | null
  /** The value at a path. */
  at(path: Path): unknown
  /** The list at a path; empty where there is none. */
  list(path: Path): readonly unknown[]
  report(path: Path, message: string, of?: 'key' | 'value'): void
}

/** Collects what the rules report, except about values that are reported already. */
export function createChecker(source: Source): { readonly checker: Checker; readonly problems: readonly Problem[] } {
  const problems: Problem[] = []
  const at = (path: Path): unknown => valueAt(source.value, path)
  const checker: Checker = {
    source,
    mode: modeOf(at(['mode'])),
    at,
    list(path) {
      const value = at(path)
      return Array.isArray(value) ? (value as unknown[]) : []
    },
    report(path, message, of = 'value') {
      if (!source.isReported(path)) problems.push(problemAt(source, path, message, of))
    },
  }
  return { checker, problems }
}

function modeOf(value: unknown): Mode | null {
  if (value === undefined) return 'production'
  return value === 'production' || value === 'development' ? value : null
}

/** The names below `upstreams`; null where the part is not a mapping. */
export function upstreamNames({ at }: Checker): readonly string[] | null {
  const upstreams = at(['upstreams'])
  if (upstreams === undefined) return []
  return isMapping(upstreams) ? Object.keys(upstreams) : null
}
