/**
 * Limits the token keys of an operation, and their rate for each caller. Keys are counted and not requests, because one
 * request can ask for a hundred users (docs/promises.md S17, OWASP API4). A refused key calls no upstream; the keys
 * before it are answered.
 */
import type { Viewer } from '../../auth/viewer.ts'
import { badUserInput, CodedError } from '../../errors.ts'
import { createCache } from '../../lib/cache.ts'
import { monotonicMs, oncePerTick } from '../../lib/clock.ts'
import type { ConsumeKey } from '../../tokens/loaders.ts'
import type { RateOptions } from '../../upstreams/platform.ts'

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

/** Null for an anonymous caller, who is refused before any key. */
export function callerOf(viewer: Viewer): string | null {
  if (viewer.kind === 'anonymous') return null
  // No issuer and no id of a service holds a line feed.
  return viewer.kind === 'service' ? viewer.id : `${viewer.issuer}\n${viewer.userId}`
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
