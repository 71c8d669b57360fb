/** What adapters and migrations leave in the table, beside what better-auth's own adapter writes. */
import { expect, test } from 'vitest'
import type { ExternalAccount, OAuthAccessToken } from '../../src/tokens/types.ts'
import type { Many } from '../../src/upstreams/platform.ts'
import { shown } from '../upstreams/support.ts'
import { accountTable, createAppFile, openBetterAuth } from './open.ts'
import { call } from '../kit/call.ts'
import { failureOf } from '../kit/errors.ts'
import type { AppFile } from './open.ts'

async function readRows(app: AppFile, provider = 'github') {
  await using opened = openBetterAuth({ database: { sqlite: app.path } })
  return await opened.read('user_1', provider)
}

const seconds = 1_893_456_000

test.each([
  ['2030-01-01T00:00:00.000Z', seconds],
  ['2030-01-01T00:00:00Z', seconds],
  ['2030-01-01T01:00:00+01:00', seconds],
  ['2030-01-01 00:00:00', seconds],
  ['2030-01-01 00:00:00.500', seconds],
  [seconds, seconds],
  [seconds * 1000, seconds],
  [seconds * 1000 + 999, seconds],
  [String(seconds), seconds],
  [null, null],
  ['', null],
  [0, null],
])('the expiry %j is %j', async (stored, expected) => {
  using app = createAppFile()
  app.add({ accessToken: 'invented-token', accessTokenExpiresAt: stored })
  expect(await readRows(app)).toMatchObject([{ expires_at: expected }])
})

test('an expiry that is no time is an error, and not a token that never expires', async () => {
  using app = createAppFile()
  app.add({ accessToken: 'invented-token', accessTokenExpiresAt: 'tomorrow' })
  expect(await readRows(app)).toMatchObject({ code: 'UPSTREAM_PROTOCOL_ERROR' })
})

test.each([
  ['repo,read:user', ['repo', 'read:user']],
  ['repo read:user', ['repo', 'read:user']],
  ['repo, read:user,', ['repo', 'read:user']],
  ['', null],
  [null, null],
])('the scopes %j are %j', async (scope, expected) => {
  using app = createAppFile()
  app.add({ accessToken: 'invented-token', scope })
  expect(await readRows(app)).toMatchObject([{ scopes: expected }])
})

test.each([
  ['no token at all', {}, 'REAUTHORIZATION_REQUIRED'],
  ['an empty token', { accessToken: '', refreshToken: 'invented-refresh-token' }, 'REAUTHORIZATION_REQUIRED'],
  ['only an ID token', { idToken: 'invented-id-token' }, 'UNSUPPORTED_CREDENTIAL'],
])('%s is %s', async (_, row, code) => {
  using app = createAppFile()
  app.add(row)
  expect(await readRows(app)).toMatchObject({ code })
})

test('an account without a token hides no account with one', async () => {
  using app = createAppFile()
  app.add({ accessToken: null })
  app.add({ accessToken: 'invented-token', id: 'good' })
  const rows = (await readRows(app)) as readonly OAuthAccessToken[]
  expect(rows.map(shown)).toMatchObject([{ external_account_id: 'good', token: 'invented-token' }])
})

test('the password of a user is no account', async () => {
  using app = createAppFile()
  app.add({ providerId: 'credential', accessToken: 'invented-token' })
  expect(await readRows(app, 'credential')).toEqual([])
  await using opened = openBetterAuth({ database: { sqlite: app.path } })
  const accounts = opened.upstream.accounts as Many<string, readonly ExternalAccount[]>
  expect((await accounts.many(['user_1'], call())).get('user_1')).toEqual([])
})

