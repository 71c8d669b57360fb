/**
 * What platforms answered a moment ago, for as long as it may be used again (docs/promises.md R12). Kept by upstream and
 * subject, and by the subject's own credential where one was forwarded. What a viewer may see of an answer is decided
 * on the fields, so a cached answer discloses no more than a new one.
 */
import { LRUCache } from 'lru-cache'
import { CodedError } from '../errors.ts'
import { secretLength } from '../lib/secret.ts'
import type { OAuthAccessToken, TokenFilter } from './types.ts'

export interface CacheOptions {
  /** How long an answer may be used again; 0: not at all. */
  readonly seconds: number
  /** How many answers of one upstream are kept at most. */
  readonly entries: number
}

export type CachedAnswer<V> = V | null | CodedError

/** An answer, and when the platform was asked: milliseconds of a monotonic clock. */
export interface Cached<V> {
  readonly at: number
  readonly answer: CachedAnswer<V>
}

export interface AnswerCache<V> {
  get(id: string): Cached<V> | undefined
  /** `at`: when the platform was asked. Of errors only those of `keptErrors` are kept, for seconds. */
  keep(id: string, at: number, answer: V | null | Error): void
  clear(): void
}

interface Entry {
  /** Milliseconds of a monotonic clock. */
  readonly at: number
  readonly answer: unknown
}

/** Answers that a user may change within seconds: nothing connected, nothing known, or consent that is needed again. */
const SHORT_MS = 5000

/**
 * Answers about the key that are errors: consent is needed, or the platform knows no such user or provider. To ask for
 * an invented name again and again would spend the rate limit of everybody.
 */
const keptErrors: ReadonlySet<string> = new Set([
  'REAUTHORIZATION_REQUIRED',
  'USER_NOT_FOUND',
  'PROVIDER_NOT_CONFIGURED',
])

/** Of all answers of one fetcher; an answer that is larger is not kept. 10,000 answers of a platform may be 10 GB. */
const MAX_BYTES = 32 * 1024 * 1024
/** What a value costs beside its characters: the object, its keys, the entry. */
const BYTES_OF_VALUE = 32

/** About as many bytes as the value keeps in memory. Level by level, so that the depth of a value cannot exhaust the stack. */
function sizeOf(value: unknown): number {
  let size = 0
  let level: unknown[] = [value]
  while (level.length > 0) {
    const next: unknown[] = []
    for (const each of level) {
      size += BYTES_OF_VALUE
      if (typeof each === 'string') size += each.length
      if (typeof each !== 'object' || each === null || each instanceof Error) continue
      size += secretLength(each)
      for (const child of Object.values(each)) next.push(child)
    }
    level = next
  }
  return size
}

const stale = { allowStale: true } as const

/** `nowMs` gives milliseconds of a monotonic clock. */
export function createAnswerCache<V>({ seconds, entries }: CacheOptions, nowMs: () => number): AnswerCache<V> {
  const lifeMs = seconds * 1000
  // Read with `peek`, so that the order stays the order of age: all answers live equally long, and the oldest is the
  // next to expire.
  const open = () =>
    new LRUCache<string, Entry>({
      max: entries,
      maxSize: MAX_BYTES,
      sizeCalculation: ({ answer }, id) => id.length + sizeOf(answer),
      ttl: lifeMs,
      ttlResolution: 0,
      perf: { now: nowMs },
    })
  // It takes memory for all entries at once: not before there is one.
  let kept: ReturnType<typeof open> | null = null
  let timer: NodeJS.Timeout | null = null

  /** Removes expired tokens from memory even when no request comes any more. */
  function purge(): void {
    kept?.purgeStale()
    timer = (kept?.size ?? 0) === 0 ? null : setTimeout(purge, lifeMs).unref()
  }

  return {
    get(id) {
      // Its age is looked at below, by one look at the clock.
      const entry = kept?.peek(id, stale) as Cached<V> | undefined
      return entry !== undefined && nowMs() - entry.at < lifeMs ? entry : undefined
    },
    keep(id, at, answer) {
      if (answer instanceof Error && !(answer instanceof CodedError && keptErrors.has(answer.code))) return
      kept ??= open()
      kept.delete(id) // a later answer is the youngest
      kept.set(id, { at, answer }, { start: at })
      timer ??= setTimeout(purge, lifeMs).unref()
    },
    clear() {
      if (timer !== null) clearTimeout(timer)
      timer = null
      kept?.clear()
    },
  }
}

/** Whether the token lives for at least `minValiditySeconds` more; an unknown expiry counts as living. */
export function isLive(token: OAuthAccessToken, minValiditySeconds: number, nowSeconds: number): boolean {
  return token.expires_at === null || token.expires_at - minValiditySeconds > nowSeconds
}

/**
 * Whether tokens that were read a moment ago may answer this request. A platform that refreshes is asked again for a
 * token that does not live long enough; one that does not refresh would hardly answer otherwise within seconds.
 */
export function areFreshTokens(
  answer: CachedAnswer<readonly OAuthAccessToken[]>,
  ageMs: number,
  { externalAccountId, minValiditySeconds }: TokenFilter,
  autoRefreshes: boolean,
  nowSeconds: number,
): boolean {
  let found = false
  let areLive = true
  if (answer !== null && !(answer instanceof Error))
    for (const row of answer) {
      if (externalAccountId !== null && row.external_account_id !== externalAccountId) continue
      found = true
      areLive &&= isLive(row, minValiditySeconds, nowSeconds)
    }
  return (found && areLive) || (ageMs < SHORT_MS && (!found || !autoRefreshes))
}

/** The same for any list: an empty one, an unknown user and an error are used again for seconds only. */
export function isFreshList(answer: CachedAnswer<readonly unknown[]>, ageMs: number): boolean {
  return ageMs < SHORT_MS || (answer !== null && !(answer instanceof Error) && answer.length > 0)
}
