/** Who reads what, through every way in (docs/promises.md S1). The exhaustive table is in test/auth. */
import { expect, it } from 'vitest'
import { startIssuer } from '../servers/jwks.ts'
import { startGraphOverClerk } from '../kit/graph-over-clerk.ts'

async function startGraph() {
  const issuer = await startIssuer()
  const graph = await startGraphOverClerk({}, { auth: { issuers: [issuer.options()] } }, [
    { id: 'narrow', grants: [{ providers: ['oauth_google'], fields: ['token'], users: ['*'] }] },
  ])
  const { clerk, server } = graph
  for (const user of ['alice', 'bob']) {
    clerk.addUser(user, { accounts: [{ provider: 'oauth_google' }, { provider: 'oauth_github' }] })
    for (const provider of ['oauth_google', 'oauth_github'])
      clerk.addTokens(user, provider, [{ token: `invented-${user}`, id_token: `invented-id-${user}` }])
  }
  return {
    clerk,
    server,
    alice: await issuer.sign({ sub: 'alice' }),
    narrow: server.keyOf('narrow'),
    async [Symbol.asyncDispose]() {
      await graph[Symbol.asyncDispose]()
      await issuer[Symbol.asyncDispose]()
    },
  }
}

const tokens = 'oauth_access_tokens(provider: "google") { token }'
const waysTo = (user: string) => [
  `{ user(id: "${user}") { ${tokens} } }`,
  `{ users(ids: ["${user}"]) { ${tokens} } }`,
  `{ users(ids: ["${user}"]) { other_name: ${tokens} } }`,
  `{ _entities(representations: [{ __typename: "User", id: "${user}" }]) { ... on User { ${tokens} } } }`,
  `{ oauth_access_tokens(user_id: "${user}", provider: "oauth_google") { token } }`,
  `{ user(id: "${user}") { oauth_connection(provider: "google") { oauth_access_tokens { token } } } }`,
  `{ user(id: "${user}") { oauth_connections(providers: ["google"]) { oauth_access_tokens { token } } } }`,
  `query { user(id: "${user}") { ...Tokens } } fragment Tokens on User { ${tokens} }`,
]

it('gives a user their own tokens, and nobody else theirs, by every way', async () => {
  await using graph = await startGraph()
  for (const query of waysTo('alice')) {
    const { data, errors } = await graph.server.ask(query, { bearer: graph.alice })
    expect(errors, query).toBeUndefined()
    expect(JSON.stringify(data)).toContain('invented-alice')
  }
  const calls = graph.clerk.calls.length
  for (const [bearer, code] of [
    [graph.alice, 'FORBIDDEN'],
    [null, 'UNAUTHENTICATED'],
  ] as const) {
    for (const query of waysTo('bob')) {
      const { data, errors } = await graph.server.ask(query, { bearer })
      expect(
        errors?.map(({ extensions }) => extensions.code),
        query,
      ).toEqual([code])
      expect(JSON.stringify(data)).not.toContain('invented-bob')
    }
  }
  // Refused before anybody was asked.
  expect(graph.clerk.calls.length).toBe(calls)
})

it('knows the user behind a JWT as `me`, and a service as nobody', async () => {
  await using graph = await startGraph()
  const query = `{ me { id ${tokens} } }`
  expect((await graph.server.ask(query, { bearer: graph.alice })).data).toEqual({
    me: { id: 'alice', oauth_access_tokens: [{ token: 'invented-alice' }] },
  })
  expect(await graph.server.ask(query)).toEqual({ data: { me: null } })
})

it('holds a service to its grants: provider, field, and the metadata that goes with them', async () => {
  await using graph = await startGraph()
  const ask = (query: string) => graph.server.ask(query, { bearer: graph.narrow })
  expect((await ask(`{ user(id: "bob") { ${tokens} } }`)).data).toEqual({
    user: { oauth_access_tokens: [{ token: 'invented-bob' }] },
  })
  const field = await ask('{ user(id: "bob") { oauth_access_tokens(provider: "google") { label id_token } } }')
  expect(field.data).toMatchObject({ user: { oauth_access_tokens: [{ id_token: null }] } })
  expect(field.errors?.[0]?.extensions.code).toBe('FORBIDDEN')
  const provider = await ask('{ user(id: "bob") { oauth_access_tokens(provider: "github") { label } } }')
  expect(provider).toMatchObject({ data: { user: { oauth_access_tokens: null } } })
  expect(provider.errors?.[0]?.extensions.code).toBe('FORBIDDEN')
  const accounts = await ask('{ user(id: "bob") { external_accounts { provider } oauth_connections { provider } } }')
  expect(accounts.data).toEqual({
    user: { external_accounts: [{ provider: 'oauth_google' }], oauth_connections: [{ provider: 'oauth_google' }] },
  })
})

it('refuses a credential that does not hold with 401, whatever is asked', async () => {
  await using graph = await startGraph()
  for (const credential of ['Bearer not-a-key', 'Basic YTpi', `Bearer ${graph.alice}x`]) {
    const response = await graph.server.post('{"query":"{ __typename }"}', { authorization: credential })
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe('Bearer')
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] })
  }
})

it('shows the schema in production by grant alone', async () => {
  await using graph = await startGraph()
  for (const query of ['{ __schema { queryType { name } } }', '{ _service { sdl } }']) {
    expect((await graph.server.ask(query)).errors).toBeUndefined()
    for (const bearer of [graph.alice, graph.narrow, null])
      expect(JSON.stringify(await graph.server.ask(query, { bearer }))).not.toContain('"Query"')
  }
})
