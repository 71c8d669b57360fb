/** An upstream whose answers a test writes and whose moments it chooses; it watches how it is called. */
import { CodedError } from '../../src/errors.ts'
import { secret } from '../../src/lib/secret.ts'
import type { Call, Fetcher, Upstream } from '../../src/upstreams/platform.ts'
import type { OAuthAccessToken, TokenKey } from '../../src/tokens/types.ts'

export const NOW = 1_800_000_000

/** What the platform holds for a key; `broken` fails whatever is asked together with it. */
export type Holding = 'two' | 'one' | 'expired' | 'nothing' | 'unknown' | 'consent' | 'broken'

export interface Script {
  readonly kind: 'one' | 'grouped' | 'many' | 'all'
  readonly max: number
  readonly refreshes: boolean
  holds(userId: string, provider: string): Holding
  /** Resolves when the call with this name may be answered. */
  moment(name: string): Promise<unknown>
  /** A call begins; and one is taken back before it was answered. */
  onCall?(call: Recorded): void
  onAbort?(call: Recorded): void
  /** A grouped key is asked for, together with these of its user. */
  onSiblings?(key: TokenKey, siblings: readonly TokenKey[]): void
}

export interface Recorded {
  /** For `all` the user alone. */
  readonly keys: readonly string[]
  readonly signal: AbortSignal
  ended: 'answered' | 'failed' | 'under way'
}

type Asked = Pick<TokenKey, 'userId' | 'provider'>

export const keyOf = ({ userId, provider }: Asked): string => `${userId} ${provider}`

/** Each token names its subject, so that one in a wrong place is seen. */
export function tokensOf({ userId, provider }: Asked, holding: Holding): readonly OAuthAccessToken[] {
  const row = (account: string, expires_at: number): OAuthAccessToken => ({
    external_account_id: account,
    provider_user_id: '',
    token: secret(`${userId} ${provider} ${account}`),
    expires_at,
    provider,
    public_metadata: {},
    label: null,
    scopes: [],
    token_secret: null,
    id_token: null,
    problem: null,
    health: null,
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
    const holding = script.holds(key.userId, key.provider)
    const error = errorOf(holding)
    if (error !== null) throw error
    return holding === 'unknown' ? null : tokensOf(key, holding)
  }

  function many(keys: readonly TokenKey[]): Map<string, readonly OAuthAccessToken[] | Error> {
    const found = new Map<string, readonly OAuthAccessToken[] | Error>()
    // In another order than asked, and with one that nobody asked for.
    for (const key of [
      ...keys,
      { userId: 'stranger', provider: 'p', credential: null, minValiditySeconds: 0 },
    ].reverse()) {
      const holding = script.holds(key.userId, key.provider)
      const error = errorOf(holding)
      if (holding === 'broken') throw error ?? new Error('unreachable')
      if (holding !== 'unknown') found.set(keyOf(key), error ?? tokensOf(key, holding))
    }
    return found
  }

  const fetchers: Readonly<Record<Script['kind'], Fetcher<TokenKey, readonly OAuthAccessToken[]>>> = {
    one: { kind: 'one', one: (key, call) => answer([keyOf(key)], call, () => one(key)) },
    grouped: {
      kind: 'grouped',
      by: (key) => key.userId,
      one: (key, call, siblings) => {
        script.onSiblings?.(key, siblings)
        return answer([keyOf(key)], call, () => one(key))
      },
    },
    many: {
      kind: 'many',
      max: script.max,
      id: keyOf,
      many: (keys, call) => answer(keys.map(keyOf), call, () => many(keys)),
    },
    all: {
      kind: 'all',
      parent: (key) => key.userId,
      all: (userId, call) =>
        answer(
          [userId],
          call,
          () => (one({ userId, provider: '*', credential: null, minValiditySeconds: 0 }), [userId]),
        ),
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
