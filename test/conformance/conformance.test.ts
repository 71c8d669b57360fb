/** One suite over the registry: what every platform must do (docs/adr/0011-real-servers-in-tests.md). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { platforms } from '../../src/upstreams/registry.ts'
import type { PlatformName } from '../../src/upstreams/registry.ts'
import { fixtures } from './fixtures.ts'
import type { Expected } from './fixture.ts'
import { alignExpiry, startConformance } from './graph.ts'

/** What platforms and people have for user ids: bases, URLs, quotes, operators of query languages, and every script. */
const oddIds = [
  'idp|user:1@example.org',
  'q1+PkAtlCmo/TqbT+W8AJ743J2PaovD5oe6mrHs=',
  'oauth2|siwe|eip155%3A5%3A0x00',
  'samlp|acme|Jo Doe',
  ' jo ',
  'a/b',
  '../user_1',
  '%2e%2e',
  '...',
  'user_1?x=1&y=2',
  'user_1#',
  'a;b',
  'C:\\users\\jo',
  '"',
  "'; --",
  '" OR user_id:"*',
  '\\"',
  '*',
  'user_*',
  '{"user":"1"}',
  '[]',
  '$1',
  'null',
  '007',
  '80351110224678913',
  'юзер',
  'usér',
  'use\u0301r',
  '用户',
  '👩‍👩‍👧',
]

test('every platform of the registry has a fixture', () => {
  expect(Object.keys(fixtures).sort()).toEqual(Object.keys(platforms).sort())
})

describe.each(Object.keys(platforms) as PlatformName[])('%s', (name) => {
  const { [name]: platform } = fixtures
  const start = (extra?: Readonly<Record<string, unknown>>) => startConformance(name, platform, extra)

  test('happy path: all ten fields arrive, under the name that was asked for', async () => {
    await using graph = await start()
    const [provider] = graph.fixture.providers
    const expected = await graph.fixture.connect('user_1', provider)
    const { data, errors } = await graph.readTokens(['user_1'], [provider])
    expect(errors).toBeUndefined()
    expect(alignExpiry(data?.users[0]?.[provider], expected, graph.fixture)).toEqual(expected)
    expect(expected).toMatchObject([{ object: 'oauth_access_token', provider, token: expect.stringMatching(/./) }])
  })

  test('nothing connected is an empty list, and no error', async () => {
    await using graph = await start()
    await graph.fixture.addUser('user_1')
    const { data, errors } = await graph.readTokens(['user_1'], graph.fixture.providers)
    expect(errors).toBeUndefined()
    expect(data?.users).toEqual([
      { id: 'user_1', ...Object.fromEntries(graph.fixture.providers.map((provider) => [provider, []])) },
    ])
  })

  test('ids of any alphabet arrive as they are, together and each by itself', async () => {
    await using graph = await start()
    const [provider] = graph.fixture.providers
    const expected = new Map<string, unknown>()
    for (const id of oddIds) expected.set(id, await graph.fixture.connect(id, provider))
    for (const ids of [oddIds, ...oddIds.map((id) => [id])]) {
      const { data, errors } = await graph.readTokens(ids, [provider])
      expect(errors).toBeUndefined()
      for (const user of data?.users ?? []) {
        const rows = expected.get(user.id) as Expected[]
        expect([user.id, alignExpiry(user[provider], rows, graph.fixture)]).toEqual([user.id, rows])
      }
      expect(data?.users.map(({ id }) => id)).toEqual(ids)
    }
  })

  describe('before any call, an id is refused:', () => {
    let graph: Awaited<ReturnType<typeof start>>
    beforeAll(async () => {
      graph = await start()
    })
    afterAll(() => graph[Symbol.asyncDispose]())

    test.each(['', 'user\n1', 'user\u00001', 'user\u202e1', 'user\u20281', '\ud800', 'u'.repeat(256)])(
      '%j',
      async (id) => {
        const [provider] = graph.fixture.providers
        const { data, errors } = await graph.server.ask(
          `query ($id: ID!) { oauth_access_tokens(user_id: $id, provider: "${provider}") { token } }`,
          { variables: { id } },
        )
        expect(data).toEqual({ oauth_access_tokens: null })
        expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }])
        expect(graph.callCount()).toBe(0)
      },
    )
  })

  test('batching: the fewest calls for three users and three providers, each key once', async () => {
    await using graph = await start()
    const { fixture } = graph
    const ids = ['user_1', 'user_2', 'user_3']
    for (const id of ids) for (const provider of fixture.providers) await fixture.connect(id, provider)
    const { errors } = await graph.readTokens([...ids, 'user_1'], fixture.providers)
    expect(errors).toBeUndefined()
    expect(graph.callCount()).toBe(fixture.fewestCalls(3, 3))
  })

  test('100 users x 3 providers: every token in its place, in the fewest calls', async () => {
    await using graph = await start()
    const { fixture } = graph
    const ids = Array.from({ length: 100 }, (_, n) => `user_${String(n)}`)
    const expected = new Map<string, Awaited<ReturnType<typeof fixture.connect>>>()
    for (const id of ids)
      for (const provider of fixture.providers) expected.set(`${id} ${provider}`, await fixture.connect(id, provider))
    const { data, errors } = await graph.readTokens(ids, fixture.providers)
    expect(errors).toBeUndefined()
    expect(data?.users.map(({ id }) => id)).toEqual(ids)
    for (const user of data?.users ?? [])
      for (const provider of fixture.providers) {
        const rows = expected.get(`${user.id} ${provider}`) ?? []
        expect(alignExpiry(user[provider], rows, fixture)).toEqual(rows)
      }
    expect(graph.callCount()).toBe(fixture.fewestCalls(100, 3))
  })

  test('refresh tokens and client secrets reach no answer and no log', async () => {
    await using graph = await start()
    const { fixture } = graph
    for (const provider of fixture.providers) await fixture.connect('user_1', provider)
    const answers = [
      await graph.readTokens(['user_1'], fixture.providers),
      await graph.readUsers(['user_1'], 'external_accounts { id public_metadata label }'),
    ]
    expect(answers[0]?.errors).toBeUndefined()
    expect(fixture.canarySent()).toBe(true)
    const everything = JSON.stringify(answers) + graph.server.logged.join('\n')
    expect(everything).not.toContain(fixture.canary.refresh_token)
    expect(everything).not.toContain(fixture.canary.client_secret)
  })
})
