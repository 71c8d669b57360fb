/**
 * The loaders of one request: a memo, and an allowance of keys. The source batches and shares.
 *
 * Keys are limited for each operation, and their rate for each caller. They are counted and not requests, because one
 * request can ask for a hundred users (docs/promises.md S17, OWASP API4). A refused key calls no upstream; the keys before
 * it are answered.
 */
import { badUserInput, CodedError } from '../errors.ts'
import type { Answer } from '../lib/answer.ts'
import { createCache } from '../lib/cache.ts'
import { monotonicMs, oncePerTick, raceSignal } from '../lib/time.ts'
import type { RateOptions } from '../upstreams/platform.ts'
import type { AccountList } from './accounts.ts'
import type { Caller, TokenSource } from './source.ts'
import type { SubjectToken, TokenRequest } from './types.ts'

export interface Loaders {
  /** Throws and rejects with a `CodedError`; none connected is an empty list. */
  tokens(request: TokenRequest): Answer<readonly SubjectToken[]>
  /** As `TokenSource.prepare`; call it before many tokens are asked for. */
  prepare(): Promise<unknown> | null
  /** What every upstream says that can list accounts; a failed one is a `CodedError` in its place. */
  accounts(userId: string): Answer<readonly AccountList[]>
  /** Counts a change of an account as a key. Throws the refusal. */
  consume(): void
  /** Waits until the caller leaves or its deadline comes; the work goes on, and its end is not lost. */
  within<T>(work: Promise<T>): Promise<T>
}

/** Called once for each distinct key; an error refuses that key, and no upstream is asked for it. */
export type ConsumeKey = () => CodedError | null

/** `caller.signal` aborts when the caller leaves, or at the deadline; nothing outlives the request. */
export function createLoaders(source: TokenSource, caller: Caller, consume: ConsumeKey): Loaders {
  return {
    tokens: memoize(
      ({ userId }: TokenRequest) => userId,
      isSameRequest,
      (request) => source.tokens(request, caller),
      consume,
    ),
    prepare: () => source.prepare(caller),
    accounts: memoize(
      (userId: string) => userId,
      () => true,
      (userId) => source.accounts(userId, caller),
      consume,
    ),
    consume() {
      const refusal = consume()
      if (refusal !== null) throw refusal
    },
    within: (work) => raceSignal(work, caller.signal),
  }
}

/** Everything that changes the result; the user is the same. */
function isSameRequest(a: TokenRequest, b: TokenRequest): boolean {
  return (
    a.provider === b.provider &&
    a.minValiditySeconds === b.minValiditySeconds &&
    a.externalAccountId === b.externalAccountId
  )
}

interface Asked<K, V> {
  readonly key: K
  readonly answer: Answer<V>
  /** Of the same user, asked before; null: none. */
  before: Asked<K, V> | null
}

/**
 * The keys of one user are few, and are compared one by one: that costs less than to make a text of each. Failures are
 * not kept: a key that failed may be asked for again.
 */
function memoize<K, V>(
  userOf: (key: K) => string,
  isSame: (a: K, b: K) => boolean,
  ask: (key: K) => Answer<V>,
  consume: ConsumeKey,
) {
  /** What was asked last of each user. */
  const byUser = new Map<string, Asked<K, V> | null>()

  function forget(asked: Asked<K, V>): void {
    const user = userOf(asked.key)
    let at = byUser.get(user) ?? null
    if (at === asked) byUser.set(user, asked.before)
    for (; at !== null; at = at.before) if (at.before === asked) at.before = asked.before
  }

  return (key: K): Answer<V> => {
    const user = userOf(key)
    const last = byUser.get(user) ?? null
    for (let at = last; at !== null; at = at.before) if (isSame(at.key, key)) return at.answer
    const refusal = consume()
    if (refusal !== null) throw refusal
    const answer = ask(key)
    const asked = { key, answer, before: byUser.get(user) ?? null }
    byUser.set(user, asked)
    if (answer instanceof Promise)
      answer.catch(() => {
        forget(asked)
      })
    return answer
  }
}

// The allowance of an operation and of its caller.

/** Takes one key from the caller's allowance; otherwise returns the milliseconds until there is one again. */
export type ConsumeAllowance = (caller: string) => number | null

/** Returns a function that counts the keys of one operation. The caller's allowance outlives the operation. */
export function createReadLimit(max: number, caller: string | null, consume: ConsumeAllowance): ConsumeKey {
  let asked = 0
  return () => {
    asked += 1
    if (asked > max) return badUserInput(`The operation asks for too many token keys: at most ${max}.`)
    const waitMs = caller === null ? null : consume(caller)
    if (waitMs === null) return null
    return new CodedError('OVERLOADED', 'This caller asks for too many token keys in a short time.', {
      retry_after_ms: waitMs,
    })
  }
}

/** What one caller may read: so many keys at once, and so many each second. */
export interface Allowance {
  readonly burst: number
  readonly perSecond: number
}

/** What holds for services, and where no upstream states a rate limit. */
const byDefault: Allowance = { burst: 10_000, perSecond: 1000 }
/** Reads that are answered from the cache count, too: a user has at least so many. */
const leastOfUsers: Allowance = { burst: 1000, perSecond: 100 }

/**
 * What one caller may read where the operator does not say: a user what the rate limits of the upstreams allow together,
 * within bounds. With more, one user could only wait in the queues of all others.
 */
export function defaultAllowance(kind: 'user' | 'service', rates: readonly RateOptions[]): Allowance {
  if (kind === 'service' || rates.length === 0) return byDefault
  const total = (valueOf: (rate: RateOptions) => number): number => rates.reduce((sum, rate) => sum + valueOf(rate), 0)
  const bound = (name: keyof Allowance, value: number): number =>
    Math.min(Math.max(value, leastOfUsers[name]), byDefault[name])
  return {
    burst: bound('burst', Math.floor(total(({ requests }) => requests))),
    perSecond: bound(
      'perSecond',
      total(({ requests, perSeconds }) => requests / perSeconds),
    ),
  }
}

interface Bucket {
  keys: number
  /** Milliseconds of a monotonic clock at which it was filled. */
  filledAt: number
}

/** The least recently active caller is evicted first, and begins again with a full bucket. */
const MAX_CALLERS = 10_000

/** A token bucket for each caller. `now` gives milliseconds of a monotonic clock; tests pass their own. */
export function createCallerRate(
  { burst, perSecond }: Allowance,
  now: () => number = oncePerTick(monotonicMs),
): ConsumeAllowance {
  const buckets = createCache<Bucket>({ entries: MAX_CALLERS })

  function fill(caller: string): Bucket {
    const at = now()
    const known = buckets.get(caller)
    if (known === undefined) {
      const bucket = { keys: burst, filledAt: at }
      buckets.set(caller, bucket)
      return bucket
    }
    known.keys = Math.min(burst, known.keys + ((at - known.filledAt) / 1000) * perSecond)
    known.filledAt = at
    return known
  }

  return (caller) => {
    const bucket = fill(caller)
    if (bucket.keys < 1) return Math.ceil(((1 - bucket.keys) / perSecond) * 1000)
    bucket.keys -= 1
    return null
  }
}
