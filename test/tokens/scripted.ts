/** An upstream whose answers a test writes and whose moments it chooses; it watches how it is called. */
import { CodedError } from '../../src/errors.ts'
import { secret } from '../../src/lib/secret.ts'
import type { Call, Fetcher, Upstream } from '../../src/upstreams/platform.ts'
import type { OAuthAccessToken, TokenKey } from '../../src/tokens/types.ts'

export const NOW = 1_800_000_000

/** What the platform holds for a key; `broken` fails whatever is asked together with it. */
export type Holding = 'two' | 'one' | 'expired' | 'nothing' | 'unknown' | 'consent' | 'broken'

export interface Script {
  readonly kind: 'one' | 'many' | 'all'
  readonly max: number
  readonly refreshes: boolean
  holds(user_id: string, provider: string): Holding
  /** Resolves when the call with this name may be answered. */
  moment(name: string): Promise<unknown>
  /** A call begins; and one is taken back before it was answered. */
  onCall?(call: Recorded): void
  onAbort?(call: Recorded): void
}

export interface Recorded {
  /** For `all` the user alone. */
  readonly keys: readonly string[]
  readonly signal: AbortSignal
  ended: 'answered' | 'failed' | 'under way'
}

export const keyOf = ({ user_id, provider }: TokenKey): string => `${user_id} ${provider}`

/** Each token names its subject, so that one in a wrong place is seen. */
export function tokensOf({ user_id, provider }: TokenKey, holding: Holding): readonly OAuthAccessToken[] {
  const row = (account: string, expires_at: number): OAuthAccessToken => ({
    external_account_id: account,
    provider_user_id: '',
    token: secret(`${user_id} ${provider} ${account}`),
    expires_at,
    provider,
    public_metadata: {},
    label: null,
    scopes: [],
    token_secret: null,
    id_token: null,
  })
  if (holding === 'two') return [row('a', NOW + 3600), row('b', NOW + 3600)]
  if (holding === 'one') return [row('a', NOW + 3600)]
  return holding === 'expired' ? [row('a', NOW - 1)] : []
}

export function errorOf(holding: Holding): CodedError | null {
  if (holding === 'consent') return new CodedError('REAUTHORIZATION_REQUIRED')
  return holding === 'broken' ? new CodedError('UPSTREAM_UNAVAILABLE') : null
}

export function openScripted(script: Script): { readonly upstream: Upstream; readonly calls: readonly Recorded[] } {
  const calls: Recorded[] = []

  /** One call, answered at its moment or ended by its signal. */
  async function answer<T>(keys: readonly string[], { signal }: Call, read: () => T): Promise<T> {
    const call: Recorded = { keys, signal, ended: 'under way' }
    script.onCall?.(call)
    calls.push(call)
    const gone = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => {
        if (call.ended !== 'under way') return
        script.onAbort?.(call)
        // It takes its time to stop, as a connection does.
        void script.moment(`the end of ${keys.join(', ')}`).then(() => {
          reject(signal.reason as Error)
        })
      })
    })
    try {
      await Promise.race([script.moment(keys.join(', ')), gone])
      const value = read()
      call.ended = 'answered'
      return value
    } catch (error) {
      call.ended = 'failed'
      throw error
    }
  }

  function one(key: TokenKey): readonly OAuthAccessToken[] | null {
    const holding = script.holds(key.user_id, key.provider)
    const error = errorOf(holding)
    if (error !== null) throw error
    return holding === 'unknown' ? null : tokensOf(key, holding)
  }

  function many(keys: readonly TokenKey[]): Map<string, readonly OAuthAccessToken[] | Error> {
    const found = new Map<string, readonly OAuthAccessToken[] | Error>()
    // In another order than asked, and with one that nobody asked for.
    for (const key of [...keys, { user_id: 'stranger', provider: 'p' }].reverse()) {
      const holding = script.holds(key.user_id, key.provider)
      const error = errorOf(holding)
      if (holding === 'broken') throw error ?? new Error('unreachable')
      if (holding !== 'unknown') found.set(keyOf(key), error ?? tokensOf(key, holding))
    }
    return found
  }

  const fetchers: Readonly<Record<Script['kind'], Fetcher<TokenKey, readonly OAuthAccessToken[]>>> = {
    one: { kind: 'one', one: (key, call) => answer([keyOf(key)], call, () => one(key)) },
    many: {
      kind: 'many',
      max: script.max,
      id: keyOf,
      many: (keys, call) => answer(keys.map(keyOf), call, () => many(keys)),
    },
    all: {
      kind: 'all',
      parent: (key) => key.user_id,
      all: (user_id, call) =>
        answer([user_id], call, () => (one({ user_id, provider: '*', credential: null }), [user_id])),
      pick: (key) => one(key),
    },
  }
  return {
    calls,
    upstream: {
      name: 'scripted',
      platform: 'scripted',
      autoRefreshes: script.refreshes,
      tokens: fetchers[script.kind],
      accounts: null,
      close: () => Promise.resolve(),
    },
  }
}
