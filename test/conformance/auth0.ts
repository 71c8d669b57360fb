/** Auth0 identities in the conformance suite. */
import { startAuth0 } from '../servers/auth0.ts'
import { managementFailure } from '../servers/auth0-management.ts'
import { answers, garbage, silence } from '../servers/misbehaviour.ts'
import { canary, invent, oddProviders } from './fixture.ts'
import type { PlatformFixture } from './fixture.ts'

const api = /^\/api\/v2\//

export const auth0: PlatformFixture = {
  essential: ['user_id', 'identities', 'connection', 'access_token', 'access_token_secret'],
  unsupported: {
    'provider not configured': 'identities name only what a user connected (docs/platforms/auth0.md section 5)',
  },
  async start() {
    const server = await startAuth0()
    const as = { oauth_google: 'google-oauth2', oauth_microsoft: 'windowslive' }
    const nameOf = (provider: string) =>
      provider in as ? as[provider as keyof typeof as] : provider.slice('oauth_'.length)
    return {
      options: { base_url: server.url, client_id: server.client_id, client_secret: server.client_secret },
      providers: ['oauth_google', 'oauth_github', 'oauth_microsoft'],
      // Another connection has this name here.
      oddProviders: oddProviders.filter((each) => each !== 'oauth_oauth_google'),
      as,
      connect(user_id, provider, accounts = [{}]) {
        const connection = nameOf(provider)
        const expected = accounts.map((given, n) => {
          const account = invent(user_id, provider, n, given)
          const label = `${account.provider_user_id}@example.invalid`
          return {
            ...account,
            external_account_id: `${connection}|${account.provider_user_id}`,
            expires_at: null,
            public_metadata: { email: label },
            label,
            scopes: null,
            id_token: null,
          }
        })
        for (const { token, token_secret, provider_user_id, public_metadata } of expected)
          server.addIdentity(user_id, connection, {
            user_id: provider_user_id,
            access_token: token,
            ...(token_secret !== null && { access_token_secret: token_secret }),
            profileData: { ...public_metadata, ...canary },
            ...canary,
          })
        return Promise.resolve(expected)
      },
      addUser: (user_id) => {
        server.addUser(user_id)
        return Promise.resolve()
      },
      needsConsent(user_id, provider) {
        for (const identity of server.addUser(user_id).identities)
          if (identity.connection === nameOf(provider)) delete identity.access_token
        return Promise.resolve()
      },
      alter: (change) => server.alter(change),
      callCount: () => server.calls.filter(({ path }) => path.startsWith('/api/v2/users')).length,
      fewestCalls: (users) => Math.ceil(users / 50),
      refuseKey: () => void server.misbehave(answers(401, managementFailure(401, 'Unauthorized').body), { path: api }),
      // Auth0 often says when it ends (seconds since 1970) and not how long it lasts.
      rateLimit: (seconds) =>
        void server.misbehave(
          answers(429, managementFailure(429, 'Too Many Requests', 'too_many_requests').body, {
            'x-ratelimit-reset': String(Math.ceil(Date.now() / 1000) + seconds),
          }),
          { path: api },
        ),
      outage: () => void server.misbehave(answers(503, managementFailure(503, 'Service Unavailable').body)),
      hang: () => void server.misbehave(silence),
      garbage: () => void server.misbehave(garbage, { path: api }),
      spoil: (how, words) => void server.misbehave(how, { words }),
      canary,
      canarySent: () => server.sent.some((text) => text.includes(canary.refresh_token)),
      [Symbol.asyncDispose]: () => server.close(),
    }
  },
}
