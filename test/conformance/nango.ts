/** Nango in the conformance suite. */
import { answers, garbage, silence } from '../servers/misbehaviour.ts'
import { nangoFailure, startNango } from '../servers/nango.ts'
import { canary, invent } from './fixture.ts'
import type { Expected, PlatformFixture } from './fixture.ts'

export const nango: PlatformFixture = {
  troubles: {
    provider: [{ label: 'the refresh failed', how: answers(400, nangoFailure('invalid_credentials')) }],
    user: [
      { label: 'the refresh failed', how: answers(424, nangoFailure('invalid_credentials')) },
      {
        label: 'backing off',
        how: answers(424, { error: { code: 'invalid_credentials', message: 'Backing off' } }, { 'retry-after': '30' }),
      },
    ],
  },
  essential: [
    'connections',
    'connection_id',
    'provider_config_key',
    'tags',
    'end_user_id',
    'end_user',
    'id',
    'credentials',
    'type',
    'access_token',
    'expires_at',
  ],
  unsupported: {
    'unknown user': 'Nango has connections and no users (docs/platforms/nango.md section 1)',
    'provider not configured':
      'the list of connections does not say which integrations exist (docs/platforms/nango.md section 5)',
  },
  async start() {
    const server = await startNango()
    return {
      options: {
        secret_key: server.secret_key,
        base_url: server.url,
        rate: { requests: 100_000, per_seconds: 1 },
      },
      providers: ['oauth_google', 'oauth_github', 'oauth_slack'],
      connect(user_id, provider, accounts = [{}]) {
        const integration = provider.slice('oauth_'.length)
        const expected = accounts.map((given, n) => {
          const external_account_id = `connection-${user_id}-${integration}-${String(n)}`
          return { ...invent(user_id, provider, n, given), external_account_id, provider_user_id: '' }
        })
        for (const account of expected)
          server.connect(user_id, integration, {
            connection_id: account.external_account_id,
            metadata: { ...account.public_metadata },
            end_user: { id: user_id, email: null, display_name: account.label },
            credentials: toCredentials(account),
          })
        return Promise.resolve(expected)
      },
      addUser: () => Promise.resolve(),
      needsConsent(user_id, provider) {
        const integration = provider.slice('oauth_'.length)
        for (const connection of server.held)
          if (connection.tags.end_user_id === user_id && connection.provider_config_key === integration)
            connection.errors = [{ type: 'auth', log_id: 'invented-log' }]
        return Promise.resolve()
      },
      alter: (change) => server.alter(change),
      callCount: () => server.calls.length,
      fewestCalls: (users, providers) => users * (1 + providers),
      refuseKey: () => void server.misbehave(answers(401, nangoFailure('unknown_account'))),
      rateLimit: (seconds) =>
        void server.misbehave(answers(429, nangoFailure('too_many_request'), { 'retry-after': String(seconds) })),
      outage: () => void server.misbehave(answers(500, nangoFailure('server_error'))),
      hang: () => void server.misbehave(silence),
      garbage: () => void server.misbehave(garbage),
      spoil: (how, words) => void server.misbehave(how, { words }),
      canary,
      canarySent: () => server.sent.some((text) => text.includes(canary.refresh_token)),
      [Symbol.asyncDispose]: () => server.close(),
    }
  },
}

function toCredentials({ token, token_secret, id_token, expires_at, scopes }: Expected): Record<string, unknown> {
  if (token_secret !== null) return { type: 'OAUTH1', oauth_token: token, oauth_token_secret: token_secret, raw: {} }
  return {
    type: 'OAUTH2',
    access_token: token,
    ...(expires_at !== null && { expires_at: new Date(expires_at * 1000).toISOString() }),
    refresh_token: canary.refresh_token,
    config_override: { client_id: 'invented-client', client_secret: canary.client_secret },
    raw: {
      ...canary,
      access_token: token,
      ...(scopes !== null && { scope: scopes.join(' ') }),
      ...(id_token !== null && { id_token }),
    },
  }
}
