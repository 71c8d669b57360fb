/**
 * What a platform is made of, and the only module that a platform imports (docs/adding-a-platform.md). A platform
 * declares its options, its endpoints and the shapes of their answers; deadlines, credentials, rate limits, retries,
 * batching, caching and the names on errors are the server's.
 */
import type { ZodType } from 'zod'
import { CodedError, Reason } from '../errors.ts'
import { singleflight } from '../lib/singleflight.ts'
import { monotonicMs } from '../lib/time.ts'
import { checkId } from '../tokens/ids.ts'
import type { ExternalAccount, OAuthAccessToken } from '../tokens/types.ts'
import { answerError, blameFor, describeMismatch, isTooLarge } from './http/errors.ts'
import type { Blame, Http, HttpAnswer, RequestSpec } from './http/types.ts'
import type { Call, Platform } from './platform.ts'
import { readingAnswer } from './rows.ts'

export { badUserInput, CodedError, withDetails } from '../errors.ts'
export type { ErrorCode } from '../errors.ts'
export { raceSignal, settlesWithin, withDeadline } from '../lib/time.ts'
export { allOf } from '../lib/answer.ts'
export type { Answer } from '../lib/answer.ts'
export { monotonicMs, unixSeconds } from '../lib/time.ts'
export { closestWord, describeIssues, ownMessagesOnly } from '../lib/issues.ts'
export type { Issue } from '../lib/issues.ts'
export { findRepeatedMember, parseJson, safeJsonObject } from '../lib/json.ts'
export type { JsonObject } from '../lib/json.ts'
export { pemText, reveal, secret } from '../lib/secret.ts'
export type { Secret } from '../lib/secret.ts'
export { openSqliteThread } from '../lib/sqlite-thread.ts'
export type { SqliteThread } from '../lib/sqlite-thread.ts'
export { isLoopback, isSecure, secureUrl, upstreamUrl, withoutTrailingSlashes } from '../lib/url.ts'
export { bareProvider, checkAccountId, checkId, checkProvider, joinIds, wireProvider } from '../tokens/ids.ts'
export type { AccountEvent, AccountHealth, ExternalAccount, OAuthAccessToken, TokenKey } from '../tokens/types.ts'
export { openHttp } from './http/client.ts'
export { answerError, asTraceId, statusError } from './http/errors.ts'
export type { AnswerFacts } from './http/errors.ts'
export { createClientCredentials } from './http/oauth-client.ts'
export { checkPathSegment, openPool } from './http/pool.ts'
export type { HttpPool, RawAnswer } from './http/pool.ts'
export { retryAfterMs } from './http/resilience.ts'
export { httpOptionFields, httpTuning } from './http/types.ts'
export type { Authorize, Http, HttpAnswer, HttpTuning, RequestSpec } from './http/types.ts'
export type {
  All,
  Call,
  Census,
  Exported,
  Grouped,
  Many,
  One,
  Platform,
  PlatformEvent,
  UpstreamDeps,
} from './platform.ts'
export type * from '../tokens/keeper.ts'
export {
  isUnreadable,
  optionalRows,
  readable,
  rowReader,
  rows,
  rowsOf,
  settle,
  settleAccounts,
  settleOrError,
} from './rows.ts'
export type { UnreadableRow } from './rows.ts'
export * from './shapes.ts'

/** Types a platform of one's own: what a module exports that `platform: ./acme.ts` names in the configuration. */
export function definePlatform<Options>(platform: Platform<Options>): Platform<Options> {
  return platform
}

/** How the answer of an endpoint is read. */
export interface Reading<T> {
  /** The body of a success. */
  readonly shape: ZodType<T>
  /** The error that an answer that is no success stands for. */
  toError(answer: HttpAnswer): CodedError
  /** The value of an answer that is no success and still means something, such as "not connected"; undefined: none. */
  valueIn?(answer: HttpAnswer): T | undefined
  /**
   * Whether the trouble that an answer reports (UPSTREAM_UNAVAILABLE, UPSTREAM_RATE_LIMITED) is that of the provider
   * which the platform asked, and not its own. Left out: it never says so.
   */
  isOfProvider?(answer: HttpAnswer): boolean
  /** The platform's trace id, for its support. */
  traceOf?(answer: HttpAnswer): unknown
}

/**
 * Sends a request and reads its answer: status, shape and error in one place. Rejects with what `Http.request` rejects
 * with, with the error of `toError`, and with UPSTREAM_PROTOCOL_ERROR for a success of another shape.
 */
