/** Acme in the conformance suite. */
import { canary, invent } from '../../test/conformance/fixture.ts'
import type { PlatformFixture } from '../../test/conformance/fixture.ts'
import { answers, garbage, silence } from '../../test/servers/misbehaviour.ts'
import { startAcme } from './acme-server.ts'

const text = { error: 'invented-upstream-text' }

export const acme: PlatformFixture = {
  essential: ['connections', 'id', 'service', 'access_token', 'expires'],
  unsupported: {
    'provider not configured':
      'an unknown service looks like one that is not connected (docs/platforms/acme.md section 5)',
  },
  async start() {
    const users: Record<string, { service: string; access_token: string | null }[]> = {}
    const server = await startAcme(users)
    const bare = (provider: string) => provider.slice('oauth_'.length)
    return {
      options: { api_key: server.api_key, base_url: server.url },
      providers: ['oauth_google', 'oauth_github', 'oauth_slack'],
      connect(userId, provider, accounts = [{}]) {
        const expected = accounts.map((given, n) => ({
          ...invent(userId, provider, n, given),
          // What Acme does not have.
          provider_user_id: '',
          token_secret: null,
          id_token: null,
        }))
        const connections = expected.map((row) => ({
          id: row.external_account_id,
          service: bare(provider),
          access_token: row.token,
          expires: row.expires_at === null ? null : new Date(row.expires_at * 1000).toISOString(),
          scope: row.scopes?.join(' '),
          label: row.label,
          data: row.public_metadata,
          ...canary,
        }))
        users[userId] = [...(users[userId] ?? []), ...connections]
        return Promise.resolve(expected)
      },
      addUser(userId) {
        users[userId] ??= []
        return Promise.resolve()
      },
      needsConsent(userId, provider) {
        for (const connection of users[userId] ?? [])
          if (connection.service === bare(provider)) connection.access_token = null
        return Promise.resolve()
      },
      alter: (change) => server.alter(change),
      callCount: () => server.calls.length,
      fewestCalls: (count) => count,
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
