/** How an identity is read (docs/platforms/auth0.md section 7). */
import { expect, test } from 'vitest'
import { startAuth0 } from '../servers/auth0.ts'
import { managementFailure } from '../servers/auth0-management.ts'
import { answers } from '../servers/misbehaviour.ts'
import { openAuth0, userCalls } from './auth0-support.ts'
import { everythingOf, failureOf } from '../kit/errors.ts'
import { shown } from './support.ts'

test('expires_in counts from the login, for the only identity of a user, and never from now', async () => {
  await using server = await startAuth0()
  const last_login = '2026-01-01T00:00:00.000Z'
  server.addUser('a|1', { last_login })
  server.addIdentity('a|1', 'github', { expires_in: 3599 })
  server.addUser('a|2', { last_login })
  server.addIdentity('a|2', 'github', { expires_in: 3599 })
  server.addIdentity('a|2', 'google-oauth2', { expires_in: 3599 })
  server.addIdentity('a|3', 'github', { expires_in: 3599 })
  await using client = openAuth0(server)
  const expiry = async (id: string) => (await client.tokens(id, 'github'))?.map(({ expires_at }) => expires_at)
  expect(await expiry('a|1')).toEqual([1_767_225_600 + 3599])
  expect(await expiry('a|2')).toEqual([null])
  expect(await expiry('a|3')).toEqual([null])
})

test('a number as user id, OAuth 1.0, several identities of one connection', async () => {
  await using server = await startAuth0()
  server.addIdentity('a|1', 'twitter', { user_id: 7, access_token_secret: 'invented-token-secret' })
  server.addIdentity('a|1', 'twitter', { user_id: 8 })
  await using client = openAuth0(server)
  expect((await client.tokens('a|1', 'twitter'))?.map(shown)).toMatchObject([
    { external_account_id: 'twitter|7', provider_user_id: '7', token_secret: 'invented-token-secret', scopes: null },
    { external_account_id: 'twitter|8', provider_user_id: '8', token_secret: null },
  ])
})

test('an identity without a token does not hide another of the same connection', async () => {
  await using server = await startAuth0()
  delete server.addIdentity('a|1', 'github').access_token
  server.addIdentity('a|1', 'github', { user_id: 'live' })
  await using client = openAuth0(server)
  expect(await client.tokens('a|1', 'github')).toMatchObject([{ provider_user_id: 'live' }])
})

test('a password is no OAuth account: it has no token and is not listed', async () => {
  await using server = await startAuth0()
  const connection = 'Username-Password-Authentication'
  delete server.addIdentity('auth0|1', connection, { provider: 'auth0', isSocial: false }).access_token
  server.addIdentity('auth0|1', 'github')
  await using client = openAuth0(server)
  expect((await failureOf(client.tokens('auth0|1', connection))).code).toBe('UNSUPPORTED_CREDENTIAL')
  expect(await client.accounts('auth0|1')).toMatchObject([{ provider: 'github' }])
  expect(userCalls(server)).toHaveLength(2)
})

test("the first identity has the user's own profile, the others theirs, without credentials", async () => {
  await using server = await startAuth0()
  server.addUser('google-oauth2|1', { email: 'ada@example.invalid', given_name: 'Ada', family_name: 'Invented' })
  server.addIdentity('google-oauth2|1', 'google-oauth2')
  const profileData = {
    email: 'second@example.invalid',
    given_name: 'Second',
    nested: { refreshToken: 'invented-refresh', kept: 1 },
    refresh_token: 'invented-refresh',
    access_token: 'invented-other',
  }
  server.addIdentity('google-oauth2|1', 'github', { profileData })
  await using client = openAuth0(server)
  const accounts = await client.accounts('google-oauth2|1')
  expect(accounts).toMatchObject([
    {
      id: 'google-oauth2|invented-0',
      email_address: 'ada@example.invalid',
      first_name: 'Ada',
      label: 'ada@example.invalid',
    },
    {
      email_address: 'second@example.invalid',
      first_name: 'Second',
      last_name: null,
      public_metadata: { email: 'second@example.invalid', given_name: 'Second', nested: { kept: 1 } },
    },
  ])
  expect(JSON.stringify(accounts)).not.toContain('invented-refresh')
})

test.each([
  [400, 'UPSTREAM_REJECTED'],
  [401, 'UPSTREAM_REJECTED'],
  [403, 'UPSTREAM_REJECTED'],
  [404, 'USER_NOT_FOUND'],
  [429, 'UPSTREAM_RATE_LIMITED'],
  [500, 'UPSTREAM_UNAVAILABLE'],
  [503, 'UPSTREAM_UNAVAILABLE'],
])('%d of the Management API is %s, whatever its error code is called', async (status, code) => {
  await using server = await startAuth0()
  const failure = managementFailure(status, 'Invented', 'invented_code').body
  server.misbehave(answers(status, failure, { 'retry-after': '60' }), { path: /users/ })
  await using client = openAuth0(server)
  const error = await failureOf(client.tokens('a|1', 'github'))
  expect(error.extensions).toMatchObject({ code, upstream_status: status })
  expect(error.extensions).not.toHaveProperty('upstream_code')
  expect(everythingOf(error)).not.toMatch(/upstream-text|127\.0\.0\.1|invented-client/)
})

test.each([
  ['invalid_uri', 'BAD_USER_INPUT'],
  ['invalid_query_string', 'UPSTREAM_REJECTED'],
])('400 %s is %s: the path has nothing but the user id', async (upstream_code, code) => {
  await using server = await startAuth0()
  server.misbehave(answers(400, managementFailure(400, 'Bad Request', upstream_code).body), { path: /users/ })
  await using client = openAuth0(server)
  expect((await failureOf(client.tokens('a|1', 'github'))).extensions).toMatchObject({ code, upstream_code })
})

test('a 404 without the body of the API does not mean an unknown user', async () => {
  await using server = await startAuth0()
  server.misbehave(answers(404, '<html>invented-page</html>'), { path: /users/ })
  await using client = openAuth0(server)
  expect((await failureOf(client.tokens('a|1', 'github'))).code).toBe('UPSTREAM_PROTOCOL_ERROR')
})

test('all requests share one management token, and a refused one is fetched again', async () => {
  await using server = await startAuth0()
  for (const id of ['a|1', 'a|2', 'a|3']) server.addIdentity(id, 'github')
  await using client = openAuth0(server, { search: false })
  const keys = ['a|1', 'a|2', 'a|3'].map((user_id) => ({ user_id, provider: 'github' }))
  await client.batch(keys)
  expect(server.issued).toBe(1)
  server.revoke()
  const outcomes = await client.batch(keys)
  expect(outcomes.every(({ status }) => status === 'fulfilled')).toBe(true)
  expect(server.issued).toBe(2)
})

test('a client that Auth0 refuses, or for another audience, is UPSTREAM_REJECTED', async () => {
  await using server = await startAuth0()
  for (const given of [{ client_secret: 'invented-other' }, { audience: 'https://other.example.com/api/v2/' }]) {
    await using client = openAuth0(server, given)
    expect((await failureOf(client.tokens('a|1', 'github'))).code).toBe('UPSTREAM_REJECTED')
  }
})
