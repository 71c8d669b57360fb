/** Which token is forwarded where, what users have linked, and every documented error. */
import { expect, test } from 'vitest'
import { startIssuer } from '../servers/jwks.ts'
import { startKeycloak } from '../servers/keycloak.ts'
import { oauthFailure } from '../servers/keycloak-exchange.ts'
import { answers } from '../servers/misbehaviour.ts'
import { keycloak } from '../../src/upstreams/keycloak/index.ts'
import { openKeycloak } from './keycloak-support.ts'
import { everythingOf, failureOf } from '../kit/errors.ts'
import { shown } from './support.ts'

test("the user's own token is forwarded, and only to the realm that issued it", async () => {
  await using server = await startKeycloak()
  await using other = await startIssuer()
  server.link('user_1', 'github')
  await using client = openKeycloak(server)
  const bearer = await server.sign('user_1')
  expect(await client.tokens('user_1', 'github', bearer)).toHaveLength(1)
  expect(server.calls[0]?.headers.authorization).toBe(`Bearer ${bearer}`)
  for (const foreign of [undefined, await other.sign({ sub: 'user_1' }), 'invented-opaque-token']) {
    const error = await failureOf(client.tokens('user_1', 'github', foreign))
    expect(error).toMatchObject({ code: 'UPSTREAM_REJECTED', message: expect.stringContaining('token') })
    if (foreign !== undefined) expect(everythingOf(error)).not.toContain(foreign)
  }
  expect(server.calls).toHaveLength(1)
})

test.each(['My Realm', 'Größe & Co', 'a/b', 'a%2Fb', '日本', '...'])(
  'the realm %j is encoded wherever it is used',
  async (realm) => {
    await using server = await startKeycloak({ realm })
    server.link('user_1', 'github')
    await using client = openKeycloak(server, { client: server.client, admin: server.admin })
    expect(await client.tokens('user_1', 'github', await server.sign('user_1', { roles: [] }))).toHaveLength(1)
    expect(await client.accounts('user_1')).toHaveLength(1)
    const encoded = `/realms/${encodeURIComponent(realm)}/`
    expect(server.calls.length).toBeGreaterThan(3)
    expect(server.calls.filter(({ path }) => !path.includes(encoded))).toEqual([])
  },
)

test.each(['', '.', '..', 'a\nb', 'a\u202eb', 'a'.repeat(256)])('%j is no realm', (realm) => {
  expect(keycloak.options.safeParse({ base_url: 'https://login.example.com', realm }).success).toBe(false)
})

test('a token without the role: refused; with a client it is exchanged first, once for keys of one batch', async () => {
  await using server = await startKeycloak()
  server.link('user_1', 'github')
  server.link('user_1', 'google')
  const bearer = await server.sign('user_1', { roles: [] })
  await using plain = openKeycloak(server)
  expect((await failureOf(plain.tokens('user_1', 'github', bearer))).code).toBe('UPSTREAM_REJECTED')
  await using client = openKeycloak(server, { client: server.client })
  const both = await Promise.all(['github', 'google'].map((alias) => client.tokens('user_1', alias, bearer)))
  expect(both.map((tokens) => tokens?.length)).toEqual([1, 1])
  const exchanges = server.calls.filter(({ path }) => path.endsWith('/openid-connect/token'))
  expect(exchanges).toHaveLength(1)
  expect(new URLSearchParams(exchanges[0]?.body).has('requested_issuer')).toBe(false)
  expect(server.calls.at(-1)?.headers.authorization).not.toBe(`Bearer ${bearer}`)
})

test('the deprecated exchange: the token of the provider, and the remaining lifetime', async () => {
  await using server = await startKeycloak()
  server.link('user_1', 'github', { stored: { access_token: 'invented-token', expires_in: 600 } })
  server.link('user_1', 'twitter', {
    stored: { oauth_token: 'invented-1', oauth_token_secret: 'invented-2', user_id: 7 },
  })
  await using client = openKeycloak(server, { method: 'token_exchange', client: server.client })
  expect(client.upstream.autoRefreshes).toBe(false)
  const bearer = await server.sign('user_1')
  const before = Math.floor(Date.now() / 1000)
  const [token] = (await client.tokens('user_1', 'github', bearer)) ?? []
  expect(shown(token!)).toMatchObject({ token: 'invented-token', scopes: null })
  expect(token?.expires_at).toBeGreaterThanOrEqual(before + 600)
  const [old] = (await client.tokens('user_1', 'twitter', bearer)) ?? []
  expect(shown(old!)).toMatchObject({ token: 'invented-1', token_secret: 'invented-2', provider_user_id: '7' })
  expect(await client.tokens('user_2', 'github', await server.sign('user_2'))).toEqual([])
})

