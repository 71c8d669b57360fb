/** Invalid input gets an error that names it, and no upstream is called. */
import { describe, expect, it } from 'vitest'
import { startGraphOverClerk, userIds } from '../kit/graph-over-clerk.ts'

const long = 'x'.repeat(10_000)
const badIds = ['', 'a\nb', 'a\u0000b', 'a\u0085b', 'a\u202eb', 'a\u2028b', '\ud800', long]

describe('ids', () => {
  it.each(badIds.map((id) => [JSON.stringify(id).slice(0, 20), id]))('%s is refused by every way in', async (_, id) => {
    await using graph = await startGraphOverClerk()
    const ways = {
      id: 'query ($id: ID!) { user(id: $id) { external_accounts { id } } }',
      'ids[0]': 'query ($id: ID!) { users(ids: [$id]) { external_accounts { id } } }',
      user_id: 'query ($id: ID!) { oauth_access_tokens(user_id: $id, provider: "google") { token } }',
      external_account_id:
        'query ($id: ID!) { user(id: "user_1") { oauth_access_tokens(provider: "google", external_account_id: $id) { token } } }',
    }
    for (const [argument, query] of Object.entries(ways)) {
      const { errors = [] } = await graph.server.ask(query, { variables: { id } })
      expect(errors).toHaveLength(1)
      expect(errors[0]?.extensions.code).toBe('BAD_USER_INPUT')
      expect(errors[0]?.message.startsWith(`${argument} `)).toBe(true)
      expect(errors[0]!.message.length).toBeLessThan(200)
    }
    expect(graph.clerk.calls).toHaveLength(0)
  })

  it.each(['.', '..'])('%j fits no path: its tokens are refused, and nobody is called for them', async (id) => {
    await using graph = await startGraphOverClerk()
    const { data, errors } = await graph.server.ask(
      'query ($id: ID!) { user(id: $id) { id oauth_access_tokens(provider: "google") { token } } }',
      { variables: { id } },
    )
    expect(data).toEqual({ user: { id, oauth_access_tokens: null } })
    expect(errors).toMatchObject([
      { message: expect.stringMatching(/^user_id/), extensions: { code: 'BAD_USER_INPUT' } },
    ])
    expect(graph.clerk.calls).toHaveLength(0)
  })
})

describe('other arguments', () => {
  it.each([
    [
      'a provider',
      'user(id: "u") { oauth_access_tokens(provider: "goo\\u0000gle") { token } }',
      /^provider must be a provider name/,
    ],
    ['an empty provider', 'user(id: "u") { oauth_access_tokens(provider: "oauth_") { token } }', /^provider must be/],
    ['a connection', 'user(id: "u") { oauth_connection(provider: "\\u202egoogle") { status } }', /^provider must be/],
    ['a list', 'user(id: "u") { oauth_connections(providers: ["google", "a\\tb"]) { status } }', /^providers must be/],
    [
      'a validity',
      'user(id: "u") { oauth_access_tokens(provider: "google", min_validity_seconds: -1) { token } }',
      /^min_validity_seconds must be from 0/,
    ],
  ])('%s', async (_, selection, message) => {
    await using graph = await startGraphOverClerk()
    const { errors = [] } = await graph.server.ask(`{ ${selection} }`)
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }])
    expect(errors[0]?.message).toMatch(message)
    expect(graph.clerk.calls).toHaveLength(0)
  })

  it('wrong types and missing variables name the variable', async () => {
    await using graph = await startGraphOverClerk()
    const query = 'query ($ids: [ID!]!) { users(ids: $ids) { id } }'
    for (const variables of [{ ids: { a: 1 } }, {}, { ids: [null] }]) {
      const { errors = [] } = await graph.server.ask(query, { variables })
      expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }])
      expect(errors[0]?.message).toContain('$ids')
    }
  })
})

describe('lists', () => {
  it('refuses the 101st user and the 101st provider with a clear error', async () => {
    await using graph = await startGraphOverClerk()
    const users = await graph.server.ask('query ($ids: [ID!]!) { users(ids: $ids) { id } }', {
      variables: { ids: userIds(101) },
    })
    expect(users.errors).toMatchObject([
      {
        message: 'ids has 101 entries; at most 100 are allowed. Ask in several requests.',
        extensions: { code: 'BAD_USER_INPUT' },
      },
    ])
    const providers = await graph.server.ask(
      'query ($providers: [String!]) { user(id: "u") { oauth_connections(providers: $providers) { status } } }',
      { variables: { providers: Array.from({ length: 101 }, (_, n) => `p${String(n)}`) } },
    )
    expect(providers.errors?.[0]?.message).toContain('providers has 101 entries; at most 100')
    expect(graph.clerk.calls).toHaveLength(0)
  })
})
