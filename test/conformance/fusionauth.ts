/** FusionAuth in the conformance suite, with providers of which it stores access tokens. */
import { startFusionAuth } from '../servers/fusionauth.ts'
import { answers, garbage, silence } from '../servers/misbehaviour.ts'
import { canary, invent, inventUuid } from './fixture.ts'
import type { PlatformFixture } from './fixture.ts'

export const fusionauth: PlatformFixture = {
  essential: [
    'identityProviderLinks',
    'identityProviderId',
    'identityProviderType',
    'identityProviderUserId',
    'userId',
    'token',
  ],
  async start() {
    const server = await startFusionAuth()
    const providers = ['oauth_google', 'oauth_github', 'oauth_slack'] as const
    const names = providers.map((provider) => provider.slice('oauth_'.length))
    return {
      options: {
        api_key: server.api_key,
        base_url: server.url,
        identity_providers: Object.fromEntries(
          names.map((name) => [name, { id: inventUuid(name), token: 'access_token' }]),
        ),
      },
      providers,
      // The operator names them, in the configuration.
      oddProviders: [],
      idOf: inventUuid,
      connect(user_id, provider, accounts = [{}]) {
        const id = inventUuid(provider.slice('oauth_'.length))
        const expected = accounts.map((given, n) => {
          const account = invent(user_id, provider, n, given)
          const external_account_id = `${id}:${account.provider_user_id}`
          const label = account.label ?? 'ada'
          return { ...account, external_account_id, label, expires_at: null, scopes: null, id_token: null }
        })
        for (const { token, label, provider_user_id, public_metadata } of expected)
          server.link(inventUuid(user_id), id, {
            token,
            displayName: label,
            identityProviderUserId: provider_user_id,
            data: { ...public_metadata },
            ...canary,
          })
        return Promise.resolve(expected)
      },
      addUser: (user_id) => {
        server.users.add(inventUuid(user_id))
        return Promise.resolve()
      },
      needsConsent(user_id, provider) {
        const id = inventUuid(provider.slice('oauth_'.length))
        for (const link of server.links)
          if (link.userId === inventUuid(user_id) && link.identityProviderId === id) delete link.token
        return Promise.resolve()
      },
      alter: (change) => server.alter(change),
      callCount: () => server.calls.filter(({ path }) => path === '/api/identity-provider/link').length,
      fewestCalls: (users) => users,
      refuseKey: () => void server.misbehave(answers(401, '')),
      rateLimit: (seconds) => void server.misbehave(answers(429, '', { 'retry-after': String(seconds) })),
      outage: () => void server.misbehave(answers(503, '')),
      hang: () => void server.misbehave(silence),
      garbage: () => void server.misbehave(garbage),
      spoil: (how, words) => void server.misbehave(how, { words }),
      canary,
      canarySent: () => server.sent.some((text) => text.includes(canary.refresh_token)),
      [Symbol.asyncDispose]: () => server.close(),
    }
  },
}
