import { describe, expect, test } from 'vitest'
import { composio } from '../../src/upstreams/composio/index.ts'
import { composioFailure, startComposio } from '../servers/composio.ts'
import type { ComposioServer } from '../servers/composio.ts'
import { answers } from '../servers/misbehaviour.ts'
import { openPlatform } from './open-platform.ts'
import { everythingOf, failureOf } from '../kit/errors.ts'
import { shown } from './support.ts'

const open = (server: ComposioServer, given: object = {}) =>
  openPlatform(composio, { api_key: server.api_key, base_url: server.url, ...given })

const OAUTH1 = { authScheme: 'OAUTH1', val: { oauth_token: 'invented-token', oauth_token_secret: 'invented-secret' } }

test('only a key is required', () => {
  expect(composio.options.parse({ api_key: 'invented' })).toMatchObject({
    base_url: 'https://backend.composio.dev',
    page_size: 50,
  })
})

describe('the state of an account', () => {
  test.each(['EXPIRED', 'INACTIVE', 'REVOKED'])('%s needs consent', async (status) => {
    await using server = await startComposio()
    server.connect('user_1', 'gmail', { status })
    await using client = open(server)
    expect((await failureOf(client.tokens('user_1', 'gmail'))).code).toBe('REAUTHORIZATION_REQUIRED')
    expect(await client.accounts('user_1')).toMatchObject([{ needs_reauthorization: true }])
  })

  test.each(['INITIALIZING', 'INITIATED', 'FAILED'])('%s never was connected', async (status) => {
    await using server = await startComposio()
    server.connect('user_1', 'gmail', { status })
    await using client = open(server)
    expect(await client.tokens('user_1', 'gmail')).toEqual([])
    expect(await client.accounts('user_1')).toEqual([])
  })

  test('disabled is not handed out', async () => {
    await using server = await startComposio()
    server.connect('user_1', 'gmail', { is_disabled: true })
    await using client = open(server)
    expect((await failureOf(client.tokens('user_1', 'gmail'))).code).toBe('REAUTHORIZATION_REQUIRED')
  })

  test('a dead account hides no live one', async () => {
    await using server = await startComposio()
    server.connect('user_1', 'gmail', { status: 'EXPIRED' })
    server.connect('user_1', 'gmail', { id: 'ca_live', alias: 'work' })
    await using client = open(server)
    expect(await client.tokens('user_1', 'gmail')).toMatchObject([{ external_account_id: 'ca_live', label: 'work' }])
  })
})

describe('the credential of an account', () => {
  test('OAuth 1.0 has a secret and no scopes', async () => {
    await using server = await startComposio()
    server.connect('user_1', 'twitter', { state: OAUTH1 })
    await using client = open(server)
    const [token] = (await client.tokens('user_1', 'twitter')) ?? []
    expect(token && shown(token)).toMatchObject({
      token: 'invented-token',
      token_secret: 'invented-secret',
      scopes: null,
    })
  })

  test.each([
    ['email profile', ['email', 'profile']],
    ['email,profile', ['email', 'profile']],
    [
      ['email', 'profile'],
      ['email', 'profile'],
    ],
    [null, null],
    [{ odd: true }, null],
  ])('the scopes %j are %j', async (scope, scopes) => {
    await using server = await startComposio()
    server.connect('user_1', 'gmail', {
      state: { authScheme: 'OAUTH2', val: { access_token: 'invented-token', scope } },
    })
    await using client = open(server)
    expect(await client.tokens('user_1', 'gmail')).toMatchObject([{ scopes, expires_at: null }])
  })

  test.each(['API_KEY', 'BASIC', 'BEARER_TOKEN', 'S2S_OAUTH2', 'SOMETHING'])(
    '%s is unsupported',
    async (authScheme) => {
      await using server = await startComposio()
      server.connect('user_1', 'gmail', { state: { authScheme, val: { access_token: 'invented-token' } } })
      await using client = open(server)
      expect((await failureOf(client.tokens('user_1', 'gmail'))).code).toBe('UNSUPPORTED_CREDENTIAL')
    },
  )

  test.each([
    ['the project masks', OAUTH1],
    ['the project masks', { authScheme: 'OAUTH2', val: { access_token: 'ya29.invented' } }],
  ])('a token that %s is never handed out', async (_, state) => {
    await using server = await startComposio()
    server.connect('user_1', 'gmail', { state })
    server.masked = true
    await using client = open(server)
    expect(await failureOf(client.tokens('user_1', 'gmail'))).toMatchObject({
      code: 'UPSTREAM_REJECTED',
      message: 'The platform masks the tokens of this account.',
    })
  })

  test.each(['REDACTED', '...', 'abcd...', '****'])('%s is no token', async (access_token) => {
    await using server = await startComposio()
    server.connect('user_1', 'gmail', { state: { authScheme: 'OAUTH2', val: { access_token } } })
    await using client = open(server)
    expect((await failureOf(client.tokens('user_1', 'gmail'))).code).toBe('UPSTREAM_REJECTED')
  })

  test('a masked ID token is none', async () => {
    await using server = await startComposio()
    const val = { access_token: 'invented-token', id_token: 'REDACTED' }
    server.connect('user_1', 'gmail', { state: { authScheme: 'OAUTH2', val } })
    await using client = open(server)
    expect(await client.tokens('user_1', 'gmail')).toMatchObject([{ id_token: null }])
  })
})

