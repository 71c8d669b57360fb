import { describe, expect, test } from 'vitest'
import { baseUrlOf, descope } from '../../src/upstreams/descope/index.ts'
import { descopeFailure, startDescope, type DescopeServer } from '../servers/descope.ts'
import { answers, holds } from '../servers/misbehaviour.ts'
import { openPlatform } from './open-platform.ts'
import { everythingOf, failureOf } from '../kit/errors.ts'
import { shown } from './support.ts'

const open = ({ project_id, management_key, url }: DescopeServer, given: object = {}) =>
  openPlatform(descope, { project_id, management_key, base_url: url, ...given })
const tokenCall = { path: /latest$/ }
const operations = (server: DescopeServer) => server.calls.map(({ path }) => path.split('/').at(-1))

test('the request is the documented one', async () => {
  await using server = await startDescope()
  server.connect('U2x', 'google')
  await using client = open(server)
  await client.tokens('U2x', 'oauth_google')
  expect(server.calls).toMatchObject([
    {
      method: 'POST',
      path: '/v1/mgmt/outbound/app/user/token/latest',
      headers: { 'x-descope-project-id': server.project_id },
    },
  ])
  expect(JSON.parse(server.calls[0]?.body ?? '')).toEqual({
    appId: 'google',
    userId: 'U2x',
    options: { withRefreshToken: false, forceRefresh: false },
  })
})

test('every field, for a tenant', async () => {
  await using server = await startDescope()
  server.connect('U2x', 'google', { tenantId: 'T1', externalIdentifier: 'work', refreshToken: 'invented-refresh' })
  await using client = open(server, { tenant_id: 'T1' })
  expect((await client.tokens('U2x', 'google'))?.map(shown)).toEqual([
    {
      external_account_id: 'token-U2x-google',
      provider_user_id: '1099',
      token: 'invented-token-U2x-google',
      expires_at: 4_102_444_800,
      provider: 'google',
      public_metadata: {},
      label: 'work',
      scopes: ['calendar'],
      token_secret: null,
      id_token: null,
    },
  ])
  expect(await client.accounts('U2x')).toMatchObject([{ id: 'token-U2x-google', label: 'work' }])
})

test.each([
  ['seconds in a string', '1767225600', 1_767_225_600],
  ['a number', 1_767_225_600, 1_767_225_600],
  ['an ISO date', '2026-01-01T00:00:00.999Z', 1_767_225_600],
  ['zero in a string', '0', null],
  ['zero', 0, null],
  ['nothing in a string', '', null],
  ['null', null, null],
  ['nothing', undefined, null],
  ['the zero time of Go', '0001-01-01T00:00:00Z', null],
  ['the zero time of Go in seconds', '-62135596800', null],
  ['the greatest number of Java', '9223372036854775807', null],
])('accessTokenExpiry as %s', async (_, accessTokenExpiry, expires_at) => {
  await using server = await startDescope()
  server.connect('U2x', 'google', { accessTokenExpiry })
  await using client = open(server)
  expect(await client.tokens('U2x', 'google')).toMatchObject([{ expires_at }])
})

test.each([
  ['a word', { accessTokenExpiry: 'soon' }],
  ['a time that is a list', { accessTokenExpiry: [] }],
  ['no id', { id: '' }],
  ['a token of another user', { userId: 'U2y' }],
  ['a token of another app', { appId: 'github' }],
])('%s is a protocol error', async (_, given) => {
  await using server = await startDescope()
  const token = server.connect('U2x', 'google')
  server.misbehave(answers(200, { token: { ...token, ...given } }), tokenCall)
  await using client = open(server)
  expect((await failureOf(client.tokens('U2x', 'google'))).code).toBe('UPSTREAM_PROTOCOL_ERROR')
})

describe('a refresh that failed', () => {
  test.each([
    ['expired', '1000000000', 'REAUTHORIZATION_REQUIRED'],
    ['of unknown expiry', '0', 'REAUTHORIZATION_REQUIRED'],
    ['alive', '4102444800', null],
  ])('and a token that is %s', async (_, accessTokenExpiry, code) => {
    await using server = await startDescope()
    server.connect('U2x', 'google', { accessTokenExpiry, lastRefreshError: 'invented-upstream-text' })
    await using client = open(server)
    if (code === null) expect(await client.tokens('U2x', 'google')).toHaveLength(1)
    else expect((await failureOf(client.tokens('U2x', 'google'))).code).toBe(code)
  })

  test.each([
    ['an empty token', { accessToken: '' }, 'REAUTHORIZATION_REQUIRED'],
    ['an API key', { accessTokenType: 'apikey' }, 'UNSUPPORTED_CREDENTIAL'],
  ])('%s is %s', async (_, given, code) => {
    await using server = await startDescope()
    server.connect('U2x', 'google', given)
    await using client = open(server)
    expect((await failureOf(client.tokens('U2x', 'google'))).code).toBe(code)
  })
})

