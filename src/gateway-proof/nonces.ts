/** Replay protection: the nonces that were used, kept for as long as their signatures are within the window. */
import { hash } from 'node:crypto'

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

/** Creates a store in the memory of this process; replicas do not share it. */
export function createNonceStore({ windowSeconds, maxNonces }: NonceOptions): NonceStore {
  const used = new Set<string>()
  const bySecond = new Map<number, string[]>()
  /** Unix seconds. Nonces created before it are dropped, and count as used even if the clock goes back. */
  let horizon = -Infinity

  function dropExpired(now: number): void {
    const next = now - windowSeconds
    if (next <= horizon) return
    horizon = next
    for (const [second, digests] of bySecond) {
      if (second >= horizon) continue
      for (const digest of digests) used.delete(digest)
      bySecond.delete(second)
    }
  }

  return {
    take(nonce, created, now) {
      dropExpired(now)
      // A digest has one short length, however long the nonce is.
      const digest = hash('sha256', nonce, 'base64url')
      if (created < horizon || used.has(digest)) return 'used'
      if (used.size >= maxNonces) return 'full'
      used.add(digest)
      const second = bySecond.get(created)
      if (second === undefined) bySecond.set(created, [digest])
      else second.push(digest)
      return 'taken'
    },
    get size() {
      return used.size
    },
  }
}
