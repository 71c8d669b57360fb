/** WorkOS Pipes in the conformance suite. */
import { answers, garbage, silence } from '../servers/misbehaviour.ts'
import { startWorkos } from '../servers/workos.ts'
import { canary, invent } from './fixture.ts'
import type { PlatformFixture } from './fixture.ts'

export const workos: PlatformFixture = {
  troubles: {
    provider: [],
    user: [{ label: 'an API key', how: answers(422, { code: 'auth_method_mismatch' }) }],
  },
  essential: ['data', 'slug', 'connected_account', 'active', 'access_token', 'expires_at'],
  unsupported: {
    'many accounts':
      'the token call answers for one account of a user at a provider (docs/platforms/workos.md section 7)',
  },
  async start() {
    const server = await startWorkos()
    return {
      options: { api_key: server.api_key, base_url: server.url },
      providers: ['oauth_google', 'oauth_github', 'oauth_slack'],
      connect(user_id, provider, [given = {}] = []) {
        const slug = provider.slice('oauth_'.length)
        const expected = {
          ...invent(user_id, provider, 0, given),
          external_account_id: `${slug}:${user_id}`,
          provider_user_id: '',
          public_metadata: { organization_id: null, missing_scopes: [] },
          label: null,
        }
        const { token, expires_at, scopes } = expected
        server.connect(user_id, slug, {
          access_token: token,
          expires_at: expires_at === null ? null : new Date(expires_at * 1000).toISOString(),
          scopes: [...(scopes ?? [])],
          extra: canary,
        })
        return Promise.resolve([expected])
      },
      addUser: (user_id) => {
        server.users.add(user_id)
        return Promise.resolve()
      },
      needsConsent(user_id, provider) {
        server.connect(user_id, provider.slice('oauth_'.length), { state: 'needs_reauthorization' })
        return Promise.resolve()
      },
      alter: (change) => server.alter(change),
      callCount: () => server.calls.filter(({ path }) => path.startsWith('/data-integrations/')).length,
      fewestCalls: (users, providers) => users * providers,
      refuseKey: () => void server.misbehave(answers(401, { message: 'invented-upstream-text' })),
      rateLimit: (seconds) =>
        void server.misbehave(answers(429, { message: 'invented-upstream-text' }, { 'retry-after': String(seconds) })),
      outage: () => void server.misbehave(answers(503, '<html>invented-page</html>')),
      hang: () => void server.misbehave(silence),
      garbage: () => void server.misbehave(garbage),
      spoil: (how, words) => void server.misbehave(how, { words }),
      canary,
      canarySent: () => server.sent.some((text) => text.includes(canary.refresh_token)),
      [Symbol.asyncDispose]: () => server.close(),
    }
  },
}