describe.each([400, 404, 422])('a token that there is not gives %d with a code of no source', (status) => {
  const noToken = { status, errorCode: 'E999001' }

  test('not connected, dead, unknown app, unknown user', async () => {
    await using server = await startDescope({ noToken })
    server.connect('U2x', 'github')
    server.dead.add('U2x\ngithub')
    await using client = open(server)
    expect(await client.tokens('U2x', 'google')).toEqual([])
    expect((await failureOf(client.tokens('U2x', 'github'))).extensions).toMatchObject({
      code: 'REAUTHORIZATION_REQUIRED',
      upstream_code: 'E999001',
      upstream_status: status,
    })
    expect((await failureOf(client.tokens('U2x', 'oauth_unheard_of'))).code).toBe('PROVIDER_NOT_CONFIGURED')
    expect((await failureOf(client.tokens('U2nobody', 'google'))).code).toBe('USER_NOT_FOUND')
  })
})

describe('three apps of a user asked for together', () => {
  const keys = ['google', 'github', 'slack'].map((provider) => ({ user_id: 'U2x', provider }))

  test('one call for the apps, then only for what is connected', async () => {
    await using server = await startDescope()
    server.connect('U2x', 'github')
    await using client = open(server)
    expect(await client.batch(keys)).toMatchObject([{ value: [] }, { value: [{}] }, { value: [] }])
    expect(operations(server).sort()).toEqual(['apps-with-user-token', 'google', 'latest', 'slack'])
    await client.batch(keys)
    expect(operations(server).slice(4)).toEqual(['apps-with-user-token', 'latest'])
  })

  test.each(['error', 'empty'] as const)('an unknown user, whose list is %s', async (unknownUser) => {
    await using server = await startDescope({ unknownUser })
    await using client = open(server)
    const outcomes = await client.batch(keys)
    expect(outcomes).toMatchObject(Array(3).fill({ status: 'rejected', reason: { code: 'USER_NOT_FOUND' } }))
    expect(await client.accounts('U2nobody')).toBeNull()
  })
})

test.each([
  [400, 'E011001', 'UPSTREAM_REJECTED'],
  [400, 'E011002', 'UPSTREAM_REJECTED'],
  [400, 'E011003', 'UPSTREAM_REJECTED'],
  [400, 'E011004', 'UPSTREAM_REJECTED'],
  [400, 'E011002', 'BAD_USER_INPUT', 'invented-upstream-text: the userId field is too long'],
  [400, 'E011003', 'UPSTREAM_REJECTED', 'invented-upstream-text: the tenantId field is too long'],
  [400, 'E112102', 'USER_NOT_FOUND'],
  [404, 'E112102', 'USER_NOT_FOUND'],
  [401, 'E011005', 'UPSTREAM_REJECTED'],
  [403, 'E112102', 'UPSTREAM_REJECTED'],
  [429, 'E130429', 'UPSTREAM_RATE_LIMITED'],
  [500, 'E999500', 'UPSTREAM_UNAVAILABLE'],
])('%d %s is %s', async (status, upstream_code, code, errorMessage?: string) => {
  await using server = await startDescope()
  const { body } = descopeFailure(status, upstream_code)
  const said = { ...body, ...(errorMessage !== undefined && { errorMessage }) }
  server.misbehave(answers(status, said, { 'retry-after': '3600' }))
  await using client = open(server)
  const error = await failureOf(client.tokens('U2x', 'google'))
  expect(error.extensions).toMatchObject({ code, upstream_status: status, upstream_code })
  expect(everythingOf(error)).not.toMatch(/invented|127\.0\.0\.1/)
})

describe('accounts', () => {
  test('a dead account is marked, and the others are not affected', async () => {
    await using server = await startDescope()
    server.connect('U2x', 'google')
    server.connect('U2x', 'github')
    server.dead.add('U2x\ngithub')
    await using client = open(server)
    expect(await client.accounts('U2x')).toMatchObject([
      { id: 'token-U2x-google', provider: 'google', provider_user_id: '1099', approved_scopes: ['calendar'] },
      { id: 'github:U2x', provider: 'github', needs_reauthorization: true },
    ])
  })

  test('the token and the account share one read: two in parallel would race for the refresh', async () => {
    await using server = await startDescope()
    server.connect('U2x', 'google')
    const { promise, resolve } = Promise.withResolvers<undefined>()
    server.misbehave(holds(promise), tokenCall)
    await using client = open(server)
    const both = Promise.all([client.accounts('U2x'), client.tokens('U2x', 'google')])
    await server.arrived(2)
    resolve(undefined)
    expect(await both).toMatchObject([[{ id: 'token-U2x-google' }], [{ external_account_id: 'token-U2x-google' }]])
    expect(operations(server).sort()).toEqual(['apps-with-user-token', 'latest'])
  })
})

test('a long project id names its region', () => {
  expect(baseUrlOf('P2abcdefghijklmnopqrstuvwxyz')).toBe('https://api.descope.com')
  expect(baseUrlOf(`Peuc1${'a'.repeat(27)}`)).toBe('https://api.euc1.descope.com')
})
