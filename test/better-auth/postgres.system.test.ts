/** PostgreSQL as it fails, and as adapters other than better-auth's own lay out the table. */
import { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TokenKey } from '../../src/tokens/types.ts'
import type { Many } from '../../src/upstreams/platform.ts'
import { startPostgres } from '../servers/postgres.ts'
import type { PostgresServer } from '../servers/postgres.ts'
import { call } from '../kit/call.ts'
import { everythingOf, failureOf } from '../kit/errors.ts'
import { accountTable, openBetterAuth } from './open.ts'

let postgres: PostgresServer
beforeAll(async () => {
  postgres = await startPostgres()
  await postgres.run('postgres', `CREATE ROLE invented_reader LOGIN PASSWORD 'invented-reader-password'`)
})
afterAll(() => postgres[Symbol.asyncDispose]())

const portable = accountTable.replaceAll(/("?)\b(\w*[a-z][A-Z]\w*)\b/g, '"$2"').replaceAll(' date', ' timestamptz')
let created = 0

/** A database with the table and one account of `user_1`. */
async function createDatabase(table = portable, user_id = 'user_1') {
  const name = `case_${String(created++)}`
  await postgres.createDatabase(name)
  await postgres.run(name, table)
  await postgres.run(
    name,
    `INSERT INTO account (id, "accountId", "providerId", "userId", "accessToken", "accessTokenExpiresAt", "createdAt", "updatedAt")
     VALUES ('row-1', 'gh-1', 'github', '${user_id}', 'invented-token', '2030-01-01T00:00:00Z', now(), now());
     GRANT SELECT ON account TO invented_reader`,
  )
  const reader = postgres.url(name, 'invented_reader', 'invented-reader-password')
  const run = (sql: string) => postgres.run(name, sql)
  return {
    name,
    reader,
    run,
    open: (given: object = {}) => openBetterAuth({ database: { postgres: reader }, ...given }),
  }
}

/** Takes the table for itself until it is disposed of. */
async function lockTable(name: string) {
  const client = new Client({ connectionString: postgres.url(name) })
  await client.connect()
  await client.query('BEGIN; LOCK TABLE account IN ACCESS EXCLUSIVE MODE')
  return { [Symbol.asyncDispose]: () => client.end() }
}

const active = `SELECT count(*)::int AS count FROM pg_stat_activity
  WHERE usename = 'invented_reader' AND query LIKE 'SELECT%' AND state = 'active'`

test('needs a role that may read one table and no more', async () => {
  const app = await createDatabase()
  await using opened = app.open()
  expect(await opened.read('user_1', 'github')).toMatchObject([
    { external_account_id: 'row-1', expires_at: 1_893_456_000 },
  ])
})

test('every transaction is read-only', async () => {
  const app = await createDatabase()
  // A view that would write when it is read.
  await app.run(`ALTER TABLE account RENAME TO stored;
    CREATE TABLE reads (at timestamptz);
    CREATE FUNCTION note() RETURNS boolean LANGUAGE plpgsql AS 'BEGIN INSERT INTO reads VALUES (now()); RETURN true; END';
    CREATE VIEW account AS SELECT * FROM stored WHERE note();
    GRANT SELECT ON account, stored TO invented_reader; GRANT INSERT ON reads TO invented_reader`)
  await using opened = app.open()
  expect(await failureOf(opened.read('user_1', 'github'))).toMatchObject({
    code: 'UPSTREAM_UNAVAILABLE',
    extensions: { upstream_code: '25006' },
  })
})

test.each([
  ['uuid', '5f3c0e1a-6f0e-4f0e-8f0e-0123456789ab', 'user_1'],
  ['integer', '42', '042'],
] as const)('user ids of type %s: one that cannot be stored fails no other', async (type, good, bad) => {
  const table = portable.replace('"userId" text', `"userId" ${type}`)
  const app = await createDatabase(table, good)
  await using opened = app.open({ user_id_type: type })
  const keys = [bad, good, `${good}' OR true --`, good.toUpperCase()].map((user_id) => ({
    userId: user_id,
    provider: 'github',
    credential: null,
    minValiditySeconds: 0,
  }))
  const found = await opened.readAll(keys)
  const tokens = opened.upstream.tokens as Many<TokenKey, unknown>
  expect(keys.map((key) => (found.get(tokens.id(key)) as unknown[]).length)).toEqual([
    0,
    1,
    0,
    good.toUpperCase() === good ? 1 : 0,
  ])
  // The column is not the text that the default expects.
  await using mistaken = app.open()
  expect(await failureOf(mistaken.read(good, 'github'))).toMatchObject({
    code: 'UPSTREAM_REJECTED',
    extensions: { upstream_code: '42883' },
  })
})

test('timestamps without a time zone are UTC, whatever the zone of the database', async () => {
  const app = await createDatabase(portable.replaceAll('timestamptz', 'timestamp'))
  await app.run(`ALTER ROLE invented_reader SET timezone = 'America/New_York'`)
  await using opened = app.open()
  expect(await opened.read('user_1', 'github')).toMatchObject([{ expires_at: 1_893_456_000 }])
})

test('the table may be in another schema', async () => {
  const app = await createDatabase()
  await app.run(`CREATE SCHEMA identity; ALTER TABLE account SET SCHEMA identity;
    GRANT USAGE ON SCHEMA identity TO invented_reader`)
  await using opened = app.open({ schema: 'identity' })
  expect(await opened.read('user_1', 'github')).toHaveLength(1)
})

interface Mistake {
  readonly password?: string
  readonly database?: string
  readonly options?: object
  readonly sql?: string
}

test.each<[string, Mistake, string]>([
  ['a wrong password', { password: 'invented-wrong-password' }, '28P01'],
  ['no such database', { database: 'invented_absent' }, '3D000'],
  ['no such table', { options: { table: 'invented_absent' } }, '42P01'],
  ['no such column', { options: { columns: { scope: 'invented_absent' } } }, '42703'],
  ['no permission', { sql: 'REVOKE SELECT ON account FROM invented_reader' }, '42501'],
])('%s is for the operator to correct, and shows nothing', async (_, mistake, upstream_code) => {
  const app = await createDatabase()
  const { password = 'invented-reader-password', database = app.name, options = {}, sql } = mistake
  if (sql !== undefined) await app.run(sql)
  const url = postgres.url(database, 'invented_reader', password)
  await using opened = openBetterAuth({ database: { postgres: url }, ...options })
  const error = await failureOf(opened.read('user_1', 'github'))
  expect(error).toMatchObject({ code: 'UPSTREAM_REJECTED', extensions: { upstream: 'app', upstream_code } })
  expect(everythingOf(error)).not.toMatch(/invented|127\.0\.0\.1/)
})

test('cancels a statement that waits too long, here and at the database', async () => {
  const app = await createDatabase()
  await using opened = app.open({ timeout_ms: 300 })
  await using _lock = await lockTable(app.name)
  expect(await failureOf(opened.read('user_1', 'github'))).toMatchObject({ code: 'UPSTREAM_TIMEOUT' })
  await expect.poll(() => app.run(active), { timeout: 10_000 }).toEqual([{ count: 0 }])
})

test('closes the connection of a caller who leaves; the next caller gets another', async () => {
  const app = await createDatabase()
  await using opened = app.open({ concurrency: 1 })
  const controller = new AbortController()
  const tokens = opened.upstream.tokens as Many<TokenKey, unknown>
  const lock = await lockTable(app.name)
  const read = tokens.many(
    [{ userId: 'user_1', provider: 'github', credential: null, minValiditySeconds: 0 }],
    call(controller.signal),
  )
  await expect.poll(() => app.run(active), { timeout: 10_000 }).toEqual([{ count: 1 }])
  controller.abort(new Error('gone'))
  await expect(read).rejects.toThrow('gone')
  const next = opened.read('user_1', 'github')
  // The abandoned statement still waits at the database: the next one does not wait behind it.
  await expect.poll(() => app.run(active), { timeout: 10_000 }).toEqual([{ count: 2 }])
  await lock[Symbol.asyncDispose]()
  expect(await next).toHaveLength(1)
  expect(opened.events.map(({ outcome }) => outcome)).toEqual(['aborted', 'ok'])
})

// Vitest fails where an error that nobody listens to would end the process.
test('a connection that the database ends while it is used is an outage of one read', async () => {
  const app = await createDatabase()
  await using opened = app.open()
  const lock = await lockTable(app.name)
  const reading = failureOf(opened.read('user_1', 'github'))
  await expect.poll(() => app.run(active), { timeout: 10_000 }).toEqual([{ count: 1 }])
  await app.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'invented_reader'")
  expect(await reading).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' })
  await lock[Symbol.asyncDispose]()
  expect(await opened.read('user_1', 'github')).toHaveLength(1)
})

test('opens no more connections than allowed, for any number of reads', async () => {
  const app = await createDatabase()
  await using opened = app.open({ concurrency: 2 })
  const lock = await lockTable(app.name)
  const reads = Promise.all(Array.from({ length: 8 }, () => opened.read('user_1', 'github')))
  await expect.poll(() => app.run(active), { timeout: 10_000 }).toEqual([{ count: 2 }])
  await lock[Symbol.asyncDispose]()
  expect((await reads).map((rows) => (rows as unknown[]).length)).toEqual(Array(8).fill(1))
  const open = `SELECT count(*)::int AS count FROM pg_stat_activity WHERE usename = 'invented_reader' AND datname = '${app.name}'`
  expect(await app.run(open)).toEqual([{ count: 2 }])
})

test('a database that goes away is an outage, and is used again when it is back', async () => {
  const app = await createDatabase()
  await using opened = app.open()
  expect(await opened.read('user_1', 'github')).toHaveLength(1)
  await postgres.stop()
  const error = await failureOf(opened.read('user_1', 'github'))
  expect(error).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', extensions: { retryable: true } })
  expect(everythingOf(error)).not.toMatch(/invented|127\.0\.0\.1/)
  await postgres.start()
  expect(await opened.read('user_1', 'github')).toHaveLength(1)
})