export async function read<T>(http: Http, spec: RequestSpec, reading: Reading<T>, call: Call): Promise<T> {
  return readAnswer(await http.request({ ...spec, blame: blameOf(reading) }, call), reading)
}

/** Whose failure an answer is, by what it is read as: for requests whose answer `readAnswer` reads. */
export function blameOf<T>({ toError, valueIn, isOfProvider }: Reading<T>): (answer: HttpAnswer) => Blame {
  return (answer) => {
    if (valueIn?.(answer) !== undefined) return 'none'
    return blameFor(toError(answer), answer, isOfProvider?.(answer) ?? false)
  }
}

/** The same for an answer that is there. */
export function readAnswer<T>(answer: HttpAnswer, { shape, toError, valueIn, traceOf }: Reading<T>): T {
  if (answer.status >= 300) {
    const value = valueIn?.(answer)
    if (value === undefined) throw toError(answer)
    return value
  }
  const toProtocolError = (reason: string): CodedError =>
    answerError('UPSTREAM_PROTOCOL_ERROR', answer, { traceId: traceOf?.(answer), reason })
  const parsed = readingAnswer(toProtocolError, () => shape.safeParse(answer.json))
  if (!parsed.success) throw toProtocolError(describeMismatch(shape, parsed.error))
  return parsed.data
}

/** A part of an answer in its shape; throws UPSTREAM_PROTOCOL_ERROR. */
export function parsePart<T>(shape: ZodType<T>, part: unknown): T {
  const parsed = shape.safeParse(part)
  if (!parsed.success) {
    const cause = new Reason(describeMismatch(shape, parsed.error))
    throw new CodedError('UPSTREAM_PROTOCOL_ERROR', undefined, {}, { cause })
  }
  return parsed.data
}

/** The value, or the error that belongs to one key of a batch alone; rejects with what is no `CodedError`. */
export async function valueOrError<T>(work: () => T | Promise<T>): Promise<T | CodedError> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof CodedError) return error
    throw error
  }
}

/** A token record; what the platform does not say is null, and `''` for the user's id at the provider. */
export function token(
  known: Pick<OAuthAccessToken, 'external_account_id' | 'provider' | 'token'> & Partial<OAuthAccessToken>,
): OAuthAccessToken {
  checkNames(known.external_account_id, known.provider)
  return {
    provider_user_id: '',
    expires_at: null,
    public_metadata: {},
    label: null,
    scopes: null,
    token_secret: null,
    id_token: null,
    problem: null,
    health: null,
    ...known,
  }
}

/** Throws UPSTREAM_PROTOCOL_ERROR for an account that cannot be named. */
function checkNames(id: string, provider: string): void {
  if (id === '' || provider === '') throw new CodedError('UPSTREAM_PROTOCOL_ERROR')
}

/** An account record; what the platform does not say is null, and `''` for the user's id at the provider. */
export function account(known: Pick<ExternalAccount, 'id' | 'provider'> & Partial<ExternalAccount>): ExternalAccount {
  checkNames(known.id, known.provider)
  return {
    provider_user_id: '',
    email_address: null,
    username: null,
    first_name: null,
    last_name: null,
    image_url: null,
    label: null,
    approved_scopes: null,
    public_metadata: {},
    created_at: null,
    updated_at: null,
    needs_reauthorization: false,
    ...known,
  }
}

export interface Page<Row, Cursor> {
  readonly rows: readonly Row[]
  /** null: this was the last page. */
  readonly next: Cursor | null
}

export interface Paging<Row> {
  /** More pages than this are a pager that never ends. */
  readonly maxPages: number
  /**
   * Left out: rows never repeat. Otherwise rows whose id came before are dropped: the list moved between two pages.
   * null: the row cannot be read and has no id.
   */
  readonly idOf?: (row: Row) => string | null
}

/**
 * All rows of a list, page by page. Never returns a list that ended early: too many pages, a cursor that came before,
 * or a page that brings nothing new and is not the last, reject with UPSTREAM_PROTOCOL_ERROR.
 */
export async function paginate<Row, Cursor>(
  first: Cursor,
  readPage: (cursor: Cursor) => Promise<Page<Row, Cursor>>,
  { maxPages, idOf }: Paging<Row>,
): Promise<readonly Row[]> {
  const found: Row[] = []
  const seen = new Set<string>()
  const visited = new Set<Cursor>()
  for (let cursor = first; !visited.has(cursor) && visited.size < maxPages;) {
    visited.add(cursor)
    const { rows, next } = await readPage(cursor)
    const fresh = rows.filter((row) => {
      const id = idOf?.(row) ?? null
      return id === null || !seen.has(id)
    })
    for (const row of fresh) {
      const id = idOf?.(row) ?? null
      if (id !== null) seen.add(id)
    }
    found.push(...fresh)
    if (next === null) return found
    if (idOf !== undefined && fresh.length === 0) break
    cursor = next
  }
  throw new CodedError('UPSTREAM_PROTOCOL_ERROR')
}

