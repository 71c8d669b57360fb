/** LRU caches keyed by text. */
import { LRUCache } from 'lru-cache'

export interface Cache<V> {
  /** Undefined when there is no entry, as callers outside of this code expect. */
  get(key: string): V | undefined
  set(key: string, value: V): void
}

interface CacheLimits {
  readonly entries: number
  /** Length of a key; an entry with a longer one is not cached. Unlimited when left out. */
  readonly characters?: number
}

/**
 * Evicts the least recently used entry. Where callers choose the keys both limits are needed: 1,024 queries as large as
 * a request body may be are 64 MiB.
 */
export function createCache<V extends object | string | number>({ entries, characters }: CacheLimits): Cache<V> {
  // `max` would take memory for all of them at once, a sum of sizes takes it as they come.
  if (characters === undefined) return new LRUCache<string, V>({ maxSize: entries, sizeCalculation: () => 1 })
  return new LRUCache<string, V>({
    max: entries,
    maxEntrySize: characters,
    // A size has to be positive.
    sizeCalculation: (_value, key) => Math.max(1, key.length),
  })
}
