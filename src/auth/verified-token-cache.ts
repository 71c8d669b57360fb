/** Verified user tokens, remembered for a while so that a busy caller pays for the signature once. */
import type { VerifiedUser } from './jwt.ts'

/** Milliseconds. A key that the issuer withdrew counts for at most this long beyond the age of the key set. */
const REMEMBER_MS = 5 * 60_000
const MAX_TOKENS = 10_000

export interface VerifiedTokens {
  /** The user of a token verified before, by the SHA-256 of the token; null when it has to be verified (again). */
  get(digest: string): VerifiedUser | null
  /** Remembers a success, never beyond the token's `exp`. Failures are never remembered: keys may arrive later. */
  set(digest: string, user: VerifiedUser): void
}

/**
 * Bounded: the oldest of `max` gives way. Callers without a valid token cannot push anything out, because only
 * verified tokens enter, and the map holds digests, so that a heap dump shows no token.
 */
export function createVerifiedTokens(max = MAX_TOKENS): VerifiedTokens {
  const entries = new Map<string, { readonly user: VerifiedUser; readonly until_ms: number }>()
  return {
    get: (digest) => {
      const entry = entries.get(digest)
      if (entry === undefined) return null
      if (Date.now() < entry.until_ms) return entry.user
      entries.delete(digest)
      return null
    },
    set: (digest, user) => {
      entries.delete(digest)
      const [oldest] = entries.keys()
      if (entries.size >= max && oldest !== undefined) entries.delete(oldest)
      entries.set(digest, { user, until_ms: Math.min(user.exp * 1000, Date.now() + REMEMBER_MS) })
    },
  }
}
