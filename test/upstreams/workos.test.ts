import { describe, expect, test } from 'vitest'
import { workos } from '../../src/upstreams/workos/index.ts'
import { answers } from '../servers/misbehaviour.ts'
import { startWorkos, type WorkosServer } from '../servers/workos.ts'
import { openPlatform } from './open-platform.ts'
import { everythingOf, failureOf } from '../kit/errors.ts'
import { shown } from './support.ts'

const open = (server: WorkosServer, given: object = {}) =>
  openPlatform(workos, { api_key: server.api_key, base_url: server.url, ...given })

const keys = (user_id: string, ...providers: string[]) => providers.map((provider) => ({ user_id, provider }))
const paths = (server: WorkosServer) => server.calls.map(({ method, path }) => `${method} ${path}`)

test('the request is the documented one', async () => {
  await using server = await startWorkos()
  server.connect('user_1', 'github')
  await using client = open(server)
  await client.tokens('user_1', 'oauth_github')
  expect(server.calls).toMatchObject([
    {
      method: 'POST',
      path: '/data-integrations/github/token',
      body: '{"user_id":"user_1"}',
      headers: { authorization: `Bearer ${server.api_key}`, 'content-type': 'application/json' },
    },
  ])
})

describe('organization_id', () => {
  test('reads the connection of the organization, not the one without', async () => {
    await using server = await startWorkos()
    server.connect('user_1', 'github', { access_token: 'invented-own' })
    server.connect('user_1', 'github', { access_token: 'invented-org', missing_scopes: ['gist'] }, 'org_1')
    await using client = open(server, { organization_id: 'org_1' })
    const tokens = await client.tokens('user_1', 'oauth_github')
    expect(tokens?.map(shown)).toMatchObject([
      {
        token: 'invented-org',
        external_account_id: 'github:user_1:org_1',
        label: 'org_1',
        public_metadata: { organization_id: 'org_1', missing_scopes: ['gist'] },
      },
    ])
    expect(await client.accounts('user_1')).toMatchObject([{ id: 'github:user_1:org_1', label: 'org_1' }])
  })
})

describe('failures with status 200', () => {
  test.each([
    ['needs_reauthorization', 'needs_reauthorization'],
    ['something_new', undefined],
    [undefined, undefined],
    ['with a token: x', undefined],
  ])('%s needs consent', async (error, upstream_code) => {
    await using server = await startWorkos()
    server.misbehave(answers(200, { active: false, error }))
    await using client = open(server)
    const { extensions } = await failureOf(client.tokens('user_1', 'oauth_github'))
    expect(extensions.code).toBe('REAUTHORIZATION_REQUIRED')
    expect(extensions.upstream_code).toBe(upstream_code)
  })

  test.each([
    ['no discriminator', { access_token: { access_token: 'invented' } }],
    ['active without a token', { active: true }],
    ['an empty token', { active: true, access_token: { access_token: '', scopes: [] } }],
    ['an expiry that is no time', { active: true, access_token: { access_token: 'invented', expires_at: {} } }],
    ['a list', []],
  ])('%s is a protocol error', async (_, body) => {
    await using server = await startWorkos()
    server.misbehave(answers(200, body))
    await using client = open(server)
    expect((await failureOf(client.tokens('user_1', 'oauth_github'))).code).toBe('UPSTREAM_PROTOCOL_ERROR')
  })
})

test.each([
  ['2026-01-01T00:00:00.999Z', 1_767_225_600],
  ['2026-01-01T02:00:00+02:00', 1_767_225_600],
  [null, null],
  ['', null],
])('expires_at %j is %j', async (sent, expires_at) => {
  await using server = await startWorkos()
  server.connect('user_1', 'github', { expires_at: sent })
  await using client = open(server)
  expect(await client.tokens('user_1', 'oauth_github')).toMatchObject([{ expires_at }])
})

describe('every row of the table of docs/platforms/workos.md section 5', () => {
  test.each([
    [400, { message: 'invented-upstream-text' }, 'UPSTREAM_REJECTED'],
    [400, { message: 'invented-upstream-text', errors: [{ field: 'user_id', code: 'x' }] }, 'BAD_USER_INPUT'],
    [422, { message: 'invented-upstream-text', errors: [{ field: 'user_id', code: 'x' }] }, 'BAD_USER_INPUT'],
    [422, { message: 'invented-upstream-text', errors: [{ field: 'limit', code: 'x' }] }, 'UPSTREAM_REJECTED'],
    [401, {}, 'UPSTREAM_REJECTED'],
    [403, {}, 'UPSTREAM_REJECTED'],
    [422, { message: 'invented-upstream-text', code: 'auth_method_mismatch' }, 'UNSUPPORTED_CREDENTIAL'],
    [422, { message: 'invented-upstream-text', code: 'other' }, 'UPSTREAM_REJECTED'],
    [500, '<html>invented-page</html>', 'UPSTREAM_UNAVAILABLE'],
  ])('%d %j is %s', async (status, body, code) => {
    await using server = await startWorkos()
    server.misbehave(answers(status, body))
    await using client = open(server)
    const error = await failureOf(client.tokens('user_1', 'oauth_github'))
    expect(error.extensions).toMatchObject({ code, upstream: 'upstream-test', upstream_status: status })
    expect(everythingOf(error)).not.toMatch(/invented|127\.0\.0\.1/)
  })

  test('Retry-After as a date', async () => {
    await using server = await startWorkos()
    const at = new Date(Date.now() + 3_000_000).toUTCString()
    server.misbehave(answers(429, {}, { 'retry-after': at }))
    await using client = open(server)
    const { extensions } = await failureOf(client.tokens('user_1', 'oauth_github'))
    expect(extensions.code).toBe('UPSTREAM_RATE_LIMITED')
    expect(extensions.retry_after_ms).toBeGreaterThan(2_000_000)
  })

  test('a credential that is no OAuth token', async () => {
    await using server = await startWorkos()
    server.connect('user_1', 'github', { auth_method: 'api_key' })
    await using client = open(server)
    expect((await failureOf(client.tokens('user_1', 'oauth_github'))).code).toBe('UNSUPPORTED_CREDENTIAL')
  })
})

