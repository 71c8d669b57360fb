/** What the graph lists can be asked for, and the fields that speak of one account agree (docs/promises.md S9). */
import { describe, expect, test } from 'vitest'
import type { PlatformName } from '../../src/upstreams/registry.ts'
import { fixtures } from './fixtures.ts'
import { oddProviders } from './fixture.ts'
import type { PlatformFixture } from './fixture.ts'
import { startConformance } from './graph.ts'

/** What platforms call accounts, where the test can choose. */
const oddAccounts = ['eac_', 'team_1/calendly', 'jo+crm@example.com', '{"user":"1"}', '..a', 'acct_looks_like_ours']

interface Listed {
  readonly id: string
  readonly external_account_id: string
  readonly provider: string
}
interface Status {
  readonly provider: string
  readonly status: string
}

const listing = Object.entries(fixtures).filter(
  ([, { unsupported }]) => unsupported?.['external accounts'] === undefined,
) as [PlatformName, PlatformFixture][]

describe.each(listing)('%s', (name, platform) => {
  test('every account that is listed is found by what the list says of it', async () => {
    await using graph = await startConformance(name, platform)
    const { fixture, readUsers } = graph
    const names = [...(fixture.oddProviders ?? oddProviders), ...fixture.providers]
    const users = ['user_1', 'jo+1@example.com/x']
    for (const user of users)
      for (const [n, provider] of names.entries())
        await fixture.connect(user, provider, [
          {
            external_account_id: `${oddAccounts[n % oddAccounts.length]!}${user}${n}`,
            provider_user_id: `user ${n}/1`,
          },
        ])
    const seen = new Set<string>()
    for (const user of users) {
      const answer = await readUsers(
        [user],
        `external_accounts { id external_account_id provider }
        short: oauth_connections { provider status }
        long: oauth_connections { provider status oauth_access_tokens { external_account_id } }`,
      )
      expect(answer.errors).toBeUndefined()
      const { external_accounts, short, long } = answer.data!.users[0] as unknown as Record<string, unknown>
      const accounts = external_accounts as readonly Listed[]
      const wire = names.map((each) =>
        each === 'oauth_oauth_google' && !accounts.some(({ provider }) => provider === each) ? 'oauth_google' : each,
      )
      expect(accounts.map(({ provider }) => provider).toSorted()).toEqual(wire.toSorted())
      for (const account of accounts) {
        expect(seen).not.toContain(account.id)
        seen.add(account.id)
        const { data, errors } = await readUsers([user], selectionOf(account))
        expect([account, errors]).toEqual([account, undefined])
        const { external_account_id, provider } = account
        const own = [{ external_account_id, provider }]
        const connected = { provider, status: 'CONNECTED' }
        expect(data?.users[0]).toMatchObject({ connection: connected, byId: own, byAccount: own })
        for (const list of [short, long] as (readonly Status[])[])
          expect(list).toContainEqual(expect.objectContaining(connected))
      }
    }
  })
})

function selectionOf({ id, external_account_id, provider }: Listed): string {
  const [p, a, g] = [provider, external_account_id, id].map((value) => JSON.stringify(value))
  return `connection: oauth_connection(provider: ${p!}) { provider status }
    byId: oauth_access_tokens(provider: ${p!}, external_account_id: ${g!}) { external_account_id provider }
    byAccount: oauth_access_tokens(provider: ${p!}, external_account_id: ${a!}) { external_account_id provider }`
}
