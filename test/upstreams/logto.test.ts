/** The calls for a token of Logto: metadata, impersonation, Account API; and what each of them may answer. */
import { expect, test } from 'vitest'
import { logto } from '../../src/upstreams/logto/index.ts'
import { logtoFailure, startLogto } from '../servers/logto.ts'
import type { LogtoServer } from '../servers/logto.ts'
import { answers } from '../servers/misbehaviour.ts'
import { openPlatform } from './open-platform.ts'
import { everythingOf, failureOf } from '../kit/errors.ts'
import { shown } from './support.ts'

const open = (server: LogtoServer, given: object = {}) =>
  openPlatform(logto, { base_url: server.url, ...server.management, exchange: server.exchange, ...given })

/** The operations after the first management token. */
const operations = (client: ReturnType<typeof open>) => client.events.map(({ operation }) => operation)

const past = 1_700_000_000

test('the first token of a user costs the metadata and an impersonation, the next ones no impersonation', async () => {
  await using server = await startLogto()
  server.link('user_1', 'github', { secret: { access_token: 'invented-token', scope: 'repo,user' } })
  server.link('user_1', 'google')
  await using client = open(server)
  const [token] = (await client.tokens('user_1', 'github')) ?? []
  expect(shown(token!)).toEqual({
    external_account_id: 'github:invented-github-id',
    provider_user_id: 'invented-github-id',
    token: 'invented-token',
    expires_at: null,
    provider: 'github',
    public_metadata: {},
    label: null,
    scopes: ['repo', 'user'],
    token_secret: null,
    id_token: null,
  })
  const first = ['client_credentials', 'logto.all_identities', 'logto.subject_tokens', 'logto.token_exchange']
  expect(operations(client)).toEqual([...first, 'logto.access_token'])
  await client.tokens('user_1', 'google')
  expect(operations(client).slice(5)).toEqual(['logto.all_identities', 'logto.access_token'])
  const exchange = server.calls.map(({ body }) => new URLSearchParams(body)).find((form) => form.has('subject_token'))
  expect(exchange?.get('scope')).toBe('openid identities')
  expect(exchange?.has('resource')).toBe(false)
})

test('keys of one batch share the metadata and the impersonation', async () => {
  await using server = await startLogto()
  const providers = ['github', 'google', 'facebook']
  for (const provider of providers) server.link('user_1', provider)
  await using client = open(server)
  await client.batch(providers.map((provider) => ({ user_id: 'user_1', provider })))
  const count = (name: string) => operations(client).filter((operation) => operation === name).length
  expect(
    ['all_identities', 'subject_tokens', 'token_exchange', 'access_token'].map((name) => count(`logto.${name}`)),
  ).toEqual([1, 1, 1, 3])
})

test('nothing linked costs only the metadata; so does a token that is expired beyond help, which stays stored', async () => {
  await using server = await startLogto()
  const identity = server.link('user_1', 'github', { secret: { access_token: 'invented-token', expiresAt: past } })
  await using client = open(server)
  expect(await client.tokens('user_1', 'google')).toEqual([])
  expect((await failureOf(client.tokens('user_1', 'github'))).code).toBe('REAUTHORIZATION_REQUIRED')
  expect(operations(client)).toEqual(['client_credentials', 'logto.all_identities', 'logto.all_identities'])
  expect(identity.secret).not.toBeNull()
  expect(await client.accounts('user_1')).toMatchObject([{ provider: 'github', needs_reauthorization: true }])
})

test('Logto refreshes; what it then says about the expiry counts', async () => {
  await using server = await startLogto()
  server.link('user_1', 'github', { secret: { access_token: 'invented-old', expiresAt: past, refresh: 'works' } })
  await using client = open(server)
  const before = Math.floor(Date.now() / 1000)
  const [token] = (await client.tokens('user_1', 'github')) ?? []
  expect(shown(token!).token).toBe('invented-refreshed-token')
  expect(token?.expires_at).toBeGreaterThanOrEqual(before + 3590)
})

test('an enterprise connector has a path of its own, and its id as the provider', async () => {
  await using server = await startLogto()
  server.link('user_1', 'sso-acme', { userId: 'acme-7', details: { name: 'Ada' } }, 'sso')
  await using client = open(server)
  expect(await client.tokens('user_1', 'oauth_sso-acme')).toMatchObject([
    { provider: 'sso-acme', external_account_id: 'sso-acme:acme-7', label: 'Ada' },
  ])
})