describe('many users', () => {
  const ids = Array.from({ length: 60 }, (_, n) => `user_${String(n)}`)
  const keys = ids.map((user_id) => ({ user_id, provider: 'gmail' }))

  test('50 in one call, every page of them', async () => {
    await using server = await startComposio()
    for (const id of ids) server.connect(id, 'gmail')
    await using client = open(server, { page_size: 20 })
    const answers = await client.batch(keys)
    expect(answers.map((each) => each.status === 'fulfilled' && each.value?.[0]?.external_account_id)).toEqual(
      server.held.map(({ id }) => id),
    )
    expect(server.calls).toHaveLength(3 + 1)
    for (const { query } of server.calls) expect(query.get('user_ids')?.split(',').length).toBeLessThanOrEqual(50)
  })

  test('asks for each user separately when items do not name their owner', async () => {
    await using server = await startComposio()
    for (const id of ids.slice(0, 3)) server.connect(id, 'gmail')
    server.showsUser = false
    await using client = open(server)
    const answers = await client.batch(keys.slice(0, 4))
    expect(
      answers.map((each) => each.status === 'fulfilled' && each.value?.map((token) => token.external_account_id)),
    ).toEqual([['ca_0'], ['ca_1'], ['ca_2'], []])
    expect(server.calls).toHaveLength(1 + 4)
  })

  test('a failure then belongs to one user', async () => {
    await using server = await startComposio()
    for (const id of ids.slice(0, 2)) server.connect(id, 'gmail')
    server.showsUser = false
    // The batch, then the first user.
    server.misbehave(() => 'proceed', { times: 1 })
    server.misbehave(answers(500, composioFailure(500)), { times: 1 })
    await using client = open(server, { retries: 0, concurrency: 1 })
    const outcomes = await client.batch(keys.slice(0, 2))
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  })

  test('drops an account of a user who was not asked for', async () => {
    await using server = await startComposio()
    const item = server.connect('user_9', 'gmail')
    server.misbehave(answers(200, { items: [item], next_cursor: null }))
    await using client = open(server)
    expect(await client.tokens('user_1', 'gmail')).toEqual([])
  })

  test("one user's malformed account fails that user only", async () => {
    await using server = await startComposio()
    server.connect('user_1', 'gmail', { toolkit: { slug: 5 as unknown as string } })
    const good = server.connect('user_2', 'gmail')
    server.misbehave(answers(200, { items: server.held, next_cursor: null }))
    await using client = open(server)
    expect(await client.batch(['user_1', 'user_2'].map((user_id) => ({ user_id, provider: 'gmail' })))).toMatchObject([
      { reason: { code: 'UPSTREAM_PROTOCOL_ERROR' } },
      { value: [{ external_account_id: good.id }] },
    ])
  })

  test('sends no request for an id or a toolkit with a comma', async () => {
    await using server = await startComposio()
    server.connect('user_2', 'gmail')
    await using client = open(server)
    expect(await client.batch([{ user_id: 'user_1,user_2', provider: 'gmail' }])).toMatchObject([
      { reason: { code: 'BAD_USER_INPUT' } },
    ])
    expect(await client.batch([{ user_id: 'user_2', provider: 'slack,gmail' }])).toMatchObject([{ value: [] }])
    expect(server.calls).toHaveLength(0)
    const [alone, beside] = await client.batch([
      { user_id: 'user_1,user_2', provider: 'gmail' },
      { user_id: 'user_2', provider: 'gmail' },
    ])
    expect(alone).toMatchObject({ reason: { code: 'BAD_USER_INPUT' } })
    expect(beside).toMatchObject({ value: [{ provider: 'gmail' }] })
  })

  test('rejects a cursor that repeats: no partial list', async () => {
    await using server = await startComposio()
    const item = server.connect('user_1', 'gmail')
    server.misbehave(answers(200, { items: [item], next_cursor: 'invented-cursor' }))
    await using client = open(server)
    expect((await failureOf(client.tokens('user_1', 'gmail'))).code).toBe('UPSTREAM_PROTOCOL_ERROR')
    expect(server.calls).toHaveLength(2)
  })
})

test.each([
  [400, 'UPSTREAM_REJECTED'],
  [401, 'UPSTREAM_REJECTED'],
  [403, 'UPSTREAM_REJECTED'],
  [429, 'UPSTREAM_RATE_LIMITED'],
  [500, 'UPSTREAM_UNAVAILABLE'],
])('%d is %s', async (status, code) => {
  await using server = await startComposio()
  server.misbehave(answers(status, composioFailure(status)))
  await using client = open(server, { retries: 0 })
  const error = await failureOf(client.tokens('user_1', 'gmail'))
  expect(error.extensions).toMatchObject({
    code,
    upstream_status: status,
    trace_id: 'invented-request',
  })
  // No list of slugs is published.
  expect(error.extensions).not.toHaveProperty('upstream_code')
  expect(everythingOf(error)).not.toMatch(/invented-upstream-text|127\.0\.0\.1/)
})
