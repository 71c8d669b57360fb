/**
 * What platforms answered a moment ago, for as long as it may be used again (TRUST R12). Kept by upstream and subject,
 * and by the subject's own credential where one was forwarded; what a viewer may see of an answer is decided on the
 * fields, so that nobody sees more of a remembered answer than of a new one.
 *
 * A Map is enough: all answers live equally long, so the oldest entry is the next to die, and that is what a full Map
 * gives up first. To move what was used to the end, as an LRU does, would keep dying entries and give up living ones.
 */
import { CodedError } from '../errors.ts'
import type { Call, Fetcher } from '../upstreams/platform.ts'
import { isLive } from './token.ts'
import type { OAuthAccessToken, TokenFilter } from './token.ts'

export interface CacheOptions {
  /** How long an answer may be used again; 0: not at all. */
  readonly seconds: number
  /** How many answers of one upstream are kept at most. */
  readonly entries: number
}

/** Answers that a user may change within seconds: nothing connected, or consent that is needed again. */
const SHORT_MS = 5000

/** What is known of one key, and for how long. */
export interface Recalled<V> {
  /** Milliseconds since the platform was asked. */
  readonly age_ms: number
  readonly answer: V | null | CodedError
}

export interface Memory<K, V> {
  /** The fetcher that was given, remembering what it answers. */
  readonly fetcher: Fetcher<K, V>
  recall(key: K): Recalled<V> | undefined
  clear(): void
}

interface Entry {
  /** Milliseconds of a monotonic clock: when the platform was asked. */
  readonly at: number
  readonly answer: unknown
}

/** `now_ms` gives milliseconds of a monotonic clock. */
export function createMemory<K, V>(
  fetcher: Fetcher<K, V>,
  idOf: (key: K) => string,
  { seconds, entries }: CacheOptions,
  now_ms: () => number,
): Memory<K, V> {
  const kept = new Map<string, Entry>()
  const life_ms = seconds * 1000
  let timer: NodeJS.Timeout | undefined

  function store(id: string, at: number, answer: unknown): void {
    if (answer instanceof Error && !isConsentNeeded(answer)) return
    kept.delete(id) // so that the order of the map is the order of age
    kept.set(id, { at, answer })
    for (const oldest of kept.keys()) {
      if (kept.size <= entries) break
      kept.delete(oldest)
    }
    timer ??= setTimeout(forgetDead, life_ms).unref()
  }

  /** Tokens do not stay in memory because nobody asks any more. */
  function forgetDead(): void {
    const now = now_ms()
    for (const [id, { at }] of kept) {
      if (now - at < life_ms) break
      kept.delete(id)
    }
    timer = kept.size === 0 ? undefined : setTimeout(forgetDead, life_ms).unref()
  }

  async function remember<T>(id: string, call: Promise<T>): Promise<T> {
    const at = now_ms()
    try {
      const answer = await call
      store(id, at, answer)
      return answer
    } catch (error) {
      if (error instanceof Error) store(id, at, error)
      throw error
    }
  }

  function remembering(): Fetcher<K, V> {
    switch (fetcher.kind) {
      case 'one':
        return { ...fetcher, one: (key, call) => remember(idOf(key), fetcher.one(key, call)) }
      case 'many':
        return {
          ...fetcher,
          many: async (keys, call) => {
            const at = now_ms()
            const rows = await fetcher.many(keys, call)
            for (const key of keys) store(idOf(key), at, rows.get(fetcher.id(key)) ?? null)
            return rows
          },
        }
      case 'all':
        return {
          ...fetcher,
          all: (parent: string, call: Call) => remember(parent, fetcher.all(parent, call)),
        }
    }
  }

  function pick(key: K, answer: unknown): V | null | CodedError {
    if (fetcher.kind !== 'all' || answer === null || answer instanceof CodedError)
      return answer as V | null | CodedError
    try {
      return fetcher.pick(key, answer as Parameters<typeof fetcher.pick>[1])
    } catch (error) {
      if (error instanceof CodedError) return error
      throw error
    }
  }

  return {
    fetcher: remembering(),
    recall(key) {
      const entry = kept.get(fetcher.kind === 'all' ? fetcher.parent(key) : idOf(key))
      if (entry === undefined) return undefined
      const age_ms = now_ms() - entry.at
      if (age_ms >= life_ms) return undefined
      return { age_ms, answer: pick(key, entry.answer) }
    },
    clear() {
      clearTimeout(timer)
      timer = undefined
      kept.clear()
    },
  }
}

/**
 * Whether tokens that were read a moment ago may answer this request. A platform that refreshes is asked again for a
 * token that does not live long enough; one that does not would hardly answer otherwise within seconds.
 */
export function mayServe(
  { age_ms, answer }: Recalled<readonly OAuthAccessToken[]>,
  { external_account_id, min_validity_seconds }: TokenFilter,
  { refreshes, now }: { readonly refreshes: boolean; readonly now: number },
): boolean {
  const rows = answer === null || answer instanceof Error ? [] : answer
  const asked =
    external_account_id === null ? rows : rows.filter((row) => row.external_account_id === external_account_id)
  if (asked.length > 0 && asked.every((row) => isLive(row, min_validity_seconds, now))) return true
  return age_ms < SHORT_MS && (asked.length === 0 || !refreshes)
}

/** The same for any list: an empty one, an unknown user and an error are used again for seconds only. */
export function mayRepeat({ age_ms, answer }: Recalled<readonly unknown[]>): boolean {
  return age_ms < SHORT_MS || (answer !== null && !(answer instanceof Error) && answer.length > 0)
}

function isConsentNeeded(error: Error): boolean {
  return error instanceof CodedError && error.code === 'REAUTHORIZATION_REQUIRED'
}
