import { expect, test } from 'vitest'
import { startIssuer } from '../servers/jwks.ts'
import { silence } from '../servers/misbehaviour.ts'
import { startGraphOverClerk, userIds } from '../kit/graph-over-clerk.ts'

const query = `query ($ids: [ID!]!) { users(ids: $ids) { id oauth_access_tokens(provider: "google") { token } } }`

test('at the deadline that the caller set, what is answered is given and the rest is UPSTREAM_TIMEOUT', async () => {
  await using graph = await startGraphOverClerk()
  const ids = userIds(4)
  for (const id of ids) graph.clerk.addTokens(id, 'oauth_google')
  graph.clerk.misbehave(silence, { path: /user_[13]/ })
  const started = performance.now()
  const response = await graph.server.post(JSON.stringify({ query, variables: { ids } }), {
    authorization: `Bearer ${graph.server.key}`,
    'x-request-timeout-ms': '700',
  })
  const { data, errors } = (await response.json()) as {
    data: { users: { id: string; oauth_access_tokens: unknown[] | null }[] }
    errors: { path: unknown; extensions: unknown }[]
  }
  expect(performance.now() - started).toBeLessThan(3000)
  expect(data.users.map((user) => user.oauth_access_tokens?.length)).toEqual([1, undefined, 1, undefined])
  expect(errors.map(({ path }) => path)).toEqual([1, 3].map((n) => ['users', n, 'oauth_access_tokens']))
  expect(errors[0]?.extensions).toMatchObject({ code: 'UPSTREAM_TIMEOUT', upstream: 'clerk', provider: 'oauth_google' })
  // Nobody waits any more: the calls are taken back.
  for (const { path, ended } of graph.clerk.calls) expect(await ended).toBe(!/user_[13]/.test(path))
})

test('the limit of the operator holds where the caller asks for more, or for nothing', async () => {
  await using graph = await startGraphOverClerk({}, { request_timeout_ms: 300 })
  graph.clerk.addTokens('user_0', 'oauth_google')
  graph.clerk.misbehave(silence)
  for (const headers of [{}, { 'x-request-timeout-ms': '60000' }]) {
    const response = await graph.server.post(JSON.stringify({ query, variables: { ids: ['user_0'] } }), {
      authorization: `Bearer ${graph.server.key}`,
      ...headers,
    })
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'UPSTREAM_TIMEOUT' } }] })
  }
})

test('an issuer whose keys do not come delays nobody beyond the deadline', async () => {
  await using issuer = await startIssuer()
  const { issuer: name, audience, jwks_url, algorithms } = issuer.options()
  const auth = { issuers: [{ issuer: name, audience, jwks_url, algorithms }] }
  await using graph = await startGraphOverClerk({}, { auth, request_timeout_ms: 300 })
  issuer.slow(true)
  const started = performance.now()
  const response = await graph.server.post(JSON.stringify({ query: '{ me { id } }' }), {
    authorization: `Bearer ${await issuer.sign()}`,
  })
  expect(performance.now() - started).toBeLessThan(2500)
  expect(response.status).toBe(503)
  expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'UPSTREAM_TIMEOUT' } }] })
})

test.each(['0', '-1', '1.5', 'soon', '1e3', ''])('a timeout of %j is refused', async (timeout) => {
  await using graph = await startGraphOverClerk()
  const response = await graph.server.post(JSON.stringify({ query: '{ me { id } }' }), {
    authorization: `Bearer ${graph.server.key}`,
    'x-request-timeout-ms': timeout,
  })
  expect(response.status).toBe(400)
  expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] })
})