test('a user token that Logto no longer accepts is renewed once', async () => {
  await using server = await startLogto()
  server.link('user_1', 'github')
  await using client = open(server)
  await client.tokens('user_1', 'github')
  server.revokeUserTokens()
  expect(await client.tokens('user_1', 'github')).toHaveLength(1)
  server.misbehave(answers(401, logtoFailure(401, 'auth.unauthorized').body), { path: /access-token$/ })
  const before = server.calls.length
  expect((await failureOf(client.tokens('user_1', 'github'))).code).toBe('UPSTREAM_REJECTED')
  expect(server.calls.slice(before).filter(({ path }) => path.endsWith('/access-token'))).toHaveLength(2)
})

test.each<[number, string, string, unknown?]>([
  [401, 'auth.unauthorized', 'UPSTREAM_REJECTED'],
  [403, 'auth.forbidden', 'UPSTREAM_REJECTED'],
  [400, 'account_center.not_enabled', 'UPSTREAM_REJECTED'],
  [404, 'secrets.third_party_token_set.token_not_found', 'REAUTHORIZATION_REQUIRED'],
  [401, 'secrets.third_party_token_set.access_token_expired', 'REAUTHORIZATION_REQUIRED'],
  [422, 'connector.token_storage_not_supported', 'PROVIDER_NOT_CONFIGURED'],
  [401, 'connector.social_auth_code_invalid', 'REAUTHORIZATION_REQUIRED'],
  [401, 'connector.social_access_token_invalid', 'REAUTHORIZATION_REQUIRED'],
  [401, 'connector.authorization_failed', 'REAUTHORIZATION_REQUIRED'],
  [400, 'connector.general', 'REAUTHORIZATION_REQUIRED', '{"error":"invalid_grant"}'],
  [400, 'connector.general', 'UPSTREAM_UNAVAILABLE', { status: 500 }],
  [400, 'connector.invalid_response', 'UPSTREAM_UNAVAILABLE'],
  [429, 'connector.rate_limit_exceeded', 'UPSTREAM_RATE_LIMITED'],
  [400, 'connector.not_found', 'UPSTREAM_REJECTED'],
  [500, 'connector.not_enabled', 'UPSTREAM_UNAVAILABLE'],
])('%d %s is %s (%j)', async (status, upstream_code, code, data) => {
  await using server = await startLogto()
  server.link('user_1', 'github')
  server.misbehave(answers(status, logtoFailure(status, upstream_code, data).body), { path: /access-token$/ })
  await using client = open(server)
  const error = await failureOf(client.tokens('user_1', 'github'))
  expect(error.extensions).toMatchObject({ code, upstream_status: status, upstream_code })
  expect(everythingOf(error)).not.toMatch(/upstream-text|invented-(m2m|app|user-token|token)|127\.0\.0\.1/)
})

test("what Logto refuses to this server's applications is for the operator", async () => {
  await using server = await startLogto({ mayExchange: false })
  server.link('user_1', 'github')
  await using client = open(server)
  expect((await failureOf(client.tokens('user_1', 'github'))).extensions).toMatchObject({
    code: 'UPSTREAM_REJECTED',
    upstream_code: 'oidc.unauthorized_client',
  })
  await using other = open(server, { resource: 'https://default.logto.app/api' })
  expect((await failureOf(other.tokens('user_1', 'github'))).code).toBe('UPSTREAM_REJECTED')
})

test('an unknown user is unknown, and has no accounts', async () => {
  await using server = await startLogto()
  await using client = open(server)
  expect((await failureOf(client.tokens('user_nobody', 'github'))).code).toBe('USER_NOT_FOUND')
  expect(await client.accounts('user_nobody')).toBeNull()
})

test('accounts: times from milliseconds, the profile in part, never its raw form', async () => {
  await using server = await startLogto()
  const details = {
    email: 'ada@example.invalid',
    name: 'Ada',
    avatar: 'https://images.example.invalid/1',
    rawData: { x: 1 },
  }
  server.link('user_1', 'github', { details, secret: { access_token: 'invented-token', scope: 'repo' } })
  await using client = open(server)
  expect(await client.accounts('user_1')).toMatchObject([
    {
      email_address: 'ada@example.invalid',
      image_url: 'https://images.example.invalid/1',
      approved_scopes: ['repo'],
      public_metadata: {},
      created_at: 1_767_225_600,
      updated_at: 1_767_225_601,
      needs_reauthorization: false,
    },
  ])
})