test.each([
  [400, 'token_expired', 'REAUTHORIZATION_REQUIRED'],
  [400, 'invalid_target', 'PROVIDER_NOT_CONFIGURED'],
  [400, 'invalid_request', 'PROVIDER_NOT_CONFIGURED'],
  [400, 'invalid_token', 'UPSTREAM_REJECTED'],
  [401, 'invalid_client', 'UPSTREAM_REJECTED'],
  [403, 'access_denied', 'UPSTREAM_REJECTED'],
  [400, 'invented_code', 'UPSTREAM_REJECTED'],
  [500, 'invented_code', 'UPSTREAM_UNAVAILABLE'],
])('an exchange: %d %s is %s', async (status, error, code) => {
  await using server = await startKeycloak()
  server.misbehave(answers(status, oauthFailure(status, error).body))
  await using client = openKeycloak(server, { method: 'token_exchange', client: server.client })
  const failed = await failureOf(client.tokens('user_1', 'github', await server.sign('user_1')))
  expect(failed.extensions).toMatchObject({ code, upstream_status: status })
  expect(failed.extensions.upstream_code).toBe(error === 'invented_code' ? undefined : error)
  expect(everythingOf(failed)).not.toMatch(/upstream-text|invented-client-secret|127\.0\.0\.1/)
})

test.each([
  [400, { errorMessage: 'Invalid token.' }, 'UPSTREAM_REJECTED'],
  [400, { errorMessage: 'Identity Provider [x] does not support this operation.' }, 'PROVIDER_NOT_CONFIGURED'],
  [400, { errorMessage: 'invented-upstream-text' }, 'UPSTREAM_REJECTED'],
  [403, { errorMessage: 'invented-upstream-text' }, 'UPSTREAM_REJECTED'],
  [404, { errorMessage: 'No token stored for user [x].' }, 'REAUTHORIZATION_REQUIRED'],
  [404, { error: 'Realm does not exist' }, 'UPSTREAM_REJECTED'],
  [404, { error: 'HTTP 404 Not Found' }, 'PROVIDER_NOT_CONFIGURED'],
  [404, '<html>invented-page-text</html>', 'UPSTREAM_PROTOCOL_ERROR'],
  [429, '<html>invented-page-text</html>', 'UPSTREAM_RATE_LIMITED'],
  [502, { errorMessage: 'Unable to refresh token.' }, 'REAUTHORIZATION_REQUIRED'],
  [502, '<html>invented-page-text</html>', 'UPSTREAM_UNAVAILABLE'],
])('the broker endpoint: %d %j is %s', async (status, body, code) => {
  await using server = await startKeycloak()
  server.misbehave(answers(status, body))
  await using client = openKeycloak(server, { retries: 0 })
  const error = await failureOf(client.tokens('user_1', 'github', await server.sign('user_1')))
  expect(error.extensions).toMatchObject({ code, upstream_status: status })
  expect(everythingOf(error)).not.toMatch(/upstream-text|page-text|127\.0\.0\.1/)
})

test('an unknown alias that gives an HTML page cannot be told from an outage', async () => {
  await using server = await startKeycloak({ unknownAlias: 502 })
  await using client = openKeycloak(server, { retries: 0 })
  const error = await failureOf(client.tokens('user_1', 'unheard-of', await server.sign('user_1')))
  expect(error.code).toBe('UPSTREAM_UNAVAILABLE')
})

test('with an admin client: ids of links, and from three providers on no call for what is not linked', async () => {
  await using server = await startKeycloak()
  server.link('user_1', 'github', { userId: '7', userName: 'ada' })
  await using client = openKeycloak(server, { admin: server.admin })
  const bearer = await server.sign('user_1')
  expect(await client.tokens('user_1', 'github', bearer)).toMatchObject([
    { external_account_id: 'github:7', provider_user_id: '7', label: 'ada' },
  ])
  const before = server.calls.length
  const three = await Promise.all(['github', 'google', 'slack'].map((alias) => client.tokens('user_1', alias, bearer)))
  expect(three.map((tokens) => tokens?.length)).toEqual([1, 0, 0])
  expect(server.calls.slice(before).map(({ path }) => path.split('/').slice(-2).join('/'))).toEqual([
    'user_1/federated-identity',
    'github/token',
  ])
  expect(await client.accounts('user_1')).toMatchObject([{ id: 'github:7', provider: 'github', username: 'ada' }])
  expect(await client.accounts('user_nobody')).toBeNull()
})

test('an admin client that Keycloak refuses costs the names of accounts and no token', async () => {
  await using server = await startKeycloak()
  server.link('user_1', 'github')
  const admin = { ...server.admin, client_secret: 'invented-other-secret' }
  await using client = openKeycloak(server, { admin })
  expect(await client.tokens('user_1', 'github', await server.sign('user_1'))).toHaveLength(1)
  expect((await failureOf(client.accounts('user_1'))).code).toBe('UPSTREAM_REJECTED')
})

test('without an admin client nothing is listed; the exchange needs a client', async () => {
  await using server = await startKeycloak()
  await using client = openKeycloak(server)
  expect(client.upstream.accounts).toBeNull()
  expect(() => openKeycloak(server, { method: 'token_exchange' })).toThrow(/client/)
})
