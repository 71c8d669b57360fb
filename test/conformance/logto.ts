/** Logto in the conformance suite. */
import { logtoFailure, startLogto } from '../servers/logto.ts'
import { answers, garbage, silence } from '../servers/misbehaviour.ts'
import { canary, invent } from './fixture.ts'
import type { PlatformFixture } from './fixture.ts'

const path = /\/access-token$/

export const logto: PlatformFixture = {
  troubles: {
    provider: [
      {
        label: "the provider's rate limit",
        how: answers(429, logtoFailure(429, 'connector.rate_limit_exceeded').body, { 'retry-after': '30' }),
      },
      { label: 'the provider is down', how: answers(400, logtoFailure(400, 'connector.general').body) },
      { label: 'the provider is down, as 500', how: answers(500, logtoFailure(500, 'connector.general').body) },
    ],
    user: [{ label: 'a dead grant', how: answers(401, logtoFailure(401, 'connector.general').body) }],
  },
  essential: [
    'socialIdentities',
    'ssoIdentities',
    'target',
    'identity',
    'tokenSecret',
    'userId',
    'access_token',
    'expires_in',
  ],
  unsupported: {
    'many accounts': 'a user has one identity of a target (docs/platforms/logto.md section 2)',
    'provider not configured':
      'an unknown target looks like one that nobody linked (docs/platforms/logto.md section 5)',
  },
  async start() {
    const server = await startLogto()
    const { management, exchange } = server
    return {
      options: { base_url: server.url, ...management, exchange },
      providers: ['oauth_google', 'oauth_github', 'oauth_facebook'],
      expiry_tolerance_seconds: 30,
      connect(user_id, provider, [given = {}] = []) {
        const target = provider.slice('oauth_'.length)
        const account = invent(user_id, provider, 0, given)
        const { token, scopes, provider_user_id, expires_at } = account
        const label = 'ada@example.invalid'
        server.link(user_id, target, {
          userId: provider_user_id,
          details: { email: label, name: 'Ada', rawData: canary },
          secret: {
            access_token: token,
            ...(scopes !== null && { scope: scopes.join(' ') }),
            ...(expires_at !== null && { expiresAt: expires_at }),
            extra: canary,
          },
        })
        const external_account_id = `${target}:${provider_user_id}`
        const nowhere = { public_metadata: {}, token_secret: null, id_token: null }
        return Promise.resolve([{ ...account, external_account_id, label, ...nowhere }])
      },
      addUser: (user_id) => {
        server.addUser(user_id)
        return Promise.resolve()
      },
      needsConsent(user_id, provider) {
        server.link(user_id, provider.slice('oauth_'.length), { secret: null })
        return Promise.resolve()
      },
      alter: (change) => server.alter(change),
      callCount: () => server.calls.filter((call) => call.path.endsWith('/access-token')).length,
      fewestCalls: (users, providers) => users * providers,
      refuseKey: () => void server.misbehave(answers(401, logtoFailure(401, 'auth.unauthorized').body)),
      rateLimit: (seconds) =>
        void server.misbehave(
          answers(429, logtoFailure(429, 'connector.rate_limit_exceeded').body, { 'retry-after': String(seconds) }),
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
