/** LRU cache of verified user tokens, so that a caller pays for the signature check once per token. */
import { LRUCache } from 'lru-cache'
import { monotonicMs, unixMs } from '../lib/time.ts'
import type { VerifiedUser } from './jwt.ts'
import type { Clock } from './key-set.ts'

/** Milliseconds. A key that its issuer withdrew still counts for at most this long beyond the age of the key set. */
const MAX_TTL_MS = 5 * 60_000
const MAX_TOKENS = 10_000

export interface VerifiedTokenCache {
  /** Returns the user of a token that was verified before, or null. `digest` is the SHA-256 of the token. */
  get(digest: string): VerifiedUser | null
  /** Stores a success until the token's `exp`, for 5 minutes at most. */
  set(digest: string, user: VerifiedUser): void
}

/**
 * Creates a cache of at most `max` tokens. Entries age by the monotonic clock; `exp` is an absolute time and compares with
 * the wall clock at every lookup. Failures are not cached, because the issuer may publish the key later; so a caller
 * without a valid token cannot evict anything. Keys are digests, so that a heap dump shows no token.
 */
export function createVerifiedTokenCache(
  clock: Pick<Clock, 'monotonicMs' | 'unixMs'> = { monotonicMs, unixMs },
  max = MAX_TOKENS,
): VerifiedTokenCache {
  // A resolution of 0 reads the clock at every lookup instead of once per millisecond by a timer. `max` would take memory
  // for all entries at once.
  const users = new LRUCache<string, VerifiedUser>({
    maxSize: max,
    sizeCalculation: () => 1,
    ttl: MAX_TTL_MS,
    ttlResolution: 0,
    perf: { now: clock.monotonicMs },
  })
  const isPast = (exp: number): boolean => exp * 1000 <= clock.unixMs()
  return {
    get(digest) {
      const user = users.get(digest)
      return user === undefined || isPast(user.exp) ? null : user
    },
    set(digest, user) {
      if (!isPast(user.exp)) users.set(digest, user)
    },
  }
}
