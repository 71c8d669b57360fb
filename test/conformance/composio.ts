/** Composio in the conformance suite. */
import { composioFailure, startComposio } from '../servers/composio.ts'
import { answers, garbage, silence } from '../servers/misbehaviour.ts'
import { canary, invent, oddProviders } from './fixture.ts'
import type { Expected, PlatformFixture } from './fixture.ts'

export const composio: PlatformFixture = {
  essential: [
    'items',
    'id',
    'user_id',
    'toolkit',
    'slug',
    'state',
    'val',
    'access_token',
    'oauth_token',
    'oauth_token_secret',
    'authScheme',
    'is_disabled',
  ],
  unsupported: {
    'unknown user': 'Composio has accounts and no users (docs/platforms/composio.md section 5)',
    'provider not configured':
      'an unknown toolkit looks like one that is not connected (docs/platforms/composio.md section 5)',
  },
  async start() {
    const server = await startComposio()
    return {
      options: { api_key: server.api_key, base_url: server.url },
      providers: ['oauth_gmail', 'oauth_github', 'oauth_slack'],
      oddProviders: oddProviders.filter((each) => !each.includes(',')),
      connect(user_id, provider, accounts = [{}]) {
        const toolkit = provider.slice('oauth_'.length)
        const expected = accounts.map((given, n) => ({
          ...invent(user_id, provider, n, given),
          external_account_id: `ca_${user_id}_${toolkit}_${String(n)}`,
          provider_user_id: '',
          expires_at: null,
          public_metadata: {},
        }))
        for (const account of expected)
          server.connect(user_id, toolkit, {
            id: account.external_account_id,
            alias: account.label,
            params: canary,
            state: toState(account),
          })
        return Promise.resolve(expected)
      },
      addUser: () => Promise.resolve(),
      needsConsent(user_id, provider) {
        for (const account of server.held)
          if (account.user_id === user_id && `oauth_${account.toolkit.slug}` === provider) account.status = 'EXPIRED'
        return Promise.resolve()
      },
      alter: (change) => server.alter(change),
      callCount: () => server.calls.length,
      // 50 users in one call, 50 accounts in one page.
      fewestCalls(users, providers) {
        const parts = Array.from({ length: Math.ceil(users / 50) }, (_, n) => Math.min(50, users - n * 50))
        return parts.reduce((calls, part) => calls + Math.ceil((part * providers) / 50), 0)
      },
      refuseKey: () => void server.misbehave(answers(401, composioFailure(401))),
      rateLimit: (seconds) =>
        void server.misbehave(answers(429, composioFailure(429), { 'retry-after': String(seconds) })),
      outage: () => void server.misbehave(answers(500, composioFailure(500))),
      hang: () => void server.misbehave(silence),
      garbage: () => void server.misbehave(garbage),
      spoil: (how, words) => void server.misbehave(how, { words }),
      canary,
      canarySent: () => server.sent.some((body) => body.includes(canary.refresh_token)),
      [Symbol.asyncDispose]: () => server.close(),
    }
  },
}

function toState({ token, token_secret, id_token, scopes }: Expected) {
  const val =
    token_secret === null
      ? {
          access_token: token,
          expires_in: 3600,
          scope: scopes?.join(' ') ?? null,
          ...(id_token !== null && { id_token }),
        }
      : { oauth_token: token, oauth_token_secret: token_secret }
  return { authScheme: token_secret === null ? 'OAUTH2' : 'OAUTH1', val: { status: 'ACTIVE', ...val, ...canary } }
}
