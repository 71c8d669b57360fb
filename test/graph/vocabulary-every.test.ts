/** `oauth_connections` without a list: what is connected, by what the platforms list, for a call or less for each user. */
import { expect, it } from 'vitest'
import { clerkFailure } from '../servers/clerk.ts'
import { managementFailure } from '../servers/auth0-management.ts'
import { answers } from '../servers/misbehaviour.ts'
import { startTestServer } from '../kit/server.ts'
import { startGraphOverClerk, userIds } from '../kit/graph-over-clerk.ts'
import { startGraphOverFour } from './four-upstreams.ts'
import { account, startGraphOverVault } from './vault.ts'

const every = `query ($ids: [ID!]!) { users(ids: $ids) { oauth_connections { provider status reason } } }`

interface Row {
  readonly oauth_connections: readonly { provider: string; status: string; reason: string | null }[] | null
}

it('100 users cost one call at Clerk', async () => {
  await using graph = await startGraphOverClerk()
  const ids = userIds(100)
  for (const id of ids) graph.clerk.addUser(id, { accounts: [{ provider: 'oauth_google' }, { provider: 'oauth_x' }] })
  const { data, errors } = await graph.server.ask<{ users: Row[] }>(every, { variables: { ids } })
  expect(errors).toBeUndefined()
  expect(data?.users).toHaveLength(100)
  for (const user of data!.users)
    expect(user.oauth_connections).toEqual([
      { provider: 'oauth_google', status: 'CONNECTED', reason: null },
      { provider: 'oauth_x', status: 'CONNECTED', reason: null },
    ])
  expect(graph.clerk.calls.map(({ path }) => path)).toEqual(['/v1/users'])
})

it('tokens that are selected are read, of connected providers alone; skipped ones are not selected', async () => {
  await using graph = await startGraphOverClerk({}, { providers: { oauth_slack: 'clerk', default: 'clerk' } })
  graph.clerk.addUser('user_1', { accounts: [{ provider: 'oauth_google' }] })
  graph.clerk.addTokens('user_1', 'oauth_google')
  const withTokens = await graph.server.ask(`
    { user(id: "user_1") { oauth_connections { status ...Tokens } } }
    fragment Tokens on OAuthConnection { ... on OAuthConnection { oauth_access_tokens { token } } }`)
  expect(withTokens.data).toMatchObject({
    user: {
      oauth_connections: [
        { status: 'NOT_CONNECTED', oauth_access_tokens: [] },
        { status: 'CONNECTED', oauth_access_tokens: [{ token: expect.any(String) }] },
      ],
    },
  })
  expect(graph.clerk.calls.map(({ path }) => path.split('/').at(-1))).toEqual(['users', 'oauth_google'])
  await using other = await startGraphOverClerk()
  other.clerk.addUser('user_1', { accounts: [{ provider: 'oauth_google' }] })
  await other.server.ask(
    `query ($no: Boolean!) { user(id: "user_1") { oauth_connections { status
      oauth_access_tokens @include(if: $no) { token } ... @skip(if: true) { oauth_access_tokens { token } } } } }`,
    { variables: { no: false } },
  )
  expect(other.clerk.calls.map(({ path }) => path.split('/').at(-1))).toEqual(['users'])
})

it('every upstream in its own state, and nothing in errors', async () => {
  await using graph = await startGraphOverFour({ default: 'clerk' })
  graph.workos.connect('user_1', 'slack', { state: 'needs_reauthorization' })
  graph.auth0.misbehave(answers(429, managementFailure(429, 'Too Many Requests').body, { 'retry-after': '60' }), {
    path: /users/,
  })
  graph.logto.misbehave(answers(403, {}), { path: /^\/api/ })
  const answer = await graph.server.ask(
    `{ user(id: "user_1") { oauth_connections { provider status reason retry_after_ms } } }`,
  )
  const none = { reason: null, retry_after_ms: null }
  expect(answer).toEqual({
    data: {
      user: {
        oauth_connections: [
          {
            provider: 'oauth_google',
            status: 'RATE_LIMITED',
            reason: 'UPSTREAM_RATE_LIMITED',
            retry_after_ms: expect.any(Number),
          },
          { provider: 'oauth_github', status: 'MISCONFIGURED', reason: 'UPSTREAM_REJECTED', retry_after_ms: null },
          {
            provider: 'oauth_slack',
            status: 'REAUTHORIZATION_REQUIRED',
            reason: 'REAUTHORIZATION_REQUIRED',
            retry_after_ms: null,
          },
          { provider: 'oauth_x', status: 'CONNECTED', ...none },
        ],
      },
    },
  })
})

it('a user that an upstream does not know is not connected there', async () => {
  await using graph = await startGraphOverFour()
  const { data } = await graph.server.ask<{ users: Row[] }>(every, { variables: { ids: ['user_nobody'] } })
  expect(data?.users[0]?.oauth_connections?.map(({ status }) => status)).toEqual(Array(4).fill('NOT_CONNECTED'))
})

it('a default that cannot be read stands as *, and never as nothing', async () => {
  await using graph = await startGraphOverClerk({ retries: 0 })
  graph.clerk.misbehave(answers(500, clerkFailure('internal_clerk_error')))
  const answer = await graph.server.ask<{ users: Row[] }>(every, { variables: { ids: ['user_1'] } })
  expect(answer).toEqual({
    data: {
      users: [{ oauth_connections: [{ provider: '*', status: 'UNAVAILABLE', reason: 'UPSTREAM_UNAVAILABLE' }] }],
    },
  })
})

