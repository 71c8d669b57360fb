/** Clerk in the conformance suite. */
import { clerkFailure, startClerk } from '../servers/clerk.ts'
import { inventAccount } from '../servers/clerk-rows.ts'
import type { ClerkAccount, ClerkToken } from '../servers/clerk-rows.ts'
import { answers, garbage, silence } from '../servers/misbehaviour.ts'
import { canary, invent } from './fixture.ts'
import type { Expected, PlatformFixture } from './fixture.ts'

const refreshFailure = (words: string) => clerkFailure('oauth_token_retrieval_error', { provider_error: words })

export const clerk: PlatformFixture = {
  troubles: {
    provider: [
      { label: 'the provider is down', how: answers(400, refreshFailure('temporarily_unavailable')) },
      { label: 'the provider is down, as 502', how: answers(502, refreshFailure('server_error')) },
      {
        label: "the provider's rate limit",
        how: answers(429, refreshFailure('rate limited'), { 'retry-after': '30' }),
      },
    ],
    user: [
      { label: 'a dead grant', how: answers(400, refreshFailure('invalid_grant')) },
      { label: 'a dead grant, as 502', how: answers(502, refreshFailure('invalid_grant')) },
      { label: 'no refresh token', how: answers(422, clerkFailure('oauth_missing_refresh_token')) },
    ],
  },
  essential: [
    'object',
    'id',
    'external_account_id',
    'provider',
    'token',
    'token_secret',
    'expires_at',
    'data',
    'external_accounts',
  ],
  async start() {
    const server = await startClerk()
    return {
      options: { secret_key: server.secret_key, base_url: server.url },
      providers: ['oauth_google', 'oauth_github', 'oauth_slack'],
      connect(user_id, provider, accounts = [{}]) {
        const expected = accounts.map((given, n) => invent(user_id, provider, n, given))
        server.addTokens(user_id, provider, expected.map(toRow))
        const listed = (server.users.get(user_id)?.external_accounts ?? []) as ClerkAccount[]
        listed.push(...expected.map((each, n) => toAccount(user_id, each, n)))
        return Promise.resolve(expected)
      },
      addUser: (user_id) => {
        server.addUser(user_id)
        return Promise.resolve()
      },
      needsConsent(user_id, provider) {
        server.misbehave(answers(422, clerkFailure('oauth_missing_refresh_token')), {
          path: new RegExp(`/users/${encodeURIComponent(user_id)}/oauth_access_tokens/${provider}$`),
        })
        return Promise.resolve()
      },
      alter: (change) => server.alter(change),
      callCount: () => server.calls.filter(({ path }) => path.includes('/oauth_access_tokens/')).length,
      fewestCalls: (users, providers) => users * providers,
      refuseKey: () => void server.misbehave(answers(401, clerkFailure('clerk_key_invalid'))),
      rateLimit: (seconds) =>
        void server.misbehave(answers(429, clerkFailure('too_many_requests'), { 'retry-after': String(seconds) })),
      outage: () => void server.misbehave(answers(500, clerkFailure('internal_clerk_error'))),
      hang: () => void server.misbehave(silence),
      garbage: () => void server.misbehave(garbage),
      spoil: (how, words) => void server.misbehave(how, { words }),
      canary,
      canarySent: () => server.sent.some((text) => text.includes(canary.refresh_token)),
      [Symbol.asyncDispose]: () => server.close(),
    }
  },
}

function toRow({ token_secret, id_token, scopes, public_metadata, ...rest }: Expected): Partial<ClerkToken> {
  return {
    ...rest,
    public_metadata: { ...public_metadata },
    ...(scopes !== null && { scopes: [...scopes] }),
    ...(token_secret !== null && { token_secret }),
    ...(id_token !== null && { id_token }),
    ...canary,
  }
}

function toAccount(user_id: string, expected: Expected, n: number): ClerkAccount {
  const { external_account_id: id, provider, provider_user_id } = expected
  return inventAccount(user_id, n, { id, provider, provider_user_id, ...canary })
}
