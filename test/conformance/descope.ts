/** Descope outbound apps in the conformance suite. */
import { descopeFailure, startDescope } from '../servers/descope.ts'
import { answers, garbage, silence } from '../servers/misbehaviour.ts'
import { canary, invent } from './fixture.ts'
import type { PlatformFixture } from './fixture.ts'

export const descope: PlatformFixture = {
  troubles: {
    provider: [],
    user: [{ label: 'an undocumented refusal', how: answers(400, descopeFailure(400, 'E999400').body) }],
  },
  essential: ['token', 'id', 'appId', 'userId', 'accessToken', 'accessTokenExpiry', 'appIds'],
  unsupported: {
    'many accounts':
      'the newest token of an app is the only one that can be asked for (docs/platforms/descope.md section 2)',
  },
  async start() {
    const server = await startDescope()
    const { project_id, management_key, url: base_url } = server
    return {
      options: { project_id, management_key, base_url },
      providers: ['oauth_google', 'oauth_github', 'oauth_slack'],
      connect(user_id, provider, [given = {}] = []) {
        const app_id = provider.slice('oauth_'.length)
        const external_account_id = `token-${user_id}-${app_id}`
        const expected = { ...invent(user_id, provider, 0, given), external_account_id, public_metadata: {} }
        server.connect(user_id, app_id, {
          id: external_account_id,
          tokenSub: expected.provider_user_id,
          accessToken: expected.token,
          accessTokenExpiry: String(expected.expires_at ?? 0),
          scopes: expected.scopes,
          externalIdentifier: expected.label ?? '',
          refreshToken: canary.refresh_token,
          clientSecret: canary.client_secret,
        })
        return Promise.resolve([expected])
      },
      addUser: (user_id) => {
        server.users.add(user_id)
        return Promise.resolve()
      },
      needsConsent(user_id, provider) {
        server.dead.add(`${user_id}\n${provider.slice('oauth_'.length)}`)
        return Promise.resolve()
      },
      alter: (change) => server.alter(change),
      callCount: () => server.calls.filter(({ path }) => path.endsWith('/token/latest')).length,
      fewestCalls: (users, providers) => users * providers,
      refuseKey: () => void server.misbehave(answers(401, descopeFailure(401, 'E011005').body)),
      rateLimit: (seconds) =>
        void server.misbehave(answers(429, descopeFailure(429, 'E130429').body, { 'retry-after': String(seconds) })),
      outage: () => void server.misbehave(answers(503, descopeFailure(503, 'E999503').body)),
      hang: () => void server.misbehave(silence),
      garbage: () => void server.misbehave(garbage),
      spoil: (how, words) => void server.misbehave(how, { words }),
      canary,
      canarySent: () => server.sent.some((text) => text.includes(canary.refresh_token)),
      [Symbol.asyncDispose]: () => server.close(),
    }
  },
}
