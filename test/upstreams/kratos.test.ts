import { SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { kratos } from '../../src/upstreams/kratos/index.ts'
import { inventUuid } from '../conformance/fixture.ts'
import { kratosFailure, startKratos } from '../servers/kratos.ts'
import type { KratosServer } from '../servers/kratos.ts'
import { answers } from '../servers/misbehaviour.ts'
import { openPlatform } from './open-platform.ts'
import { everythingOf, failureOf } from '../kit/errors.ts'
import { shown } from './support.ts'

const open = (server: KratosServer, given: object = {}) => openPlatform(kratos, { base_url: server.url, ...given })
const [ada, bob] = [inventUuid('ada'), inventUuid('bob')]

test('the request is the documented one, without a key where none is configured', async () => {
  await using server = await startKratos()
  server.link(ada, 'google')
  await using client = open(server)
  await client.tokens(ada, 'oauth_google')
  expect(server.calls[0]?.path).toBe('/admin/identities')
  expect(server.calls[0]?.query.toString()).toBe(`ids=${ada}&include_credential=oidc`)
  expect(server.calls[0]?.headers.authorization).toBeUndefined()
})

test('what a stored login gives: subject and tokens, no scopes, never the refresh token', async () => {
  await using server = await startKratos()
  server.link(ada, 'my-github', { subject: '55:a', initial_id_token: 'invented-id-token', organization: 'org_1' })
  await using client = open(server)
  const tokens = (await client.tokens(ada, 'oauth_my-github')) ?? []
  expect(tokens.map(shown)).toEqual([
    {
      external_account_id: 'my-github:55:a',
      provider_user_id: '55:a',
      token: `invented-token-${ada}-my-github`,
      expires_at: null,
      provider: 'my-github',
      public_metadata: { organization: 'org_1' },
      label: null,
      scopes: null,
      token_secret: null,
      id_token: 'invented-id-token',
    },
  ])
  expect(server.sent.join()).toContain('invented-refresh-token')
  expect(JSON.stringify(tokens.map(shown))).not.toContain('refresh')
})

describe('expires_at', () => {
  const key = new TextEncoder().encode('invented key of thirty-two bytes')
  test.each([
    ['a JWT says when', { exp: 4_102_444_800 }, 4_102_444_800],
    ['a JWT without exp', {}, null],
  ])('%s', async (_, claims, expires_at) => {
    const initial_access_token = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(key)
    await using server = await startKratos()
    server.link(ada, 'google', { initial_access_token })
    await using client = open(server)
    expect(await client.tokens(ada, 'google')).toMatchObject([{ expires_at }])
  })
})

describe('no token is stored', () => {
  test('an empty string needs consent; another account of the provider still answers', async () => {
    await using server = await startKratos()
    server.link(ada, 'google', { initial_access_token: '', subject: 'dead' })
    server.link(bob, 'google', { initial_access_token: '', subject: 'dead' })
    server.link(bob, 'google', { subject: 'live' })
    await using client = open(server)
    expect((await failureOf(client.tokens(ada, 'google'))).code).toBe('REAUTHORIZATION_REQUIRED')
    expect(await client.tokens(bob, 'google')).toMatchObject([{ provider_user_id: 'live' }])
  })

  test('linked, with an identifier and no stored login', async () => {
    await using server = await startKratos()
    const body = [{ id: ada, credentials: { oidc: { identifiers: ['google:1'], config: {} } } }]
    server.misbehave(answers(200, body))
    await using client = open(server)
    expect((await failureOf(client.tokens(ada, 'google'))).code).toBe('REAUTHORIZATION_REQUIRED')
  })

  test('a SAML login has none', async () => {
    await using server = await startKratos()
    server.addIdentity(ada).saml.push('okta:1')
    await using client = open(server)
    expect((await failureOf(client.tokens(ada, 'okta'))).code).toBe('UNSUPPORTED_CREDENTIAL')
  })
})

test('an id that is no UUID never reaches the platform, and spoils nothing', async () => {
  await using server = await startKratos()
  server.link(ada, 'google')
  await using client = open(server)
  const outcomes = await client.batch(['user_1', ada, bob].map((user_id) => ({ user_id, provider: 'google' })))
  expect(outcomes).toMatchObject([
    { reason: { code: 'BAD_USER_INPUT' } },
    { value: [{ provider: 'google' }] },
    { reason: { code: 'USER_NOT_FOUND' } },
  ])
  expect(server.calls.map(({ query }) => query.getAll('ids'))).toEqual([[ada, bob]])
  expect(await client.accounts('user_1')).toBeNull()
  expect(server.calls).toHaveLength(1)
})

test('an id in capital letters is the same user', async () => {
  await using server = await startKratos()
  server.link(ada, 'google')
  await using client = open(server)
  expect(await client.tokens(ada.toUpperCase(), 'google')).toHaveLength(1)
})

test.each([
  [400, 'UPSTREAM_REJECTED'],
  [401, 'UPSTREAM_REJECTED'],
  [403, 'UPSTREAM_REJECTED'],
  [429, 'UPSTREAM_RATE_LIMITED'],
  [500, 'UPSTREAM_UNAVAILABLE'],
])('%d is %s, with the request id and without the words', async (status, code) => {
  await using server = await startKratos()
  server.misbehave(answers(status, kratosFailure(status, 'invented-status').body, { 'retry-after': '3600' }))
  await using client = open(server)
  const error = await failureOf(client.tokens(ada, 'google'))
  expect(error.extensions).toMatchObject({ code, upstream_status: status, trace_id: 'invented-request-1' })
  expect(everythingOf(error).replaceAll('invented-request-1', '')).not.toMatch(/invented|127\.0\.0\.1/)
})

test('accounts come without tokens, for all users in one call', async () => {
  await using server = await startKratos()
  server.link(ada, 'google', { subject: '1099' })
  await using client = open(server)
  expect(await client.accounts(ada)).toEqual([
    {
      id: 'google:1099',
      provider: 'google',
      provider_user_id: '1099',
      email_address: null,
      username: null,
      first_name: null,
      last_name: null,
      image_url: null,
      label: null,
      approved_scopes: null,
      public_metadata: {},
      created_at: 1_767_225_600,
      updated_at: 1_767_225_600,
      needs_reauthorization: false,
    },
  ])
  expect(await client.accounts(bob)).toBeNull()
  expect(server.sent.join()).not.toContain('invented-token')
})
