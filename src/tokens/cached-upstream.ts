/**
 * One upstream, asked key by key: first what it answered a moment ago, then the call in flight, then the platform in
 * the way that its fetcher declares.
 */
import DataLoader from 'dataloader'
import type { Answer } from '../lib/answer.ts'
import { createWork, singleflight } from '../lib/singleflight.ts'
import type { Work } from '../lib/singleflight.ts'
import type { Call, Fetcher, Grouped, Many, Upstream, UpstreamEvent } from '../upstreams/platform.ts'
import { CodedError } from '../errors.ts'
import { joinIds } from './ids.ts'
import { batchInProcess } from './in-process.ts'
import type { InProcess } from './in-process.ts'
import { areFreshTokens, createAnswerCache, isFreshList } from './cache.ts'
import type { CachedAnswer, CacheOptions } from './cache.ts'
import type { ExternalAccount, OAuthAccessToken, SubjectCredential, TokenFilter, TokenKey } from './types.ts'

/** Who asks, for as long as the request lasts. */
export interface Caller extends Call {
  /** The caller's own credential, where the caller is a user: it speaks for that subject and no other. */
  readonly subject: { readonly userId: string; readonly credential: SubjectCredential } | null
  /** Called with the failure of each key that the caller asked for, by the names of its upstream and provider. */
  readonly onFailure?: (error: CodedError) => void
}

/** Returns a value that is at hand, or a promise; throws and rejects with a `CodedError`. */
export type Ask<K, V> = (key: K, caller: Caller) => Answer<V | null>

export interface CachedUpstream {
  readonly upstream: Upstream
  /** All accounts at the provider, by the platform's own name; the filter only decides whether the cache may answer. */
  readonly tokens: Ask<TokenKey & TokenFilter, readonly OAuthAccessToken[]>
  /** As `InProcess.prepare`, for the tokens. */
  readonly prepare: ((caller: Caller) => Promise<void>) | null
  /** By user; null: the platform cannot list accounts. */
  readonly accounts: Ask<string, readonly ExternalAccount[]> | null
  close(): Promise<void>
}

export interface CachedUpstreamOptions {
  readonly cache: CacheOptions
  /** Unix seconds. */
  now(): number
  /** Milliseconds of a monotonic clock. */
  nowMs(): number
  observe(event: UpstreamEvent): void
}

export function openCachedUpstream(upstream: Upstream, options: CachedUpstreamOptions): CachedUpstream {
  const { name, tokens, accounts, usesSubjectToken = false, autoRefreshes, inProcess = false } = upstream
  // An answer to the subject's own credential is for that subject, so every key of a call must say which it is.
  if (usesSubjectToken && tokens.kind !== 'one' && tokens.kind !== 'grouped')
    throw new Error(`${name}: an upstream that uses the subject's token answers key by key`)
  const cache = inProcess ? { seconds: 0, entries: 0 } : options.cache
  const open = { ...options, inProcess, cache, upstream: name }
  const askTokens = openFetcher(tokens, inProcess ? validityId : tokenId, {
    ...open,
    operation: 'tokens',
    isFresh: (answer: CachedAnswer<readonly OAuthAccessToken[]>, ageMs: number, key: TokenKey & TokenFilter) =>
      areFreshTokens(answer, ageMs, key, autoRefreshes, options.now()),
  })
  const askAccounts =
    accounts &&
    openFetcher<string, readonly ExternalAccount[]>(accounts, (userId) => userId, {
      ...open,
      operation: 'accounts',
      isFresh: isFreshList,
    })
  return {
    upstream,
    tokens(key, caller) {
      const { subject } = caller
      const isOwn = usesSubjectToken && subject?.userId === key.userId
      return askTokens.ask(isOwn ? { ...key, credential: subject.credential } : key, caller)
    },
    prepare: askTokens.prepare,
    accounts: askAccounts?.ask ?? null,
    close() {
      askTokens.clear()
      askAccounts?.clear()
      return upstream.close()
    },
  }
}

/** Everything that changes the answer of the platform. */
function tokenId({ userId, provider, credential }: TokenKey): string {
  return credential === null ? `${userId}\n${provider}` : joinIds(userId, provider, credential.id)
}

/** The same where the platform refreshes in this process for as long as the caller asks. */
function validityId(key: TokenKey): string {
  return joinIds(tokenId(key), String(key.minValiditySeconds))
}

interface FetcherOptions<K, V> extends CachedUpstreamOptions {
  readonly inProcess: boolean
  readonly upstream: string
  readonly operation: string
  /** Whether a cached answer may be used for this key. */
  isFresh(answer: CachedAnswer<V>, ageMs: number, key: K): boolean
}