describe('a 404 is told apart by the directory', () => {
  test('unknown user, unknown provider', async () => {
    await using server = await startWorkos()
    server.users.add('user_1')
    await using client = open(server)
    expect((await failureOf(client.tokens('user_nobody', 'oauth_github'))).code).toBe('USER_NOT_FOUND')
    expect((await failureOf(client.tokens('user_1', 'oauth_unheard_of'))).code).toBe('PROVIDER_NOT_CONFIGURED')
    expect(await client.accounts('user_nobody')).toBeNull()
  })

  test('a platform that answers a 404 for what is not connected', async () => {
    await using server = await startWorkos()
    server.users.add('user_1')
    server.misbehave(answers(404, {}), { path: /token$/ })
    await using client = open(server)
    expect(await client.tokens('user_1', 'oauth_github')).toEqual([])
  })

  test('a key that may not read the directory leaves the documented meaning', async () => {
    await using server = await startWorkos()
    server.misbehave(answers(403, {}), { path: /data_providers$/ })
    await using client = open(server)
    expect((await failureOf(client.tokens('user_1', 'oauth_unheard_of'))).code).toBe('PROVIDER_NOT_CONFIGURED')
  })
})

describe('three providers of a user asked for together', () => {
  const three = keys('user_1', 'oauth_google', 'oauth_github', 'oauth_slack')

  test('one call for the directory, then only for what is linked', async () => {
    await using server = await startWorkos()
    server.connect('user_1', 'github')
    server.connect('user_1', 'slack', { state: 'disconnected' })
    await using client = open(server)
    expect(await client.batch(three)).toMatchObject([{ value: [] }, { value: [{ provider: 'github' }] }, { value: [] }])
    expect(paths(server)).toEqual([
      'GET /user_management/users/user_1/data_providers',
      'POST /data-integrations/github/token',
    ])
  })

  test('an unknown provider and a dead connection keep their codes', async () => {
    await using server = await startWorkos()
    server.connect('user_1', 'github', { state: 'needs_reauthorization' })
    await using client = open(server)
    const outcomes = await client.batch(keys('user_1', 'oauth_google', 'oauth_github', 'oauth_unheard_of'))
    expect(outcomes).toMatchObject([
      { value: [] },
      { reason: { code: 'REAUTHORIZATION_REQUIRED' } },
      { reason: { code: 'PROVIDER_NOT_CONFIGURED' } },
    ])
  })

  test('a directory that is refused costs calls, not answers', async () => {
    await using server = await startWorkos()
    server.connect('user_1', 'github')
    server.misbehave(answers(403, {}), { path: /data_providers$/ })
    await using client = open(server)
    expect(await client.batch(three)).toMatchObject([{ value: [] }, { value: [{}] }, { value: [] }])
    expect(server.calls).toHaveLength(4)
  })

  test('two are asked for directly', async () => {
    await using server = await startWorkos()
    server.connect('user_1', 'github')
    await using client = open(server)
    await client.batch(three.slice(0, 2))
    expect(paths(server)).toEqual(['POST /data-integrations/google/token', 'POST /data-integrations/github/token'])
  })
})

test('accounts: every field, and whether the token is dead', async () => {
  await using server = await startWorkos()
  server.connect('user_1', 'github', { state: 'needs_reauthorization', scopes: ['repo', 'gist'] })
  await using client = open(server)
  expect(await client.accounts('user_1')).toEqual([
    {
      id: 'github:user_1',
      provider: 'github',
      provider_user_id: '',
      email_address: null,
      username: null,
      first_name: null,
      last_name: null,
      image_url: null,
      label: null,
      approved_scopes: ['repo', 'gist'],
      public_metadata: {
        organization_id: null,
        connected_account_id: 'data_installation_user_1_github',
        state: 'needs_reauthorization',
      },
      created_at: 1_767_225_600,
      updated_at: 1_767_225_600,
      needs_reauthorization: true,
    },
  ])
})
