/** How many calls a query makes (docs/promises.md R6). */
import { expect, it } from 'vitest'
import { answers, holds } from '../servers/misbehaviour.ts'
import { clerkFailure } from '../servers/clerk.ts'
import { startGraphOverClerk, userIds } from '../kit/graph-over-clerk.ts'

const twoProviders = `query ($ids: [ID!]!) {
  users(ids: $ids) {
    id
    google: oauth_access_tokens(provider: "google") { external_account_id token provider }
    github: oauth_access_tokens(provider: "oauth_github") { external_account_id token provider }
  }
}`

interface Row {
  readonly id: string
  readonly google: readonly { token: string; provider: string }[] | null
  readonly github: readonly { token: string; provider: string }[] | null
}

it('reads 100 users x 2 providers with one call for each key, in order, within the bound on concurrency', async () => {
  await using graph = await startGraphOverClerk({ concurrency: 7 })
  const ids = userIds(100)
  const expected = new Map<string, string>()
  for (const id of ids) {
    for (const provider of ['oauth_google', 'oauth_github']) {
      const [row] = graph.clerk.addTokens(id, provider)
      expected.set(`${id} ${provider}`, row!.token)
    }
  }
  graph.clerk.misbehave(answers(500, clerkFailure('internal_clerk_error')), { path: /user_42\/.*oauth_github$/ })

  const gate = Promise.withResolvers<unknown>()
  graph.clerk.misbehave(holds(gate.promise), { times: 7 })

  const answer = graph.server.ask<{ users: Row[] }>(twoProviders, { variables: { ids } })
  await graph.clerk.arrived(7)
  gate.resolve(null)
  const { data, errors = [] } = await answer

  expect(data?.users.map(({ id }) => id)).toEqual(ids)
  for (const { id, google, github } of data!.users) {
    expect(google).toMatchObject([{ token: expected.get(`${id} oauth_google`), provider: 'oauth_google' }])
    if (id !== 'user_42') expect(github).toMatchObject([{ token: expected.get(`${id} oauth_github`) }])
  }
  expect(data?.users[42]?.github).toBeNull()
  expect(errors).toHaveLength(1)
  expect(errors[0]).toMatchObject({
    path: ['users', 42, 'github'],
    extensions: { code: 'UPSTREAM_UNAVAILABLE', upstream: 'clerk', provider: 'oauth_github', retryable: true },
  })
  const counts = graph.callsByPath()
  expect(counts.size).toBe(200)
  expect([...counts.values()].every((count) => count === 1)).toBe(true)
  expect(graph.clerk.maxConcurrent).toBe(7)
})

it('reads the external accounts of 100 users with one call', async () => {
  await using graph = await startGraphOverClerk()
  const ids = userIds(100)
  for (const id of ids) graph.clerk.addUser(id, { accounts: [{ provider: 'oauth_google' }] })
  const query = `query ($ids: [ID!]!) { users(ids: $ids) { id external_accounts { id provider } } }`

  const { data, errors } = await graph.server.ask<{ users: { id: string; external_accounts: object[] }[] }>(query, {
    variables: { ids },
  })

  expect(errors).toBeUndefined()
  expect(data?.users.map(({ id, external_accounts }) => [id, external_accounts.length])).toEqual(
    ids.map((id) => [id, 1]),
  )
  expect(graph.clerk.calls).toHaveLength(1)
})

it('asks once for a key that one request names three times', async () => {
  await using graph = await startGraphOverClerk()
  const [row] = graph.clerk.addTokens('user_1', 'oauth_google')
  const { data } = await graph.server.ask(`{
    user(id: "user_1") {
      a: oauth_access_tokens(provider: "google") { token }
      b: oauth_access_tokens(provider: "oauth_google", min_validity_seconds: 600) { token }
      c: oauth_connection(provider: "google") { oauth_access_tokens { token } }
    }
    oauth_access_tokens(user_id: "user_1", provider: "google") { token }
  }`)
  const tokens = [{ token: row!.token }]
  expect(data).toEqual({
    user: { a: tokens, b: tokens, c: { oauth_access_tokens: tokens } },
    oauth_access_tokens: tokens,
  })
  expect(graph.clerk.calls).toHaveLength(1)
})

it('asks once for a key that fifty concurrent requests name', async () => {
  await using graph = await startGraphOverClerk()
  const [row] = graph.clerk.addTokens('user_1', 'oauth_google')
  const gate = Promise.withResolvers<unknown>()
  graph.clerk.misbehave(holds(gate.promise))
  const query = `{ user(id: "user_1") { oauth_access_tokens(provider: "google") { token } } }`

  const asked = Array.from({ length: 50 }, () => graph.server.ask(query))
  await graph.clerk.arrived(1)
  await graph.server.waitForRequests(50)
  gate.resolve(null)

  for (const { data } of await Promise.all(asked))
    expect(data).toEqual({ user: { oauth_access_tokens: [{ token: row!.token }] } })
  expect(graph.clerk.calls).toHaveLength(1)
})

it('lets a fast key answer while a slow one is held, also across requests', async () => {
  await using graph = await startGraphOverClerk()
  graph.clerk.addTokens('user_1', 'oauth_google')
  graph.clerk.addTokens('user_1', 'oauth_slack')
  const gate = Promise.withResolvers<unknown>()
  graph.clerk.misbehave(holds(gate.promise), { path: /oauth_slack$/ })
  const both = `{ user(id: "user_1") {
    slow: oauth_access_tokens(provider: "slack") { provider }
    fast: oauth_access_tokens(provider: "google") { provider }
  } }`

  const slow = graph.server.ask(both)
  await graph.clerk.arrived(2)
  const fast = await graph.server.ask(`{ user(id: "user_1") { oauth_access_tokens(provider: "google") { provider } } }`)
  expect(fast.data).toEqual({ user: { oauth_access_tokens: [{ provider: 'oauth_google' }] } })
  gate.resolve(null)
  expect((await slow).errors).toBeUndefined()
})

it('does not remember a failure that is not about the key', async () => {
  await using graph = await startGraphOverClerk()
  graph.clerk.addTokens('user_1', 'oauth_google')
  graph.clerk.misbehave(answers(500, clerkFailure('internal_clerk_error')), { times: 1 })
  const query = `{ user(id: "user_1") { oauth_access_tokens(provider: "google") { provider } } }`
  expect((await graph.server.ask(query)).errors?.[0]?.extensions.code).toBe('UPSTREAM_UNAVAILABLE')
  expect((await graph.server.ask(query)).errors).toBeUndefined()
})

it('remembers an unknown user for seconds: an invented name costs one call', async () => {
  await using graph = await startGraphOverClerk()
  const query = `{ user(id: "user_1") { oauth_access_tokens(provider: "google") { provider } } }`
  for (let n = 0; n < 3; n++)
    expect((await graph.server.ask(query)).errors?.[0]?.extensions.code).toBe('USER_NOT_FOUND')
  expect(graph.clerk.calls).toHaveLength(1)
})
