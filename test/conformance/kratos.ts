/** Ory Kratos in the conformance suite. */
import { kratosFailure, startKratos } from '../servers/kratos.ts'
import { answers, garbage, silence } from '../servers/misbehaviour.ts'
import { canary, invent, inventUuid } from './fixture.ts'
import type { PlatformFixture } from './fixture.ts'

const api_key = 'ory_pat_invented_key'

export const kratos: PlatformFixture = {
  essential: [
    'id',
    'credentials',
    'oidc',
    'identifiers',
    'config',
    'providers',
    'provider',
    'subject',
    'initial_access_token',
  ],
  unsupported: {
    'provider not configured':
      'an unknown provider looks like one that nobody linked (docs/platforms/kratos.md section 5)',
  },
  async start() {
    const server = await startKratos({ api_key })
    return {
      options: { api_key, base_url: server.url },
      providers: ['oauth_google', 'oauth_github', 'oauth_slack'],
      idOf: inventUuid,
      connect(user_id, provider, accounts = [{}]) {
        const name = provider.slice('oauth_'.length)
        const expected = accounts.map((given, n) => {
          const account = invent(user_id, provider, n, given)
          const external_account_id = `${name}:${account.provider_user_id}`
          return { ...account, external_account_id, expires_at: null, public_metadata: {}, label: null, scopes: null }
        })
        for (const { token, id_token, provider_user_id } of expected)
          server.link(inventUuid(user_id), name, {
            initial_access_token: token,
            initial_id_token: id_token ?? '',
            initial_refresh_token: canary.refresh_token,
            client_secret: canary.client_secret,
            subject: provider_user_id,
          })
        return Promise.resolve(expected)
      },
      addUser: (user_id) => {
        server.addIdentity(inventUuid(user_id))
        return Promise.resolve()
      },
      needsConsent(user_id, provider) {
        const name = provider.slice('oauth_'.length)
        for (const link of server.addIdentity(inventUuid(user_id)).links)
          if (link.provider === name) link.initial_access_token = ''
        return Promise.resolve()
      },
      alter: (change) => server.alter(change),
      callCount: () => server.calls.filter(({ query }) => query.has('include_credential')).length,
      fewestCalls: (users) => Math.ceil(users / 500),
      refuseKey: () => void server.misbehave(answers(401, kratosFailure(401, 'Unauthorized').body)),
      rateLimit: (seconds) =>
        void server.misbehave(
          answers(429, kratosFailure(429, 'Too Many Requests').body, { 'retry-after': String(seconds) }),
        ),
      outage: () => void server.misbehave(answers(500, kratosFailure(500, 'Internal Server Error').body)),
      hang: () => void server.misbehave(silence),
      garbage: () => void server.misbehave(garbage),
      spoil: (how, words) => void server.misbehave(how, { words }),
      canary,
      canarySent: () => server.sent.some((text) => text.includes(canary.refresh_token)),
      [Symbol.asyncDispose]: () => server.close(),
    }
  },
}