test('the table and its columns may have other names', async () => {
  const table = `CREATE TABLE linked_accounts (id integer PRIMARY KEY, provider_user text, provider text, owner integer,
    token text, refresh text, id_token text, expires integer, granted text, made integer, changed integer)`
  using app = createAppFile(table)
  app.database.exec(
    `INSERT INTO linked_accounts VALUES (7, 'gh-1', 'github', 42, 'invented-token', NULL, NULL, ${String(seconds)}, 'repo', 1767225600, 1767225601)`,
  )
  const columns = {
    account_id: 'provider_user',
    provider_id: 'provider',
    user_id: 'owner',
    access_token: 'token',
    refresh_token: 'refresh',
    id_token: 'id_token',
    access_token_expires_at: 'expires',
    scope: 'granted',
    created_at: 'made',
    updated_at: 'changed',
  }
  const database = { sqlite: app.path }
  await using opened = openBetterAuth({ database, table: 'linked_accounts', schema: 'main', columns })
  expect(await opened.read('42', 'github')).toMatchObject([
    { external_account_id: '7', provider_user_id: 'gh-1', expires_at: seconds, scopes: ['repo'] },
  ])
  // Equal as numbers, and still another id.
  expect(await opened.read('042', 'github')).toEqual([])
  const accounts = opened.upstream.accounts as Many<string, readonly ExternalAccount[]>
  expect((await accounts.many(['42'], call())).get('42')).toMatchObject([
    { id: '7', provider: 'github', created_at: 1_767_225_600, updated_at: 1_767_225_601, needs_reauthorization: false },
  ])
})

test.each([
  ['no access token', { accessToken: null, refreshToken: 'r' }, true],
  ['expired, without a refresh token', { accessToken: 't', accessTokenExpiresAt: 1_000_000_000 }, true],
  [
    'expired, with a refresh token',
    { accessToken: 't', accessTokenExpiresAt: 1_000_000_000, refreshToken: 'r' },
    false,
  ],
  ['current', { accessToken: 't', accessTokenExpiresAt: 4_000_000_000 }, false],
])('%s: needs_reauthorization', async (_, row, expected) => {
  using app = createAppFile()
  app.add(row)
  await using opened = openBetterAuth({ database: { sqlite: app.path } })
  const accounts = opened.upstream.accounts as Many<string, readonly ExternalAccount[]>
  const found = await accounts.many(['user_1'], call())
  expect(found.get('user_1')).toMatchObject([{ needs_reauthorization: expected }])
})

test('names out of the database cannot leave their quotes', async () => {
  using app = createAppFile()
  app.add({ accessToken: 'invented-token', userId: `'; DROP TABLE account; --` })
  await using opened = openBetterAuth({ database: { sqlite: app.path } })
  expect(await opened.read(`'; DROP TABLE account; --`, 'github')).toHaveLength(1)
  expect(() => openBetterAuth({ database: { sqlite: app.path }, table: 'account"; DROP TABLE account; --' })).toThrow(
    /expected 1 to 63 letters/,
  )
})

test('a lock that stays is an error that may pass', async () => {
  using app = createAppFile()
  app.add({ accessToken: 'invented-token' })
  await using opened = openBetterAuth({ database: { sqlite: app.path } })
  app.database.exec('BEGIN EXCLUSIVE')
  expect(await failureOf(opened.read('user_1', 'github'))).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' })
  app.database.exec('COMMIT')
  expect(await opened.read('user_1', 'github')).toHaveLength(1)
  expect(opened.events.map(({ outcome }) => outcome)).toEqual(['error', 'ok'])
})

test('a column that goes away is an error for the operator', async () => {
  using app = createAppFile()
  await using opened = openBetterAuth({ database: { sqlite: app.path } })
  app.database.exec('ALTER TABLE account RENAME COLUMN accessToken TO token')
  expect(await failureOf(opened.read('user_1', 'github'))).toMatchObject({ code: 'UPSTREAM_REJECTED' })
})

test.each([
  ['no such file', undefined, /cannot be opened/],
  ['no such table', 'CREATE TABLE other (id text)', /no such table: account/],
  ['no such column', accountTable.replace('idToken text, ', ''), /no such column: account.idToken/],
])('%s keeps the server from starting', (_, table, message) => {
  using app = createAppFile(table)
  const sqlite = table === undefined ? `${app.path}.missing` : app.path
  expect(() => openBetterAuth({ database: { sqlite } })).toThrow(message)
})
