/** A platform with one clock for everything, whose answers a test changes as it goes. */
import { setImmediate } from 'node:timers/promises'
import { secret } from '../../src/lib/secret.ts'
import type { All, Grouped, Many, One, Upstream, UpstreamEvent } from '../../src/upstreams/platform.ts'
import { createSource } from '../../src/tokens/source.ts'
import type { Caller } from '../../src/tokens/source.ts'
import type { OAuthAccessToken, TokenKey, TokenRequest } from '../../src/tokens/types.ts'

/** A caller that can wait for ever. */
export const callerOf = (signal = new AbortController().signal): Caller => ({
  signal,
  deadline: () => Infinity,
  viewer: null,
  subject: null,
})

export type Rows = readonly OAuthAccessToken[]

export function row(account: string, expires_at: number | null, token = 'invented-token'): OAuthAccessToken {
  return {
    external_account_id: account,
    provider_user_id: '',
    token: secret(token),
    expires_at,
    provider: 'a',
    public_metadata: {},
    label: null,
    scopes: [],
    token_secret: null,
    id_token: null,
    problem: null,
    health: null,
  }
}

export interface ClockedOptions {
  readonly seconds?: number
  readonly entries?: number
  readonly upstream?: Partial<Upstream>
  readonly kind?: 'one' | 'grouped' | 'many' | 'all'
}

/** `answer` is what the platform says next, for every key; an Error is thrown. */
export function openClocked({ seconds = 30, entries = 100, upstream: given = {}, kind = 'one' }: ClockedOptions = {}) {
  const clock = { wall: 1_800_000_000, mono: 0 }
  const state: { answer: Rows | Error | null; calls: TokenKey[] } = { answer: [], calls: [] }
  const events: UpstreamEvent[] = []
  const say = (key: TokenKey): Promise<Rows | null> => {
    state.calls.push(key)
    return state.answer instanceof Error ? Promise.reject(state.answer) : Promise.resolve(state.answer)
  }
  const one: One<TokenKey, Rows> = { kind: 'one', one: say }
  const grouped: Grouped<TokenKey, Rows> = { kind: 'grouped', by: ({ userId }) => userId, one: say }
  const many: Many<TokenKey, Rows> = {
    kind: 'many',
    max: 100,
    id: ({ userId }) => userId,
    many: async (keys) => {
      state.calls.push(...keys)
      const { answer } = state
      return Promise.resolve(new Map(answer === null ? [] : keys.map(({ userId }) => [userId, answer])))
    },
  }
  const all: All<TokenKey, Rows, OAuthAccessToken> = {
    kind: 'all',
    parent: ({ userId }) => userId,
    all: async (userId) => (await say({ userId, provider: '*', credential: null, minValiditySeconds: 0 })) ?? [],
    pick: ({ provider }, rows) => rows.filter((item) => item.provider === provider),
  }
  const upstream: Upstream = {
    name: 'clocked',
    platform: 'clocked',
    autoRefreshes: true,
    tokens: { one, grouped, many, all }[kind],
    accounts: null,
    close: () => Promise.resolve(),
    ...given,
  }
  const source = createSource(
    [upstream],
    { routes: {}, default: 'clocked' },
    {
      cache: { seconds, entries },
      now: () => clock.wall,
      nowMs: () => clock.mono,
      observe: (event) => events.push(event),
    },
  )
  return {
    clock,
    state,
    events,
    source,
    pass(by_seconds: number) {
      clock.wall += by_seconds
      clock.mono += by_seconds * 1000
    },
    /** A promise also where the answer is at hand; what is told of the keys of a tick is told when it resolves. */
    async ask(given_request: Partial<TokenRequest> = {}, caller: Partial<Caller> = {}): Promise<Rows> {
      const request = {
        userId: 'user_1',
        provider: 'a',
        externalAccountId: null,
        minValiditySeconds: 60,
        ...given_request,
      }
      const tokens = await source.tokens(request, { ...callerOf(), ...caller })
      await setImmediate()
      return tokens.map(({ token }) => token)
    },
  }
}
