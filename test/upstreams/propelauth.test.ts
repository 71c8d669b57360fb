import { describe, expect, test } from 'vitest'
import { propelauth } from '../../src/upstreams/propelauth/index.ts'
import { answers, reset } from '../servers/misbehaviour.ts'
import { startPropelAuth } from '../servers/propelauth.ts'
import type { PropelAuthServer } from '../servers/propelauth.ts'
import { openPlatform } from './open-platform.ts'
import { everythingOf, failureOf } from '../kit/errors.ts'
import { shown } from './support.ts'

const user = '5f3c0e1a-6f0e-4f0e-8f0e-0123456789ab'
const DEAD = 1_000_000_001
const fresh = { path: /fresh_token$/ }

const open = (server: PropelAuthServer, given: object = {}) =>
  openPlatform(propelauth, { auth_url: server.auth_url, api_key: server.api_key, base_url: server.url, ...given })

test('the auth URL and a key are enough', () => {
  expect(propelauth.options.parse({ auth_url: 'https://auth.example.com', api_key: 'invented' })).toMatchObject({
    auth_url: 'https://auth.example.com',
  })
  expect(propelauth.options.safeParse({ auth_url: 'ftp://auth.example.com', api_key: 'invented' }).success).toBe(false)
})

describe('the expiry, whose unit is not known', () => {
  test.each([
    [4_102_444_800, 4_102_444_800],
    [4_102_444_800_123, 4_102_444_800],
    [3600, null],
    [0, null],
    [null, null],
    [undefined, null],
  ])('%j is %j', async (token_expiration, expires_at) => {
    await using server = await startPropelAuth()
    server.connect(user, 'google', { token_expiration })
    await using client = open(server)
    expect(await client.tokens(user, 'google')).toMatchObject([{ expires_at }])
    expect(server.calls).toHaveLength(1)
  })
})

test.each([
  [
    ['a', 'b'],
    ['a', 'b'],
  ],
  ['a b', ['a', 'b']],
  [null, null],
  [undefined, null],
])('the scopes %j are %j', async (authorized_scopes, scopes) => {
  await using server = await startPropelAuth()
  server.connect(user, 'google', { authorized_scopes })
  await using client = open(server)
  expect(await client.tokens(user, 'google')).toMatchObject([{ scopes }])
})

describe('a stored token that has expired', () => {
  test('is refreshed, for the provider that is asked for and no other', async () => {
    await using server = await startPropelAuth()
    server.connect(user, 'google', { token_expiration: DEAD })
    server.connect(user, 'slack', { token_expiration: DEAD })
    server.refreshed = (entry) => ({ ...entry, access_token: 'invented-fresh', token_expiration: 4_102_444_800 })
    await using client = open(server)
    const [token] = (await client.tokens(user, 'google')) ?? []
    expect(token && shown(token)).toMatchObject({ token: 'invented-fresh', expires_at: 4_102_444_800 })
    expect(server.calls.map(({ path }) => path.split('/').slice(-2).join('/'))).toEqual([
      `${user}/oauth_token`,
      'google/fresh_token',
    ])
  })

  test.each([
    [400, 'REAUTHORIZATION_REQUIRED'],
    [404, 'REAUTHORIZATION_REQUIRED'],
    [401, 'UPSTREAM_REJECTED'],
    [403, 'UPSTREAM_REJECTED'],
    [429, 'UPSTREAM_RATE_LIMITED'],
    [500, 'UPSTREAM_UNAVAILABLE'],
    [503, 'UPSTREAM_UNAVAILABLE'],
  ])('when the refresh answers %d: %s, and the other providers are not touched', async (status, code) => {
    await using server = await startPropelAuth()
    server.connect(user, 'google', { token_expiration: DEAD })
    server.connect(user, 'slack')
    server.misbehave(answers(status, { error: 'invented-upstream-text' }), fresh)
    await using client = open(server)
    const [google, slack] = await client.batch([
      { user_id: user, provider: 'google' },
      { user_id: user, provider: 'slack' },
    ])
    expect(google).toMatchObject({ reason: { code, extensions: { upstream_status: status } } })
    expect(everythingOf((google as PromiseRejectedResult).reason as Error)).not.toMatch(/invented-|127\.0\.0\.1/)
    expect(slack).toMatchObject({ value: [{ provider: 'slack' }] })
  })

  test('a refresh is never sent twice: the first may have spent the refresh token', async () => {
    await using server = await startPropelAuth()
    server.connect(user, 'google', { token_expiration: DEAD })
    server.misbehave(reset, fresh)
    await using client = open(server, { retries: 5 })
    expect((await failureOf(client.tokens(user, 'google'))).code).toBe('UPSTREAM_UNAVAILABLE')
    expect(server.calls.filter(({ path }) => path.endsWith('fresh_token'))).toHaveLength(1)
  })

  test('ten callers at once cause one refresh', async () => {
    await using server = await startPropelAuth()
    server.connect(user, 'google', { token_expiration: DEAD })
    server.refreshed = (entry) => ({ ...entry, token_expiration: 4_102_444_800 })
    await using client = open(server)
    await Promise.all(Array.from({ length: 10 }, () => client.tokens(user, 'google')))
    expect(server.calls.filter(({ path }) => path.endsWith('fresh_token'))).toHaveLength(1)
  })
})

test('an entry without a token needs consent; a malformed entry fails only its provider', async () => {
  await using server = await startPropelAuth()
  server.connect(user, 'google', { access_token: '' })
  server.connect(user, 'slack', { access_token: 5 as unknown as string })
  server.connect(user, 'github')
  await using client = open(server)
  const keys = ['google', 'slack', 'github', 'constructor'].map((provider) => ({ user_id: user, provider }))
  expect(await client.batch(keys)).toMatchObject([
    { reason: { code: 'REAUTHORIZATION_REQUIRED' } },
    { reason: { code: 'UPSTREAM_PROTOCOL_ERROR' } },
    { value: [{ provider: 'github' }] },
    { value: [] },
  ])
  expect(server.calls).toHaveLength(1)
})

test.each([[[]], ['text'], [null]])('%j in place of the entries is an error', async (body) => {
  await using server = await startPropelAuth()
  server.misbehave(answers(200, JSON.stringify(body)))
  await using client = open(server)
  expect((await failureOf(client.tokens(user, 'google'))).code).toBe('UPSTREAM_PROTOCOL_ERROR')
})

test('lists accounts, and answers null for an unknown user', async () => {
  await using server = await startPropelAuth()
  server.connect(user, 'google')
  server.connect(user, 'slack', { access_token: '' })
  await using client = open(server)
  expect(await client.accounts(user)).toMatchObject([
    { id: `${user}:google`, provider: 'google', approved_scopes: ['email', 'profile'], needs_reauthorization: false },
    { id: `${user}:slack`, provider: 'slack', needs_reauthorization: true },
  ])
  expect(await client.accounts('00000000-0000-4000-8000-000000000000')).toBeNull()
})

test('refuses a user id that is not a UUID before any request', async () => {
  await using server = await startPropelAuth()
  await using client = open(server)
  expect((await failureOf(client.tokens('user_1', 'google'))).code).toBe('BAD_USER_INPUT')
  expect(server.calls).toHaveLength(0)
})
