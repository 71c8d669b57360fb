/** Keycloak in the conformance suite: every user asks with their own token. */
import { failure, startKeycloak } from '../servers/keycloak.ts'
import { answers, garbage, silence } from '../servers/misbehaviour.ts'
import { canary, invent } from './fixture.ts'
import type { PlatformFixture } from './fixture.ts'

const path = /\/broker\//

export const keycloak: PlatformFixture = {
  troubles: {
    provider: [
      { label: 'no refresh', how: answers(502, failure(502, 'Unable to refresh token').body) },
      { label: 'no answer from it', how: answers(502, failure(502, 'Bad gateway to the provider').body) },
    ],
    user: [{ label: 'no refresh', how: answers(502, failure(502, 'Unable to refresh token').body) }],
  },
  essential: ['access_token', 'identityProvider', 'userId'],
  unsupported: {
    'many accounts':
      'a user has one link to an identity provider; a second account needs a second alias (docs/platforms/keycloak.md section 3)',
    'unknown user':
      'whoever asks has a token of the realm, which knows its users (docs/platforms/keycloak.md section 1)',
  },
  async start() {
    const server = await startKeycloak()
    const { url: base_url, realm, admin, issuer, jwks_url } = server
    for (const alias of ['google', 'github', 'acme-oidc']) server.aliases.set(alias, true)
    const bearers = new Map<string, Promise<string>>()
    return {
      options: { base_url, realm, admin },
      providers: ['oauth_google', 'oauth_github', 'oauth_acme'],
      as: { oauth_acme: 'acme-oidc' },
      auth: { issuers: [{ issuer, audience: 'tokengraph', jwks_url, algorithms: ['ES256'] }] },
      bearerFor(user_id) {
        const bearer = bearers.get(user_id) ?? server.sign(user_id)
        bearers.set(user_id, bearer)
        return bearer
      },
      connect(user_id, provider, [given = {}] = []) {
        const alias = aliasOf(provider)
        const account = invent(user_id, provider, 0, given)
        const { token, provider_user_id, id_token, scopes, expires_at } = account
        server.link(user_id, alias, {
          userId: provider_user_id,
          userName: 'ada',
          stored: {
            access_token: token,
            token_type: 'Bearer',
            ...(expires_at !== null && { accessTokenExpiration: expires_at, expires_in: 3599 }),
            ...(id_token !== null && { id_token }),
            scope: scopes?.join(' '),
            refresh_expires_in: 0,
            ...canary,
          },
        })
        return Promise.resolve([
          {
            ...account,
            external_account_id: `${alias}:${provider_user_id}`,
            public_metadata: {},
            label: 'ada',
            token_secret: null,
          },
        ])
      },
      addUser: (user_id) => {
        server.users.add(user_id)
        return Promise.resolve()
      },
      needsConsent(user_id, provider) {
        server.link(user_id, aliasOf(provider), { stored: null })
        return Promise.resolve()
      },
      alter: (change) => server.alter(change),
      callCount: () => server.calls.filter((call) => call.path.includes('/broker/')).length,
      fewestCalls: (users, providers) => users * providers,
      refuseKey: () => void server.misbehave(answers(400, failure(400, 'Invalid token.').body), { path }),
      // Keycloak has no rate limit: this is the answer of a proxy in front of it.
      rateLimit: (seconds) =>
        void server.misbehave(answers(429, '<html>invented-page</html>', { 'retry-after': String(seconds) }), { path }),
      outage: () => void server.misbehave(answers(502, '<html>invented-page</html>'), { path }),
      hang: () => void server.misbehave(silence, { path }),
      garbage: () => void server.misbehave(garbage, { path }),
      spoil: (how, words) => void server.misbehave(how, { words }),
      canary,
      canarySent: () => server.sent.some((text) => text.includes(canary.refresh_token)),
      [Symbol.asyncDispose]: () => server.close(),
    }
  },
}

function aliasOf(provider: string): string {
  return provider === 'oauth_acme' ? 'acme-oidc' : provider.slice('oauth_'.length)
}
