/**
 * The way to one upstream: what it answered a moment ago, what is being asked already, and only then the platform.
 */
import type { Call, Fetcher, Upstream, UpstreamEvent } from '../upstreams/platform.ts'
import { shareCalls } from './flights.ts'
import type { Ask } from './flights.ts'
import { createMemory, mayRepeat, mayServe } from './freshness.ts'
import type { CacheOptions, Memory, Recalled } from './freshness.ts'
import type { ExternalAccount, OAuthAccessToken, SubjectCredential, TokenFilter, TokenKey } from './token.ts'

/** Who asks, for as long as the request lasts. */
export interface Caller extends Call {
  /** The caller's own credential, where the caller is a user: it speaks for that subject and no other. */
  readonly subject?: { readonly user_id: string; readonly credential: SubjectCredential } | undefined
}

/** A key by the platform's own name, and what the caller wants of its tokens. */
export type LaneRequest = TokenKey & TokenFilter

export interface Lane {
  readonly upstream: Upstream
  /** One promise for each request, in order: all accounts at the provider, whatever the filter says. */
  tokens(requests: readonly LaneRequest[], caller: Caller): Promise<readonly OAuthAccessToken[] | null>[]
  /** The same for users; null: the platform cannot list accounts. */
  readonly accounts: Ask<string, readonly ExternalAccount[]> | null
  close(): Promise<void>
}

export interface LaneOptions {
  readonly cache: CacheOptions
  /** Unix seconds. */
  now(): number
  /** Milliseconds of a monotonic clock. */
  now_ms(): number
  observe(event: UpstreamEvent): void
}

export function openLane(upstream: Upstream, { cache, now, now_ms, observe }: LaneOptions): Lane {
  const { name, tokens, accounts, forwards = false, refreshes } = upstream
  // An answer to the subject's own credential is for whoever has it, so every key of a call must say which it is.
  if (forwards && tokens.kind !== 'one')
    throw new Error(`${name}: an upstream that forwards credentials answers key by key`)
  const remembers = upstream.local !== true && cache.seconds > 0
  const remember = <K, V>(fetcher: Fetcher<K, V>, idOf: (key: K) => string) =>
    remembers ? createMemory(fetcher, idOf, cache, now_ms) : null
  const report = (operation: string, outcome: 'cached' | 'coalesced') => (keys: number) => {
    observe({ upstream: name, operation, keys, outcome, duration_ms: 0 })
  }

  const tokenMemory = remember(tokens, tokenId)
  const askTokens = withMemory(
    tokenMemory,
    shareCalls(tokenMemory?.fetcher ?? tokens, tokenId, report('tokens', 'coalesced')),
    report('tokens', 'cached'),
    (recalled, request: LaneRequest) => mayServe(recalled, request, { refreshes, now: now() }),
  )
  const accountMemory = accounts && remember(accounts, (user_id) => user_id)
  const askAccounts =
    accounts &&
    withMemory(
      accountMemory,
      shareCalls(accountMemory?.fetcher ?? accounts, (user_id) => user_id, report('accounts', 'coalesced')),
      report('accounts', 'cached'),
      mayRepeat,
    )

  return {
    upstream,
    tokens: (requests, caller) =>
      askTokens(forwards ? requests.map((request) => withCredential(request, caller)) : requests, caller),
    accounts: askAccounts,
    close() {
      tokenMemory?.clear()
      accountMemory?.clear()
      return upstream.close()
    },
  }
}

/** Everything that changes the answer of the platform. No id holds a space (`checkId`). */
function tokenId({ user_id, provider, credential }: TokenKey): string {
  return credential === undefined ? `${user_id} ${provider}` : `${user_id} ${provider} ${credential.id}`
}

function withCredential(request: LaneRequest, { subject }: Caller): LaneRequest {
  return subject?.user_id === request.user_id ? { ...request, credential: subject.credential } : request
}

/** Answers from memory what may be used again, and asks for the rest together. */
function withMemory<K, Q extends K, V>(
  memory: Memory<K, V> | null,
  ask: Ask<K, V>,
  onRemembered: (keys: number) => void,
  mayUse: (recalled: Recalled<V>, request: Q) => boolean,
): Ask<Q, V> {
  if (memory === null) return ask
  return (requests, caller) => {
    const missing: Q[] = []
    const remembered = requests.map((request) => {
      const recalled = memory.recall(request)
      if (recalled !== undefined && mayUse(recalled, request)) return recalled.answer
      missing.push(request)
      return undefined
    })
    if (missing.length < requests.length) onRemembered(requests.length - missing.length)
    const asked = missing.length === 0 ? [].values() : ask(missing, caller).values()
    return remembered.map((answer) => {
      if (answer instanceof Error) return Promise.reject(answer)
      if (answer !== undefined) return Promise.resolve(answer)
      const { value } = asked.next()
      if (value === undefined) throw new Error('one answer for each key was promised')
      return value
    })
  }
}
