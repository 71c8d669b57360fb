/**
 * Lists read row by row: one row that cannot be read takes neither its siblings nor the user's other providers with it.
 * A row is its value or its error, and `settle` makes the answer of a key of them.
 */
import { z } from 'zod'
import type { ZodType } from 'zod'
import { CodedError, Reason } from '../errors.ts'
import { describeMismatch } from './http/errors.ts'

/** The most rows of one list. */
const MAX_ROWS = 1000

/** A row that cannot be read. */
export interface UnreadableRow {
  /** Of which provider, by the platform's name; null: that cannot be read, either. */
  readonly provider: string | null
  readonly unreadable: CodedError
}

export interface RowOptions {
  /** The provider of a row, by the platform's name, where the whole cannot be read; left out: it has none. */
  readonly provider?: ZodType<string> | undefined
  readonly max?: number
}

/**
 * A list that has to be there; each row is read by itself. Say which lists a platform may leave out where they are
 * empty, and where that is documented (docs/adding-a-platform.md): those are `optionalRows`.
 */
export function rows<T extends object | string>(
  shape: ZodType<T>,
  { provider, max = MAX_ROWS }: RowOptions = {},
): ZodType<readonly (T | UnreadableRow)[]> {
  const readRow = rowReader(shape, { provider })
  return z
    .array(z.unknown())
    .max(max)
    .transform((list) => list.map(readRow))
}

/** Reads one row. */
export function rowReader<T extends object | string>(
  shape: ZodType<T>,
  { provider }: Pick<RowOptions, 'provider'> = {},
): (row: unknown) => T | UnreadableRow {
  return (row) => {
    const parsed = shape.safeParse(row)
    if (parsed.success) return parsed.data
    return {
      provider: provider?.safeParse(row).data ?? null,
      unreadable: protocolError(describeMismatch(shape, parsed.error)),
    }
  }
}

/** The same for a list that the platform leaves out, or writes as null, where it is empty. */
export function optionalRows<T extends object | string>(
  shape: ZodType<T>,
  options?: RowOptions,
): ZodType<readonly (T | UnreadableRow)[]> {
  return rows(shape, options)
    .nullish()
    .transform((list) => list ?? [])
}

export function isUnreadable(row: unknown): row is UnreadableRow {
  return typeof row === 'object' && row !== null && 'unreadable' in row && row.unreadable instanceof CodedError
}

/** The rows that could be read. */
export function readable<T extends object | string>(list: readonly (T | UnreadableRow)[]): readonly T[] {
  return list.filter((row): row is T => !isUnreadable(row))
}

/**
 * The rows of one provider, by the platform's name; those whose provider cannot be read come last, because they may be
 * of any.
 */
export function rowsOf<T extends object | string>(
  list: readonly (T | UnreadableRow)[],
  isAsked: (row: T) => boolean,
  isName: (provider: string) => boolean,
): readonly (T | UnreadableRow)[] {
  const named = list.filter((row) => (isUnreadable(row) ? row.provider !== null && isName(row.provider) : isAsked(row)))
  return [...named, ...list.filter((row) => isUnreadable(row) && row.provider === null)]
}

/**
 * The values of the rows; null is an account that is gone. The failure of one account hides no live one: it is thrown
 * where no account answers. A failure that may pass (`retryable`), and what is no `CodedError`, fails the whole: half a
 * list would look like the whole.
 */
export function settle<T, R>(list: readonly (T | UnreadableRow)[], read: (row: T) => R | null): readonly R[] {
  const outcomes = list.map((row) => {
    if (isUnreadable(row)) return { error: row.unreadable }
    try {
      return { value: read(row) }
    } catch (error) {
      return { error }
    }
  })
  return answerOf(outcomes)
}

/** The same with a failure as the value: for the keys of a batch. */
export function settleOrError<T, R>(
  list: readonly (T | UnreadableRow)[],
  read: (row: T) => R | null,
): readonly R[] | CodedError {
  try {
    return settle(list, read)
  } catch (error) {
    if (error instanceof CodedError) return error
    throw error
  }
}

/** The same for accounts that are asked for one by one. */
export async function settleAccounts<R>(accounts: readonly Promise<R | null>[]): Promise<readonly R[]> {
  const outcomes = await Promise.allSettled(accounts)
  return answerOf(
    outcomes.map((outcome) =>
      outcome.status === 'fulfilled' ? { value: outcome.value } : { error: outcome.reason as unknown },
    ),
  )
}

type Outcome<R> = { readonly value: R | null } | { readonly error: unknown }

function answerOf<R>(outcomes: readonly Outcome<R>[]): readonly R[] {
  const failures = outcomes.flatMap((outcome) => ('error' in outcome ? [outcome.error as Error] : []))
  const found = outcomes.flatMap((outcome) => ('value' in outcome && outcome.value !== null ? [outcome.value] : []))
  const ofAll = failures.find((error) => !(error instanceof CodedError) || error.extensions.retryable)
  if (ofAll !== undefined) throw ofAll
  // Of several dead accounts the one that its user can mend is named.
  const named = failures.find((error) => error instanceof CodedError && error.code === 'REAUTHORIZATION_REQUIRED')
  const [first] = failures
  if (found.length === 0 && first !== undefined) throw named ?? first
  return found
}

/** How the error of a row is made. */
type ToError = (reason: string) => CodedError

const withoutAnswer: ToError = (reason) =>
  new CodedError('UPSTREAM_PROTOCOL_ERROR', undefined, {}, { cause: new Reason(reason) })
let protocolError = withoutAnswer

/**
 * Parses an answer whose rows, where they cannot be read, get the errors that `toError` makes: with the status and the
 * trace id of the answer. Parsing is synchronous, so that one answer is read at a time.
 */
export function readingAnswer<T>(toError: ToError, parse: () => T): T {
  const outer = protocolError
  protocolError = toError
  try {
    return parse()
  } finally {
    protocolError = outer
  }
}
