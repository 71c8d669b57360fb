/** The six statuses from the errors of the platforms: an expected state is data, never an entry in `errors[]`. */
import { expect, it } from 'vitest'
import { clerkFailure } from '../servers/clerk.ts'
import { answers, silence } from '../servers/misbehaviour.ts'
import { startTestServer } from '../kit/server.ts'
import { startGraphOverClerk } from '../kit/graph-over-clerk.ts'

const fields = 'provider status reason missing_scopes retry_after_ms oauth_access_tokens { external_account_id }'
const one = `query ($scopes: [String!]) {
  user(id: "user_1") { oauth_connection(provider: "google", required_scopes: $scopes) { ${fields} } }
}`

// The other statuses are in test/conformance, for every platform.
it.each([
  ['too_many_requests', 429, 'RATE_LIMITED', 'UPSTREAM_RATE_LIMITED'],
  ['form_param_value_invalid', 422, 'MISCONFIGURED', 'UPSTREAM_REJECTED'],
])('%s is %s', async (code, http, status, reason) => {
  await using graph = await startGraphOverClerk({ retries: 0 })
  graph.clerk.misbehave(answers(http, clerkFailure(code), { 'retry-after': '30' }))
  const answer = await graph.server.ask(one, { variables: { scopes: ['openid'] } })
  expect(answer).toEqual({
    data: {
      user: {
        oauth_connection: {
          provider: 'oauth_google',
          status,
          reason,
          missing_scopes: ['openid'],
          retry_after_ms: status === 'RATE_LIMITED' ? expect.any(Number) : null,
          oauth_access_tokens: [],
        },
      },
    },
  })
})

it('silence is UNAVAILABLE', async () => {
  await using graph = await startGraphOverClerk({ timeout_ms: 100, retries: 0 })
  graph.clerk.misbehave(silence)
  const answer = await graph.server.ask(one)
  expect(answer).toMatchObject({
    data: { user: { oauth_connection: { status: 'UNAVAILABLE', reason: 'UPSTREAM_TIMEOUT' } } },
  })
  expect(answer.errors).toBeUndefined()
})

it('connected and not connected; the scopes that the best of the accounts lacks', async () => {
  await using graph = await startGraphOverClerk()
  const ask = async (scopes: string[]) =>
    (await graph.server.ask<{ user: { oauth_connection: object } }>(one, { variables: { scopes } })).data?.user
      .oauth_connection
  graph.clerk.addUser('user_1')
  const nothing = { missing_scopes: ['mail', 'openid'], reason: null, retry_after_ms: null, oauth_access_tokens: [] }
  expect(await ask(['mail', 'openid'])).toMatchObject({ status: 'NOT_CONNECTED', ...nothing })
  graph.clerk.addTokens('user_1', 'oauth_google', [{ scopes: ['openid'] }, { scopes: ['openid', 'mail', 'files'] }])
  // An empty answer is remembered for seconds: another reader of the same upstream has none of it.
  await using later = await startTestServer({
    file: {
      upstreams: { clerk: graph.clerk.options() },
    },
  })
  const askLater = async (scopes: string[]) =>
    (await later.ask<{ user: { oauth_connection: object } }>(one, { variables: { scopes } })).data?.user
      .oauth_connection
  expect(await askLater([])).toMatchObject({ status: 'CONNECTED', missing_scopes: [] })
  expect(await askLater(['mail', 'openid'])).toMatchObject({ missing_scopes: [] })
  expect(await askLater(['openid', 'calendar', 'mail'])).toMatchObject({ missing_scopes: ['calendar'] })
})

it('scopes that are unknown lack nothing that is known', async () => {
  await using graph = await startGraphOverClerk()
  const [row] = graph.clerk.addTokens('user_1', 'oauth_google')
  delete row!.scopes
  const answer = await graph.server.ask(one, { variables: { scopes: ['mail'] } })
  expect(answer.data).toMatchObject({ user: { oauth_connection: { status: 'CONNECTED', missing_scopes: [] } } })
})

it('named providers: each by itself, once, in the order asked', async () => {
  await using graph = await startGraphOverClerk()
  graph.clerk.addTokens('user_1', 'oauth_google')
  graph.clerk.misbehave(answers(422, clerkFailure('oauth_missing_refresh_token')), { path: /oauth_github$/ })
  const { data, errors } = await graph.server.ask(
    `{ user(id: "user_1") { oauth_connections(providers: ["slack", "google", "oauth_github", "oauth_google"]) { provider status } } }`,
  )
  expect(errors).toBeUndefined()
  expect(data).toEqual({
    user: {
      oauth_connections: [
        { provider: 'oauth_slack', status: 'NOT_CONNECTED' },
        { provider: 'oauth_google', status: 'CONNECTED' },
        { provider: 'oauth_github', status: 'REAUTHORIZATION_REQUIRED' },
      ],
    },
  })
})

it("what is no state stays an error: the caller's mistakes and missing rights", async () => {
  await using graph = await startGraphOverClerk()
  const codeOf = async (field: string, bearer?: null) =>
    (
      await graph.server.ask(`{ user(id: "user_1") { ${field} { status } } }`, bearer === null ? { bearer } : {})
    ).errors?.map(({ extensions }) => extensions.code)
  expect(await codeOf('oauth_connection(provider: "a\\nb")')).toEqual(['BAD_USER_INPUT'])
  expect(await codeOf('oauth_connections(providers: ["a\\nb"])')).toEqual(['BAD_USER_INPUT'])
  expect(await codeOf('oauth_connections', null)).toEqual(['UNAUTHENTICATED'])
  expect(graph.clerk.calls).toHaveLength(0)
})
