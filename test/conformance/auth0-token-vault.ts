/** Auth0 Token Vault in the conformance suite. */
import { oauthFailure } from '../servers/auth0-exchange.ts'
import { startAuth0Worker } from '../servers/auth0-worker.ts'
import { answers, garbage, silence } from '../servers/misbehaviour.ts'
import { canary, invent } from './fixture.ts'
import type { PlatformFixture } from './fixture.ts'

export const auth0TokenVault: PlatformFixture = {
  troubles: {
    provider: [
      { label: 'the refresh failed', how: answers(401, { error: 'federated_connection_refresh_token_flow_failed' }) },
    ],
    // A signed JWT names the user.
    user: null,
  },
  essential: ['access_token', 'expires_in', 'connected_accounts', 'id', 'connection'],
  unsupported: {
    'many accounts':
      'the exchange answers for one account of a user at a connection (docs/platforms/auth0-token-vault.md section 7)',
    'unknown user':
      'the exchange has no answer of its own for a user that nobody knows (docs/platforms/auth0-token-vault.md section 5)',
  },
  async start() {
    const server = await startAuth0Worker()
    const as = { oauth_google: 'google-oauth2', oauth_microsoft: 'windowslive' }
    const nameOf = (provider: string) =>
      provider in as ? as[provider as keyof typeof as] : provider.slice('oauth_'.length)
    const path = /^\/oauth\/token$/
    return {
      // At the documented rate of 30 a second, 300 keys take as long as a request may.
      options: { ...server.options, management: server.management, rate: { requests: 1000, per_seconds: 1 } },
      providers: ['oauth_google', 'oauth_github', 'oauth_microsoft'],
      as,
      expiry_tolerance_seconds: 30,
      connect(user_id, provider, [given = {}] = []) {
        const connection = nameOf(provider)
        const account = invent(user_id, provider, 0, given)
        const { token, scopes } = account
        server.connect(user_id, connection, { token, scopes: [...(scopes ?? [])], extra: canary })
        return Promise.resolve([
          {
            ...account,
            external_account_id: `${connection}|${user_id}`,
            provider_user_id: '',
            expires_at: Math.floor(Date.now() / 1000) + 3000,
            public_metadata: {},
            label: null,
            token_secret: null,
            id_token: null,
          },
        ])
      },
      addUser: (user_id) => {
        server.addUser(user_id)
        return Promise.resolve()
      },
      needsConsent(user_id, provider) {
        const entry = server.vault.get(`${user_id}\n${nameOf(provider)}`)
        if (entry !== undefined) entry.refresh = 'refused'
        return Promise.resolve()
      },
      alter: (change) => server.alter(change),
      callCount: () => server.calls.filter(({ body }) => body.includes('token-exchange')).length,
      fewestCalls: (users, providers) => users * providers,
      refuseKey: () => void server.misbehave(answers(401, oauthFailure(401, 'invalid_client').body), { path }),
      rateLimit: (seconds) =>
        void server.misbehave(
          answers(429, oauthFailure(429, 'too_many_requests').body, { 'retry-after': String(seconds) }),
          { path },
        ),
      outage: () => void server.misbehave(answers(503, '<html>invented-page</html>'), { path }),
      hang: () => void server.misbehave(silence),
      garbage: () => void server.misbehave(garbage, { path }),
      spoil: (how, words) => void server.misbehave(how, { words }),
      canary,
      canarySent: () => server.sent.some((text) => text.includes(canary.refresh_token)),
      [Symbol.asyncDispose]: () => server.close(),
    }
  },
}
