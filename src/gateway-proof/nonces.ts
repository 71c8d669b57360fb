/** Which nonces were used: in this process, and for as long as the time of their signatures lets them count. */
import { hash } from 'node:crypto'

export type Taken = 'taken' | 'used' | 'full'

export interface NonceStore {
  /**
   * Takes a nonce that nobody took before. `created` and `now` are in whole seconds; `created` must be within the
   * window around `now`. Once the store is full nothing is taken: to forget a nonce early would let it be used again,
   * and only who holds a key can fill it.
   */
  take(nonce: string, created: number, now: number): Taken
  readonly size: number
}

export function createNonceStore({ window_seconds, max_nonces }: { window_seconds: number; max_nonces: number }) {
  const used = new Set<string>()
  const bySecond = new Map<number, string[]>()
  /** What was created before is forgotten, and stays too old even if the clock goes back. */
  let horizon = -Infinity

  function forget(now: number): void {
    const next = now - window_seconds
    if (next <= horizon) return
    horizon = next
    for (const [second, names] of bySecond) {
      if (second >= horizon) continue
      for (const name of names) used.delete(name)
      bySecond.delete(second)
    }
  }

  const store: NonceStore = {
    take(nonce, created, now) {
      forget(now)
      // Of a short and equal length, however long the nonce is.
      const name = hash('sha256', nonce, 'base64url')
      if (created < horizon || used.has(name)) return 'used'
      if (used.size >= max_nonces) return 'full'
      used.add(name)
      const second = bySecond.get(created)
      if (second === undefined) bySecond.set(created, [name])
      else second.push(name)
      return 'taken'
    },
    get size() {
      return used.size
    },
  }
  return store
}
