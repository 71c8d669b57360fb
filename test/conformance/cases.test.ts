/** The part of the suite that a platform may be unable to express; it then has to say why. */
import { describe, expect, test } from 'vitest'
import { platforms } from '../../src/upstreams/registry.ts'
import type { PlatformName } from '../../src/upstreams/registry.ts'
import type { OptionalCase } from './fixture.ts'
import { fixtures } from './fixtures.ts'
import { alignExpiry, startConformance } from './graph.ts'
import type { PlatformFixture } from './fixture.ts'

type Run = (graph: Awaited<ReturnType<typeof startConformance>>) => Promise<void>

const cases: Readonly<Partial<Record<OptionalCase, Run>>> = {
  async 'many accounts'({ fixture, readTokens }) {
    const [provider] = fixture.providers
    const expected = await fixture.connect('user_1', provider, [{}, {}, {}])
    const { data, errors } = await readTokens(['user_1'], [provider])
    expect(errors).toBeUndefined()
    expect(alignExpiry(data?.users[0]?.[provider], expected, fixture)).toEqual(expected)
    expect(new Set(expected.map(({ external_account_id }) => external_account_id)).size).toBe(3)
  },

  async 'needs consent'({ fixture, readTokens, readUsers }) {
    const [dead, live] = fixture.providers
    await fixture.connect('user_1', dead)
    await fixture.connect('user_1', live)
    await fixture.connect('user_2', dead)
    await fixture.needsConsent('user_1', dead)
    const { data, errors } = await readTokens(['user_1', 'user_2'], [dead, live])
    expect(errors).toMatchObject([
      {
        path: ['users', 0, dead],
        extensions: { code: 'REAUTHORIZATION_REQUIRED', upstream: 'tokens', provider: dead, retryable: false },
      },
    ])
    expect(data?.users).toMatchObject([
      { [dead]: null, [live]: [{ provider: live }] },
      { [dead]: [{ provider: dead }], [live]: [] },
    ])
    const connection = await readUsers(['user_1'], `oauth_connection(provider: "${dead}") { status reason }`)
    expect(connection).toEqual({
      data: {
        users: [
          {
            id: 'user_1',
            oauth_connection: { status: 'REAUTHORIZATION_REQUIRED', reason: 'REAUTHORIZATION_REQUIRED' },
          },
        ],
      },
    })
    // Where tokens are asked for, the list of all connections says the same.
    const all = await readUsers(['user_1'], 'oauth_connections { provider status oauth_access_tokens { provider } }')
    expect(all.errors).toBeUndefined()
    const statuses = all.data?.users[0]?.oauth_connections as { provider: string; status: string }[]
    expect(statuses.filter(({ provider }) => provider === dead).map(({ status }) => status)).toEqual(
      statuses.some(({ provider }) => provider === dead) ? ['REAUTHORIZATION_REQUIRED'] : [],
    )
  },

  async 'external accounts'({ fixture, readUsers }) {
    const expected = []
    for (const provider of fixture.providers) expected.push(...(await fixture.connect('user_1', provider)))
    const { data, errors } = await readUsers(['user_1'], 'external_accounts { external_account_id provider }')
    expect(errors).toBeUndefined()
    const listed = data?.users[0]?.external_accounts as { external_account_id: string; provider: string }[]
    const byProvider = (a: { provider: string }, b: { provider: string }) => (a.provider < b.provider ? -1 : 1)
    expect(listed.toSorted(byProvider)).toEqual(
      expected.map(({ external_account_id, provider }) => ({ external_account_id, provider })).toSorted(byProvider),
    )
  },
}

/** Where the platform cannot tell, it looks as if nothing were connected. */
const absent: Readonly<Partial<Record<OptionalCase, Run>>> = {
  async 'unknown user'({ fixture, readTokens }) {
    const [provider] = fixture.providers
    const { data, errors } = await readTokens(['user_nobody'], [provider])
    expect({ data, errors }).toMatchObject({ data: { users: [{ [provider]: [] }] } })
  },
  async 'provider not configured'({ fixture, readTokens }) {
    await fixture.addUser('user_1')
    const { data, errors } = await readTokens(['user_1'], ['oauth_unheard_of'])
    expect({ data, errors }).toMatchObject({ data: { users: [{ oauth_unheard_of: [] }] } })
  },
}

describe.each(Object.entries(fixtures) as [PlatformName, PlatformFixture][])('%s', (name, platform) => {
  const reasons = platform.unsupported ?? {}
  const possible = (Object.entries(cases) as [OptionalCase, Run][]).filter(([label]) => reasons[label] === undefined)
  test.each(possible)('%s', async (_, run) => {
    await using graph = await startConformance(name, platform)
    await run(graph)
  })

  const untold = (Object.entries(absent) as [OptionalCase, Run][]).filter(([label]) => reasons[label] !== undefined)
  if (untold.length > 0)
    test.each(untold)('%s looks like nothing connected', async (_, run) => {
      await using graph = await startConformance(name, platform)
      await run(graph)
    })

  test('what the platform cannot express has a reason', () => {
    for (const reason of Object.values(reasons)) expect(reason).toMatch(/\w \w+ \w/)
    expect(Object.hasOwn(platforms, name)).toBe(true)
  })
})
