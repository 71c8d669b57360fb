import { describe, expect, test } from 'vitest'
import { nango } from '../../src/upstreams/nango/index.ts'
import { answers } from '../servers/misbehaviour.ts'
import { startNango } from '../servers/nango.ts'
import type { NangoServer } from '../servers/nango.ts'
import { openPlatform } from './open-platform.ts'
import { failureOf } from '../kit/errors.ts'
import { shown } from './support.ts'

const open = (server: NangoServer, given: object = {}) =>
  openPlatform(nango, { secret_key: server.secret_key, base_url: server.url, ...given })
const reads = (server: NangoServer) => server.calls.filter(({ path }) => path !== '/connections')

test('the requests are the documented ones: find the connections, then read each', async () => {
  await using server = await startNango()
  server.connect('user_1', 'github-prod', { connection_id: 'c:1' })
  await using client = open(server)
  await client.tokens('user_1', 'oauth_github-prod')
  expect(server.calls.map(({ path, query }) => `${path}?${decodeURIComponent(query.toString())}`)).toEqual([
    '/connections?tags[end_user_id]=user_1&limit=500&page=0',
    '/connections/c%3A1?provider_config_key=github-prod',
  ])
  expect(server.calls[1]?.headers.authorization).toBe(`Bearer ${server.secret_key}`)
})

test('three providers of a user are one lookup', async () => {
  await using server = await startNango()
  server.connect('user_1', 'google')
  server.connect('user_1', 'github')
  await using client = open(server)
  const keys = ['google', 'github', 'slack'].map((provider) => ({ user_id: 'user_1', provider }))
  expect(await client.batch(keys)).toMatchObject([{ value: [{}] }, { value: [{}] }, { value: [] }])
  expect(server.calls).toHaveLength(3)
})

describe('only connections of the user', () => {
  test('even where the filter of the platform returns others', async () => {
    await using server = await startNango()
    const theirs = { ...server.connect('user_2', 'github'), created: '2026-01-01T00:00:00Z' }
    const untagged = { ...theirs, tags: {}, end_user: null }
    server.misbehave(answers(200, { connections: [theirs, untagged] }), { path: /connections$/ })
    await using client = open(server)
    expect(await client.tokens('user_1', 'github')).toEqual([])
    expect(await client.accounts('user_1')).toEqual([])
    expect(reads(server)).toEqual([])
  })

  test('a tag of another name, and the older end_user object', async () => {
    await using server = await startNango()
    server.connect('user_1', 'github', { tags: { customer: 'acme' }, connection_id: 'tagged' })
    const older = { ...server.connect('user_1', 'slack', { tags: {} }), end_user: { id: 'user_1' } }
    await using tagged = open(server, { user_tag: 'customer' })
    expect(await tagged.accounts('acme')).toMatchObject([{ id: 'tagged' }])
    server.misbehave(answers(200, { connections: [older] }), { path: /connections$/ })
    await using client = open(server)
    expect(await client.accounts('user_1')).toMatchObject([{ provider: 'slack' }])
  })
})

test('every field of OAuth 2.0', async () => {
  await using server = await startNango()
  server.connect('user_1', 'github', {
    connection_id: 'c-1',
    metadata: { plan: 'pro' },
    end_user: { id: 'user_1', email: 'ada@example.invalid', display_name: null },
    credentials: {
      type: 'OAUTH2',
      access_token: 'invented-token',
      refresh_token: 'invented-refresh-token',
      expires_at: '2026-01-01T00:00:00.999Z',
      config_override: { client_id: 'invented', client_secret: 'invented-client-secret' },
      raw: { scope: 'repo,gist', id_token: 'invented-id-token', refresh_token: 'invented-refresh-token' },
    },
  })
  await using client = open(server)
  expect((await client.tokens('user_1', 'github'))?.map(shown)).toEqual([
    {
      external_account_id: 'c-1',
      provider_user_id: '',
      token: 'invented-token',
      expires_at: 1_767_225_600,
      provider: 'github',
      public_metadata: { plan: 'pro' },
      label: 'ada@example.invalid',
      scopes: ['repo', 'gist'],
      token_secret: null,
      id_token: 'invented-id-token',
    },
  ])
})

test.each([
  ['nothing', undefined, null],
  ['an empty string', { scope: '' }, []],
  ['a list', { scope: ['a', 'b'] }, ['a', 'b']],
  ['a number', { scope: 7 }, null],
  ['null', null, null],
])('raw scope: %s', async (_, raw, scopes) => {
  await using server = await startNango()
  server.connect('user_1', 'github', { credentials: { type: 'APP', access_token: 'invented-token', raw } })
  await using client = open(server)
  expect(await client.tokens('user_1', 'github')).toMatchObject([{ scopes, expires_at: null, id_token: null }])
})

test('OAuth 1.0: a token secret, no scopes', async () => {
  await using server = await startNango()
  const credentials = { type: 'OAUTH1', oauth_token: 'invented-1', oauth_token_secret: 'invented-2', raw: {} }
  server.connect('user_1', 'x', { credentials })
  await using client = open(server)
  const [token] = (await client.tokens('user_1', 'x')) ?? []
  expect(shown(token!)).toMatchObject({
    token: 'invented-1',
    token_secret: 'invented-2',
    scopes: null,
    expires_at: null,
  })
})

describe('several accounts', () => {
  test('a dead one hides no live one', async () => {
    await using server = await startNango()
    server.connect('user_1', 'github', { errors: [{ type: 'auth', log_id: 'l' }] })
    server.connect('user_1', 'github', { credentials: { type: 'API_KEY', apiKey: 'invented' } })
    server.connect('user_1', 'github', { connection_id: 'live', errors: [{ type: 'sync', log_id: 'l' }] })
    await using client = open(server)
    expect(await client.tokens('user_1', 'github')).toMatchObject([{ external_account_id: 'live' }])
    expect(await client.accounts('user_1')).toMatchObject([
      { needs_reauthorization: true },
      { needs_reauthorization: false },
      { needs_reauthorization: false },
    ])
  })

  test('a failure that may pass fails the key: half a list would look like the whole', async () => {
    await using server = await startNango()
    server.connect('user_1', 'github')
    server.connect('user_1', 'github', { connection_id: 'out' })
    server.misbehave(answers(500, ''), { path: /\/out$/ })
    await using client = open(server)
    expect((await failureOf(client.tokens('user_1', 'github'))).code).toBe('UPSTREAM_UNAVAILABLE')
  })

  test('more than a page of them', async () => {
    await using server = await startNango()
    for (let n = 0; n < 501; n++) server.connect('user_1', n === 500 ? 'slack' : 'google')
    await using client = open(server)
    expect(await client.tokens('user_1', 'slack')).toMatchObject([{ external_account_id: 'connection-500' }])
    expect(server.calls.map(({ query }) => query.get('page'))).toEqual(['0', '1', null])
  })
})

test('accounts: every field', async () => {
  await using server = await startNango()
  server.connect('user_1', 'github', {
    tags: { end_user_id: 'user_1', end_user_display_name: 'Ada' },
    metadata: { a: 1 },
  })
  await using client = open(server)
  expect(await client.accounts('user_1')).toEqual([
    {
      id: 'connection-0',
      provider: 'github',
      provider_user_id: '',
      email_address: null,
      username: null,
      first_name: null,
      last_name: null,
      image_url: null,
      label: 'Ada',
      approved_scopes: null,
      public_metadata: { a: 1 },
      created_at: 1_767_225_600,
      updated_at: null,
      needs_reauthorization: false,
    },
  ])
  expect(server.sent.join()).not.toContain('invented-token')
})
