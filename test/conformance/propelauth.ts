/** PropelAuth in the conformance suite. */
import { answers, garbage, silence } from '../servers/misbehaviour.ts'
import { startPropelAuth } from '../servers/propelauth.ts'
import { canary, invent, inventUuid, oddProviders } from './fixture.ts'
import type { PlatformFixture } from './fixture.ts'

export const propelauth: PlatformFixture = {
  troubles: { provider: [], user: [] },
  essential: ['google', 'access_token', 'token_expiration'],
  unsupported: {
    'many accounts': 'the answer has one entry for each provider (docs/platforms/propelauth.md section 2)',
    'provider not configured':
      'an unknown provider looks like one that is not connected (docs/platforms/propelauth.md section 5)',
  },
  async start() {
    const server = await startPropelAuth()
    const text = { error: 'invented-upstream-text' }
    return {
      options: { auth_url: server.auth_url, api_key: server.api_key, base_url: server.url },
      providers: ['oauth_google', 'oauth_github', 'oauth_slack'],
      oddProviders: oddProviders.filter((each) => each !== 'oauth___proto__'),
      idOf: inventUuid,
      connect(user_id, provider, [given] = [{}]) {
        const bare = provider.slice('oauth_'.length)
        const id = inventUuid(user_id)
        const expected = {
          ...invent(user_id, provider, 0, given),
          external_account_id: `${id}:${bare}`,
          provider_user_id: '',
          public_metadata: {},
          label: null,
          token_secret: null,
          id_token: null,
        }
        server.connect(id, bare, {
          access_token: expected.token,
          token_expiration: expected.expires_at,
          authorized_scopes: expected.scopes && [...expected.scopes],
          ...canary,
        })
        return Promise.resolve([expected])
      },
      addUser: (user_id) => {
        server.users.set(inventUuid(user_id), new Map())
        return Promise.resolve()
      },
      needsConsent(user_id, provider) {
        server.connect(inventUuid(user_id), provider.slice('oauth_'.length), { token_expiration: 1_000_000_001 })
        return Promise.resolve()
      },
      alter: (change) => server.alter(change),
      callCount: () => server.calls.length,
      fewestCalls: (users) => users,
      refuseKey: () => void server.misbehave(answers(401, text)),
      rateLimit: (seconds) => void server.misbehave(answers(429, text, { 'retry-after': String(seconds) })),
      outage: () => void server.misbehave(answers(500, text)),
      hang: () => void server.misbehave(silence),
      garbage: () => void server.misbehave(garbage),
      spoil: (how, words) => void server.misbehave(how, { words }),
      canary,
      canarySent: () => server.sent.some((body) => body.includes(canary.refresh_token)),
      [Symbol.asyncDispose]: () => server.close(),
    }
  },
}