/** Returns null in place of USER_NOT_FOUND: what a fetcher of accounts answers for a user that is not known. */
export async function nullIfUnknown<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading
  } catch (error) {
    if (error instanceof CodedError && error.code === 'USER_NOT_FOUND') return null
    throw error
  }
}

/** Separates the ids that can be sent from those that cannot, with the BAD_USER_INPUT of each; repeated ids come once. */
export function checkIds(userIds: readonly string[]): {
  readonly valid: readonly string[]
  readonly refused: ReadonlyMap<string, CodedError>
} {
  const refused = new Map<string, CodedError>()
  const valid = [...new Set(userIds)].filter((id) => {
    try {
      checkId(id, 'user_id')
      return true
    } catch (error) {
      if (!(error instanceof CodedError)) throw error
      refused.set(id, error)
      return false
    }
  })
  return { valid, refused }
}

/** More calls than a few bad ids of a batch of 500 need, and few enough where every call fails the same way. */
const MAX_CALLS = 40

/**
 * The values by id. Where a batch fails and fewer ids may succeed (`isDivisible`), its halves are asked for by
 * themselves, until the failure belongs to one id or too many calls were made; it is then the value of the ids.
 */
export async function splitOnFailure<V>(
  ids: readonly string[],
  ask: (ids: readonly string[]) => Promise<ReadonlyMap<string, V>>,
): Promise<ReadonlyMap<string, V | Error>> {
  let calls = 0

  async function attempt(part: readonly string[]): Promise<(readonly [string, V | Error])[]> {
    calls++
    try {
      return [...(await ask(part))]
    } catch (error) {
      if (!(error instanceof Error)) throw error
      if (part.length === 1 || !isDivisible(error) || calls >= MAX_CALLS) return part.map((id) => [id, error] as const)
      const middle = Math.ceil(part.length / 2)
      // One after the other, so that the count of calls is known before the next is made.
      return [...(await attempt(part.slice(0, middle))), ...(await attempt(part.slice(middle)))]
    }
  }

  return new Map(await attempt(ids))
}

// 413, 414, 431: a proxy finds the answer, the URL or the headers too large.
const divisible: ReadonlySet<number> = new Set([400, 413, 414, 422, 431])

/** Whether fewer ids may succeed: the answer or the URL is too large, or the platform refuses one of the ids. */
function isDivisible(error: unknown): boolean {
  if (!(error instanceof CodedError)) return false
  const { upstream_status: status } = error.extensions
  return isTooLarge(error) || divisible.has(status ?? 0)
}

/** Shares the calls in flight of a platform's own lookup (`lib/singleflight.ts`). */
export function shareCalls<K, V>(
  ask: (key: K, call: Call) => Promise<V>,
  idOf: (key: K) => string,
): (key: K, call: Call) => Promise<V> {
  return singleflight<K, Call, V>(idOf, (key, { signal, deadline }, { viewer }) =>
    ask(key, { signal, deadline, viewer }),
  )
}

/** Milliseconds before its deadline at which a wait for a database ends, so that the caller hears its reason. */
const NOTICE_MS = 20

/** Milliseconds that a statement may wait: until just before the deadline of the call, `maxMs` at most. */
export function waitMs(call: Pick<Call, 'deadline'>, maxMs: number): number {
  return Math.max(1, Math.min(maxMs, call.deadline() - monotonicMs() - NOTICE_MS))
}

/** From so many providers of one user on, a metadata call is expected to save more token calls than it costs. */
const WORTHWHILE = 3

/**
 * What a user has linked, where one metadata call names it and enough providers of the user are asked for together
 * (`Grouped`); null: ask for the token itself. Also null where the platform refuses this server the metadata: without
 * it everything works, with more calls.
 */
export async function listIfWorthwhile<Row>(
  siblings: readonly unknown[],
  list: () => Promise<readonly Row[]>,
): Promise<readonly Row[] | null> {
  if (siblings.length < WORTHWHILE) return null
  try {
    return await list()
  } catch (error) {
    if (error instanceof CodedError && (error.code === 'UPSTREAM_REJECTED' || error.code === 'UPSTREAM_PROTOCOL_ERROR'))
      return null
    throw error
  }
}
