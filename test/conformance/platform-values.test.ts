/** Values of platforms are checked as imports of the vault are, and one that is odd takes no sibling with it. */
import { describe, expect, test } from 'vitest'
import type { PlatformName } from '../../src/upstreams/registry.ts'
import { fixtures } from './fixtures.ts'
import { startConformance } from './graph.ts'
import type { PlatformFixture } from './fixture.ts'

// The vault refuses such a token when it is imported (test/vault/import-problems.test.ts).
const remote = (Object.entries(fixtures) as [PlatformName, PlatformFixture][]).filter(([name]) => name !== 'vault')

const fields = 'external_account_id token label'

describe.each(remote)('%s', (name, platform) => {
  test.each(['\r\nx-injected: 1', '\0', '\u0085'])(
    'a token with %j is the error of its account alone',
    async (text) => {
      await using graph = await startConformance(name, platform)
      const [odd, plain] = graph.fixture.providers
      const [bad] = await graph.fixture.connect('user_1', odd, [{ token: `invented${text}` }])
      await graph.fixture.connect('user_1', plain)
      const account = JSON.stringify(bad!.external_account_id)
      const answer = await graph.readUsers(
        ['user_1'],
        `odd: oauth_access_tokens(provider: "${odd}") { ${fields} }
      named: oauth_access_tokens(provider: "${odd}", external_account_id: ${account}) { ${fields} }
      connection: oauth_connection(provider: "${odd}") { status reason }
      plain: oauth_access_tokens(provider: "${plain}") { ${fields} }`,
      )
      expect(answer.data?.users).toMatchObject([
        {
          odd: null,
          named: null,
          connection: { status: 'UNAVAILABLE', reason: 'UPSTREAM_PROTOCOL_ERROR' },
          plain: [{ token: expect.stringMatching(/^invented-token/) }],
        },
      ])
      expect(answer.errors?.map(({ path, extensions }) => [path?.at(-1), extensions.code]).toSorted()).toEqual([
        ['named', 'UPSTREAM_PROTOCOL_ERROR'],
        ['odd', 'UPSTREAM_PROTOCOL_ERROR'],
      ])
      expect(JSON.stringify(answer)).not.toContain('x-injected')
    },
  )

  if (platform.unsupported?.['many accounts'] !== undefined) return
  test('and hides no account beside it', async () => {
    await using graph = await startConformance(name, platform)
    const [provider] = graph.fixture.providers
    const expected = await graph.fixture.connect('user_1', provider, [{}, { token: 'invented\n' }, {}])
    const { data, errors } = await graph.readTokens(['user_1'], [provider])
    expect(errors).toBeUndefined()
    const rows = data?.users[0]?.[provider] as { external_account_id: string }[]
    const live = [expected[0]!, expected[2]!].map((row) => row.external_account_id)
    expect(rows.map((row) => row.external_account_id)).toEqual(live)
  })
})