/** The fetcher as a function of one key, with its calls shared and its answers cached. */
function openFetcher<K, V, Q extends K = K>(
  fetcher: Fetcher<K, V>,
  idOf: (key: K) => string,
  { inProcess, cache: cacheOptions, nowMs, observe, upstream, operation, isFresh }: FetcherOptions<Q, V>,
): { readonly ask: Ask<Q, V>; readonly prepare: InProcess<K, V>['prepare']; clear(): void } {
  if (inProcess && fetcher.kind === 'many') return { ...batchInProcess(fetcher), clear: () => undefined }
  const { rowId, call, pick } = plan(fetcher, idOf)
  const cache = cacheOptions.seconds > 0 ? createAnswerCache<unknown>(cacheOptions, nowMs) : null
  const report = countKeys((outcome, keys) => {
    observe({ upstream, operation, keys, outcome, durationMs: 0 })
  })

  const fly = singleflight<Q, Caller, unknown>(
    rowId,
    async (key, work, { viewer }) => {
      const at = nowMs()
      try {
        const answer = await call(key, work, viewer)
        cache?.keep(rowId(key), at, answer)
        return answer
      } catch (error) {
        if (error instanceof Error) cache?.keep(rowId(key), at, error)
        throw error
      }
    },
    () => {
      report('coalesced')
    },
  )

  /** The cached answer; undefined: the platform has to be asked. Throws the error that is the answer. */
  function recall(key: Q): V | null | undefined {
    const cached = cache?.get(rowId(key))
    if (cached === undefined) return undefined
    const answer = pickAnswer(key, cached.answer)
    if (!isFresh(answer, nowMs() - cached.at, key)) return undefined
    report('cached')
    if (answer instanceof CodedError) throw answer
    return answer
  }

  function pickAnswer(key: Q, answer: unknown): V | null | CodedError {
    if (answer instanceof CodedError) return answer
    try {
      return pick(key, answer)
    } catch (error) {
      if (error instanceof CodedError) return error
      throw error
    }
  }

  return {
    ask(key, caller) {
      const known = recall(key)
      return known === undefined ? fly(key, caller).then((answer) => pick(key, answer)) : known
    },
    prepare: null,
    clear: () => cache?.clear(),
  }
}

type Shared = 'cached' | 'coalesced'

/** Counts keys by how they were answered, and reports those of one tick together: a request may have a thousand. */
function countKeys(report: (outcome: Shared, keys: number) => void): (outcome: Shared) => void {
  const counts = { cached: 0, coalesced: 0 }
  let isDue = false
  function flush(): void {
    isDue = false
    for (const outcome of ['cached', 'coalesced'] as const) {
      const keys = counts[outcome]
      counts[outcome] = 0
      if (keys > 0) report(outcome, keys)
    }
  }
  return (outcome) => {
    counts[outcome] += 1
    if (isDue) return
    isDue = true
    process.nextTick(flush)
  }
}

/** How one key is asked for: what is shared and cached, the call for it, and the key's own part of the answer. */
interface Plan<K, V> {
  rowId(key: K): string
  call(key: K, work: Work, viewer: string | null): Promise<unknown>
  pick(key: K, answer: unknown): V | null
}

function plan<K, V>(fetcher: Fetcher<K, V>, idOf: (key: K) => string): Plan<K, V> {
  const whole = (_: K, answer: unknown) => answer as V | null
  switch (fetcher.kind) {
    case 'one':
      return { rowId: idOf, call: (key, work, viewer) => fetcher.one(key, { ...wait(work), viewer }), pick: whole }
    case 'grouped':
      return { rowId: idOf, call: grouped(fetcher), pick: whole }
    case 'many':
      return { rowId: idOf, call: batched(fetcher), pick: whole }
    case 'all':
      return {
        rowId: fetcher.parent,
        call: (key, work, viewer) => fetcher.all(fetcher.parent(key), { ...wait(work), viewer }),
        pick: (key, answer) => fetcher.pick(key, (answer ?? []) as readonly unknown[]),
      }
  }
}

/** The part of a work that a platform sees. */
function wait({ signal, deadline, traces }: Work): Pick<Call, 'signal' | 'deadline' | 'traces'> {
  return { signal, deadline, traces }
}

/** Keys that are asked for in one tick become one call, of `max` keys at most. */
function batched<K, V>({ max, id, many }: Many<K, V>): Plan<K, V>['call'] {
  interface Part {
    readonly key: K
    readonly work: Work
    readonly viewer: string | null
  }
  const loader = new DataLoader<Part, V | null>(
    async (parts) => {
      const wanted = parts.filter(({ work }) => !work.signal.aborted)
      const [first] = wanted
      if (first === undefined) return parts.map(() => null)
      const batch = createWork()
      for (const { work } of wanted) work.joinTo(batch)
      const keys = wanted.map(({ key }) => key)
      try {
        const rows = await many(keys, { ...wait(batch), viewer: first.viewer })
        return parts.map(({ key }) => rows.get(id(key)) ?? null)
      } finally {
        batch.settle()
      }
    },
    { cache: false, maxBatchSize: max },
  )
  return (key, work, viewer) => loader.load({ key, work, viewer })
}

/** Each key is asked for by itself, and told which keys of its group are asked for in the same tick. */
function grouped<K, V>({ by, one }: Grouped<K, V>): Plan<K, V>['call'] {
  const siblings = new DataLoader<K, readonly K[]>(
    (keys) => {
      const groups = Map.groupBy(keys, by)
      return Promise.resolve(keys.map((key) => groups.get(by(key)) ?? [key]))
    },
    { cache: false },
  )
  return async (key, work, viewer) => {
    const group = await siblings.load(key)
    work.signal.throwIfAborted()
    return one(key, { ...wait(work), viewer }, group)
  }
}
