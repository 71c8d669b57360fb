/** Which upstream answers for which provider, and that a failure of one does not affect the others. */
import { expect, it } from 'vitest'
import { clerkFailure } from '../servers/clerk.ts'
import { logtoFailure } from '../servers/logto.ts'
import { managementFailure } from '../servers/auth0-management.ts'
import { answers, silence } from '../servers/misbehaviour.ts'
import { startGraphOverFour } from './four-upstreams.ts'

const fourProviders = `query ($id: ID!) { user(id: $id) {
  google: oauth_access_tokens(provider: "google") { provider token }
  github: oauth_access_tokens(provider: "oauth_github") { provider token }
  slack: oauth_access_tokens(provider: "slack") { provider token }
  x: oauth_access_tokens(provider: "x") { provider token }
} }`

it('reads from four upstreams in one query, each under the name that callers use', async () => {
  await using graph = await startGraphOverFour()
  const { data, errors } = await graph.server.ask(fourProviders, { variables: { id: 'user_1' } })
  expect(errors).toBeUndefined()
  expect(data).toMatchObject({
    user: {
      google: [{ provider: 'oauth_google', token: 'invented-token-user_1-google-oauth2' }],
      github: [{ provider: 'oauth_github', token: 'invented-token-user_1-github' }],
      slack: [{ provider: 'oauth_slack' }],
      x: [{ provider: 'oauth_x' }],
    },
  })
})

it('answers the others when each upstream fails in its own way', async () => {
  await using graph = await startGraphOverFour()
  const google = { provider: 'oauth_google', token: 'invented-token-user_1-google-oauth2' }
  graph.clerk.misbehave(answers(401, clerkFailure('clerk_key_invalid')))
  graph.logto.misbehave(answers(429, logtoFailure(429, 'invented').body, { 'retry-after': '60' }), { path: /^\/api/ })
  graph.workos.misbehave(silence)
  const { data, errors = [] } = await graph.server.ask(fourProviders, { variables: { id: 'user_1' } })
  expect(data).toEqual({ user: { google: [google], github: null, slack: null, x: null } })
  const byField = Object.fromEntries(errors.map(({ path, extensions }) => [path?.at(-1), extensions]))
  expect(byField).toMatchObject({
    x: { code: 'UPSTREAM_REJECTED', upstream: 'clerk', provider: 'oauth_x' },
    github: { code: 'UPSTREAM_RATE_LIMITED', upstream: 'logto', provider: 'oauth_github' },
    slack: { code: 'UPSTREAM_TIMEOUT', upstream: 'workos', provider: 'oauth_slack' },
  })
  expect(errors).toHaveLength(3)
})

it('says of a provider that nobody serves that it is not configured, and calls nobody', async () => {
  await using graph = await startGraphOverFour()
  const { data, errors } = await graph.server.ask(
    `{ user(id: "user_1") {
      oauth_access_tokens(provider: "linear") { token }
      oauth_connection(provider: "linear", required_scopes: ["read"]) { provider status reason missing_scopes }
    } }`,
  )
  expect(data).toEqual({
    user: {
      oauth_access_tokens: null,
      oauth_connection: {
        provider: 'oauth_linear',
        status: 'MISCONFIGURED',
        reason: 'PROVIDER_NOT_CONFIGURED',
        missing_scopes: ['read'],
      },
    },
  })
  expect(errors).toMatchObject([{ extensions: { code: 'PROVIDER_NOT_CONFIGURED', provider: 'oauth_linear' } }])
  for (const { calls } of [graph.clerk, graph.auth0, graph.logto, graph.workos]) expect(calls).toHaveLength(0)
})

it('asks the default for every provider without a line, and lists what it serves', async () => {
  await using graph = await startGraphOverFour({ default: 'clerk' })
  graph.clerk.addTokens('user_1', 'oauth_slack')
  graph.clerk.addTokens('user_1', 'oauth_facebook')
  const { data } = await graph.server.ask(`{
    providers { id upstream platform }
    user(id: "user_1") {
      slack: oauth_access_tokens(provider: "slack") { token }
      facebook: oauth_access_tokens(provider: "facebook") { provider }
    }
  }`)
  expect(data).toMatchObject({
    providers: [
      { id: 'oauth_google', upstream: 'auth0', platform: 'auth0' },
      { id: 'oauth_github', upstream: 'logto', platform: 'logto' },
      { id: 'oauth_slack', upstream: 'workos', platform: 'workos' },
      { id: 'oauth_x', upstream: 'clerk', platform: 'clerk' },
      { id: '*', upstream: 'clerk', platform: 'clerk' },
    ],
    user: { facebook: [{ provider: 'oauth_facebook' }] },
  })
  // slack has a line of its own: what the default holds for it is not asked for.
  expect(graph.clerk.calls.map(({ path }) => path.split('/').at(-1))).toEqual(['oauth_facebook'])
})

it('gives an account under every name that leads to it, and only from the upstream that answers for it', async () => {
  await using graph = await startGraphOverFour({ oauth_google_work: { upstream: 'auth0', as: 'google-oauth2' } })
  graph.clerk.addUser('user_2', { accounts: [{ provider: 'oauth_google' }, { provider: 'oauth_x' }] })
  graph.auth0.addIdentity('user_2', 'google-oauth2')
  graph.auth0.addIdentity('user_2', 'github')
  graph.workos.users.add('user_2')
  graph.logto.addUser('user_2')
  const { data, errors } = await graph.server.ask(
    `{ user(id: "user_2") { external_accounts { provider external_account_id }
      oauth_access_tokens(provider: "google_work") { provider external_account_id } } }`,
  )
  expect(errors).toBeUndefined()
  const external_account_id = 'google-oauth2|invented-0'
  expect(data).toMatchObject({
    user: {
      external_accounts: [
        { provider: 'oauth_x' },
        { provider: 'oauth_google', external_account_id },
        { provider: 'oauth_google_work', external_account_id },
      ],
      oauth_access_tokens: [{ provider: 'oauth_google_work', external_account_id }],
    },
  })
})

it('never shows half a list of accounts as the whole: the upstream that failed is named', async () => {
  await using graph = await startGraphOverFour()
  graph.auth0.misbehave(answers(503, managementFailure(503, 'Service Unavailable').body), { path: /users/ })
  const { data, errors } = await graph.server.ask(`{ user(id: "user_1") { id external_accounts { id } } }`)
  expect(data).toEqual({ user: { id: 'user_1', external_accounts: null } })
  expect(errors).toMatchObject([{ extensions: { code: 'UPSTREAM_UNAVAILABLE', upstream: 'auth0' } }])
})
