/** Replay protection: the nonces that were used, kept for as long as their signatures are within the window. */
import { hash } from 'node:crypto'
import { monotonicMs } from '../lib/time.ts'

export type Taken = 'taken' | 'used' | 'full'

export interface NonceStore {
  /**
   * Takes a nonce that was not used before. `created` and `now` are whole Unix seconds; `created` must be within the
   * window around `now`. Returns `full` once `maxNonces` are remembered: dropping a nonce early would let it be used
   * again, and only the holder of a key can fill the store.
   */
  take(nonce: string, created: number, now: number): Taken
  readonly size: number
}

export interface NonceOptions {
  /** Seconds that `created` may differ from the clock, in both directions. */
  readonly windowSeconds: number
  readonly maxNonces: number
}

/** The nonces whose signatures leave the window in the same second. */
interface Batch {
  readonly digests: string[]
  /** Unix seconds: the last `created` among them. */
  lastCreated: number
}

/**
 * Creates a store in the memory of this process; replicas do not share it. How long a nonce is kept is counted on the
 * monotonic clock, so that a wall clock which jumps ahead drops none. `elapsedMs` is that clock, in milliseconds.
 */
export function createNonceStore({ windowSeconds, maxNonces }: NonceOptions, elapsedMs = monotonicMs): NonceStore {
  const used = new Set<string>()
  /** By the second of the monotonic clock after which they are dropped. */
  const byEnd = new Map<number, Batch>()
  /**
   * Unix seconds. What was created until then counts as used, because its nonce may have been dropped: the wall clock can
   * go back to it.
   */
  let horizon = -Infinity
  let droppedUntil = -Infinity

  function dropExpired(second: number): void {
    if (second <= droppedUntil) return
    droppedUntil = second
    for (const [end, { digests, lastCreated }] of byEnd) {
      if (end >= second) continue
      for (const digest of digests) used.delete(digest)
      horizon = Math.max(horizon, lastCreated)
      byEnd.delete(end)
    }
  }

  return {
    take(nonce, created, now) {
      const second = Math.floor(elapsedMs() / 1000)
      dropExpired(second)
      // A digest has one short length, however long the nonce is.
      const digest = hash('sha256', nonce, 'base64url')
      if (created <= horizon || used.has(digest)) return 'used'
      if (used.size >= maxNonces) return 'full'
      used.add(digest)
      // The two clocks tick at different moments of a second.
      const end = second + (created - now) + windowSeconds + 1
      const batch = byEnd.get(end)
      if (batch === undefined) byEnd.set(end, { digests: [digest], lastCreated: created })
      else {
        batch.digests.push(digest)
        batch.lastCreated = Math.max(batch.lastCreated, created)
      }
      return 'taken'
    },
    get size() {
      return used.size
    },
  }
}