it('an upstream that cannot list: routed providers by their tokens, the rest for the operator to name', async () => {
  const base_url = 'http://127.0.0.1:9'
  const keycloak = { platform: 'keycloak', base_url, realm: 'acme' }
  await using server = await startTestServer({
    file: { upstreams: { keycloak }, providers: { oauth_google: 'keycloak', default: 'keycloak' } },
  })
  const answer = await server.ask<{ users: Row[] }>(every, { variables: { ids: ['user_1'] } })
  expect(answer.data?.users[0]?.oauth_connections).toEqual([
    { provider: 'oauth_google', status: 'MISCONFIGURED', reason: 'UPSTREAM_REJECTED' },
    { provider: '*', status: 'MISCONFIGURED', reason: 'PROVIDER_NOT_CONFIGURED' },
  ])
  const { errors } = await server.ask(`{ user(id: "user_1") { external_accounts { id } } }`)
  expect(errors).toMatchObject([{ extensions: { code: 'PROVIDER_NOT_CONFIGURED' } }])
})

it('the vault knows what has expired, at no call to anybody', async () => {
  await using graph = await startGraphOverVault([
    account('user_1', 'oauth_google', { expires_at: 1_000_000_000 }),
    account('user_1', 'oauth_github'),
  ])
  const { data } = await graph.server.ask<{ users: Row[] }>(every, { variables: { ids: ['user_1'] } })
  expect(data?.users[0]?.oauth_connections).toEqual([
    { provider: 'oauth_github', status: 'CONNECTED', reason: null },
    { provider: 'oauth_google', status: 'REAUTHORIZATION_REQUIRED', reason: 'REAUTHORIZATION_REQUIRED' },
  ])
})

it('a service sees the providers of its grants alone, connected or not', async () => {
  const grants = [{ providers: ['oauth_x', 'oauth_slack'], fields: [], users: ['*'] }]
  await using graph = await startGraphOverClerk({}, {}, [{ id: 'narrow', grants }])
  const bearer = graph.server.keyOf('narrow')
  graph.clerk.addUser('user_1', { accounts: [{ provider: 'oauth_google' }, { provider: 'oauth_x' }] })
  const { data } = await graph.server.ask<{ users: Row[] }>(every, { variables: { ids: ['user_1'] }, bearer })
  expect(data?.users[0]?.oauth_connections).toEqual([
    { provider: 'oauth_x', status: 'CONNECTED', reason: null },
    { provider: 'oauth_slack', status: 'NOT_CONNECTED', reason: null },
  ])
})

it.each(['unverified', 'failed', 'expired', 'transferable'])(
  'a flow at Clerk that ended as %s is no connection, whichever field is asked',
  async (status) => {
    await using graph = await startGraphOverClerk({}, { providers: { oauth_google: 'clerk', default: 'clerk' } })
    const verification = { status, strategy: 'oauth_google' }
    graph.clerk.addUser('user_1', {
      accounts: [
        { provider: 'oauth_google', verification },
        { provider: 'oauth_x', verification },
        { provider: 'oauth_github' },
      ],
    })
    graph.clerk.misbehave(answers(422, clerkFailure('oauth_missing_access_token')), { path: /oauth_(google|x)$/ })
    const { data, errors } = await graph.server.ask(`{ user(id: "user_1") {
      external_accounts { provider }
      oauth_connections { provider status }
      google: oauth_connection(provider: "google") { status }
      x: oauth_connection(provider: "x") { status }
      oauth_access_tokens(provider: "google") { token }
    } }`)
    expect(errors).toBeUndefined()
    expect(data).toEqual({
      user: {
        external_accounts: [{ provider: 'oauth_github' }],
        oauth_connections: [
          { provider: 'oauth_google', status: 'NOT_CONNECTED' },
          { provider: 'oauth_github', status: 'CONNECTED' },
        ],
        google: { status: 'NOT_CONNECTED' },
        x: { status: 'NOT_CONNECTED' },
        oauth_access_tokens: [],
      },
    })
  },
)

it.each([{}, { verification: null }, { verification: { status: null } }, { verification: { status: 'verified' } }])(
  'an account at Clerk with %j is a connection whose token may be missing',
  async (given) => {
    await using graph = await startGraphOverClerk()
    graph.clerk.addUser('user_1', { accounts: [{ provider: 'oauth_google', verification: undefined, ...given }] })
    graph.clerk.misbehave(answers(422, clerkFailure('oauth_missing_access_token')), { path: /oauth_google$/ })
    const { data } = await graph.server.ask(`{ user(id: "user_1") {
      external_accounts { provider }
      oauth_connection(provider: "google") { status }
    } }`)
    expect(data).toEqual({
      user: {
        external_accounts: [{ provider: 'oauth_google' }],
        oauth_connection: { status: 'REAUTHORIZATION_REQUIRED' },
      },
    })
  },
)

it('one odd name takes no other connection with it, and an odd name can be asked for', async () => {
  await using graph = await startGraphOverClerk()
  const odd = 'oauth_custom_google mail/*"'
  graph.clerk.addUser('user_1', {
    accounts: [{ provider: odd }, { provider: 'oauth_github' }, { provider: 'oauth_x\u0000' }],
  })
  graph.clerk.addTokens('user_1', odd)
  graph.clerk.addTokens('user_1', 'oauth_github')
  const { data, errors } = await graph.server.ask(
    `query ($odd: String!) { user(id: "user_1") {
      oauth_connections { provider status oauth_access_tokens { token } }
      oauth_connection(provider: $odd) { provider status }
    } }`,
    { variables: { odd } },
  )
  expect(errors).toBeUndefined()
  expect(data).toMatchObject({
    user: {
      oauth_connections: [
        { provider: odd, status: 'CONNECTED' },
        { provider: 'oauth_github', status: 'CONNECTED' },
      ],
      oauth_connection: { provider: odd, status: 'CONNECTED' },
    },
  })
})
