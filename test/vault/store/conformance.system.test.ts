/** What both stores hold to: the same suite on SQLite and on PostgreSQL (docs/promises.md R3, R4, R14, S12). */
import { randomUUID } from 'node:crypto'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { reveal, secret } from '../../../src/lib/secret.ts'
import { createLeases } from '../../../src/upstreams/vault/refresh/leases.ts'
import { createReader } from '../../../src/upstreams/vault/store/read.ts'
import type { ReadRow } from '../../../src/upstreams/vault/store/read.ts'
import { removeAccounts } from '../../../src/upstreams/vault/disconnect/outbox.ts'
import { iterateAccounts } from '../../../src/upstreams/vault/store/manage.ts'
import { accountRecord } from '../../../src/upstreams/vault/store/record.ts'
import { rotateKeys } from '../../../src/upstreams/vault/store/rotate.ts'
import { openSecrets, sealSecrets } from '../../../src/upstreams/vault/store/rows.ts'
import { openStore } from '../../../src/upstreams/vault/store/store.ts'
import type { Store } from '../../../src/upstreams/vault/store/store.ts'
import { writeAccounts } from '../../../src/upstreams/vault/store/write.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { PostgresServer } from '../../servers/postgres.ts'
import { newPostgres, newRing, newSqlite, parse, ring } from './stores.ts'

let postgres: PostgresServer
beforeAll(async () => {
  postgres = await startPostgres()
}, 60_000)
afterAll(() => postgres[Symbol.asyncDispose]())

const LEASE_MS = 20_000
const unbounded = { deadline: () => Infinity }

function account(n: number, more: Readonly<Record<string, unknown>> = {}) {
  const name = String(n)
  return accountRecord.parse({
    ...{ user_id: `user_${name}`, provider: 'google', external_account_id: 'a1', token: `invented-at-${name}` },
    ...{ refresh_token: `invented-rt-${name}`, expires_at: 1_700_000_000, ...more },
  })
}

const accounts = (count: number) => Array.from({ length: count }, (_, n) => account(n))

async function open(options: Readonly<Record<string, unknown>>): Promise<Store> {
  const store = await openStore(parse(options))
  onTestFinished(() => store.close())
  return store
}

async function rowOf(store: Store, userId = 'user_0'): Promise<ReadRow> {
  const reader = createReader(store.sql, () => undefined)
  const key = { userId, provider: 'google', credential: null, minValiditySeconds: 0 }
  const call = { signal: new AbortController().signal, viewer: null, ...unbounded }
  const { rows } = await reader.grants([key], call)
  const row = rows[0]?.[0]
  if (row === undefined) throw new Error('there is no such row')
  return row
}

async function collect<T>(rows: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = []
  for await (const row of rows) found.push(row)
  return found
}

/** New tokens for a row, as a refresh writes them. */
function freshFor(row: ReadRow, { keyring }: Store, name: string, source = 'digest') {
  const secrets = { token: secret(`invented-at-${name}`), refresh_token: secret(`invented-rt-${name}`) }
  return {
    ...{ expires_at: 2_000_000_000, scopes: null, issued_at_ms: row.now_ms, lifetime_seconds: 3600 },
    ...{ refresh_expires_at: null, source_digest: source, source_started_ms: row.now_ms },
    ...sealSecrets(secrets, { ...row, generation: row.generation + 1 }, keyring),
  }
}

const kinds = [
  ['SQLite', newSqlite],
  ['PostgreSQL', newPostgres(() => postgres)],
  ['PostgreSQL with one connection', (more = {}) => newPostgres(() => postgres)({ connections: 1, ...more })],
] as const satisfies readonly (readonly [string, typeof newSqlite])[]

describe.each(kinds)('%s', (kind, newVault) => {
  test('two processes open a new vault at once, and a third finds what they wrote', async () => {
    const options = await newVault()
    const [first, second] = await Promise.all([open(options), open(options)])
    expect(await writeAccounts(first, accounts(3))).toEqual({ added: 3, changed: 0, unchanged: 0 })
    expect(await writeAccounts(second, accounts(4))).toEqual({ added: 1, changed: 0, unchanged: 3 })
    expect(reveal(openSecrets(await rowOf(await open(options), 'user_3'), first.keyring).token)).toBe('invented-at-3')
  })

  test('an import writes all or nothing', async () => {
    const store = await open(await newVault())
    await writeAccounts(store, accounts(1))
    const bad = { ...account(2), expires_at: 1e21 }
    await expect(writeAccounts(store, [account(1), bad])).rejects.toThrow()
    const listed = await collect(iterateAccounts(store, { userId: null, provider: null, externalAccountId: null }))
    expect(listed.map(({ user_id }) => user_id)).toEqual(['user_0'])
  })

  test('lists more than a page, in the order of bytes, and removes what is named', async () => {
    const store = await open(await newVault())
    const names = ['a', 'B', 'Z', 'ä', ...Array.from({ length: 1100 }, (_, n) => `n${String(n).padStart(5, '0')}`)]
    await writeAccounts(
      store,
      names.map((user_id, n) => account(n, { user_id })),
    )
    const all = { userId: null, provider: null, externalAccountId: null }
    const listed = await collect(iterateAccounts(store, all))
    const byBytes = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    expect(listed.map(({ user_id }) => user_id)).toEqual(byBytes)
    expect(await removeAccounts(store, { ...all, userId: 'Z', provider: 'google' })).toHaveLength(1)
    expect(await removeAccounts(store, { ...all, userId: 'Z' })).toEqual([])
  })

  test('of sixteen racers one gets the lease; others can neither release nor begin', async () => {
    const store = await open(await newVault())
    await writeAccounts(store, accounts(1))
    const row = await rowOf(store)
    const leases = createLeases(store.sql, store.keyring)
    const owners = Array.from({ length: 16 }, () => randomUUID())
    const claims = await Promise.all(owners.map((owner) => leases.claim(row, owner, LEASE_MS)))
    expect(claims.filter((claim) => claim !== null)).toHaveLength(1)
    const winner = owners[claims.findIndex((claim) => claim !== null)] ?? ''
    const ending = {
      state: 'ACTIVE',
      reason: null,
      failure: null,
      clearsAttempt: true,
      nextAttemptMs: null,
      dueMs: null,
    } as const
    expect(await leases.release(row, randomUUID(), ending)).toBe(false)
    expect(await leases.begin(row, randomUUID(), 'digest', 0)).toBeNull()
    expect(await leases.begin(row, winner, 'digest', LEASE_MS + 1000)).toBeNull()
    expect(await leases.begin(row, winner, 'digest', 1000)).toBeGreaterThan(1_700_000_000_000)
    expect(await leases.release(row, winner, ending)).toBe(true)
    expect(await leases.claim(row, randomUUID(), LEASE_MS)).not.toBeNull()
  })

  test('a lease ends by the clock of the database, and the time of the first attempt is kept', async () => {
    const store = await open(await newVault())
    await writeAccounts(store, accounts(1))
    const row = await rowOf(store)
    const leases = createLeases(store.sql, store.keyring)
    expect(await leases.claim(row, 'dead', 30)).not.toBeNull()
    const started = await leases.begin(row, 'dead', 'digest', 0)
    await expect.poll(() => leases.claim(row, 'next', LEASE_MS)).not.toBeNull()
    expect((await rowOf(store)).attempt_started_ms).toBe(started)
    expect(await leases.begin(row, 'dead', 'digest', 0)).toBeNull()
    await leases.begin(row, 'next', 'digest', 0)
    expect((await rowOf(store)).attempt_started_ms).toBe(started)
    await leases.begin(row, 'next', 'another digest', 0)
    expect((await rowOf(store)).attempt_started_ms).toBeGreaterThanOrEqual(started ?? Infinity)
  })

  test('the use of many rows is one statement, which brings a refresh forward and never puts it off', async () => {
    const store = await open(await newVault())
    await writeAccounts(store, accounts(4))
    const { table, nowMs } = store.sql.dialect
    const all = () =>
      store.sql.run<{ row_id: string; due: number | null; used: number | null; now: number }>(
        `SELECT row_id, refresh_due_ms AS due, last_used_ms AS used, ${nowMs} AS now FROM ${table('accounts')} ORDER BY user_id`,
      )
    const [first, second, third, fourth] = await all()
    if (!first || !second || !third || !fourth) throw new Error('rows are missing')
    await store.sql.run(`UPDATE ${table('accounts')} SET refresh_due_ms = 1000 WHERE row_id = $1`, [second.row_id])
    await createLeases(store.sql, store.keyring).touch([
      { rowId: first.row_id, dueMs: 60_000.5 },
      { rowId: second.row_id, dueMs: 60_000 },
      { rowId: third.row_id, dueMs: null },
    ])
    const [one, two, three, four] = await all()
    expect(Math.abs((one?.due ?? 0) - (one?.now ?? 0) - 60_000)).toBeLessThan(30_000)
    expect([two?.due, three?.due, four?.due]).toEqual([1000, third.due, fourth.due])
    expect([one, two, three].every((row) => (row?.used ?? 0) > 1_700_000_000_000)).toBe(true)
    expect(four?.used).toBeNull()
  })

  test('a commit is fenced by the generation, and tokens of an earlier one do not open', async () => {
    const store = await open(await newVault())
    await writeAccounts(store, accounts(1))
    const before = await rowOf(store)
    const leases = createLeases(store.sql, store.keyring)
    expect(await leases.commit(before, freshFor(before, store, 'new'), 60_000)).toBe(true)
    expect(await leases.commit(before, freshFor(before, store, 'stale'), 60_000)).toBe(false)
    const after = await rowOf(store)
    expect(after.generation).toBe(before.generation + 1)
    expect(reveal(openSecrets(after, store.keyring).token)).toBe('invented-at-new')
    const rolledBack = { ...after, token: before.token, wrapped_key: before.wrapped_key }
    expect(() => openSecrets(rolledBack, store.keyring)).toThrow('could not be decrypted')
    // Writers of other columns do not move it.
    await leases.touch([{ rowId: after.row_id, dueMs: 5 }])
    expect((await rowOf(store)).generation).toBe(after.generation)
  })

  test('eight workers claim two hundred due rows, none of them twice, of the client that is asked for', async () => {
    const store = await open(await newVault())
    await writeAccounts(store, [
      ...accounts(200),
      account(0, { provider: 'github' }),
      account(1, { client: 'other', external_account_id: 'a2' }),
    ])
    const name = store.sql.dialect.table('accounts')
    await store.sql.run(`UPDATE ${name} SET refresh_due_ms = 1`)
    const leases = createLeases(store.sql, store.keyring)
    const claimed: string[] = []
    const work = async (): Promise<void> => {
      for (;;) {
        const rows = await leases.claimDue('oauth_google', '', 7, randomUUID(), LEASE_MS)
        if (rows.length === 0) return
        claimed.push(...rows.map(({ row_id }) => row_id))
      }
    }
    await Promise.all(Array.from({ length: 8 }, work))
    expect(claimed).toHaveLength(200)
    expect(new Set(claimed).size).toBe(200)
    expect(await leases.claimDue('oauth_google', 'other', 7, randomUUID(), LEASE_MS)).toHaveLength(1)
  })

  test('keys rotate while rows are refreshed: nothing is lost', async () => {
    const options = await newVault()
    const store = await open(options)
    await writeAccounts(store, accounts(120))
    const rotating = await open({ ...options, keys: [newRing, ring] })
    const refreshing = await open({ ...options, keys: [ring, newRing] })
    const leases = createLeases(refreshing.sql, refreshing.keyring)
    const refreshAll = async (round: number): Promise<void> => {
      for (let n = 0; n < 120; n += 3) {
        const row = await rowOf(refreshing, `user_${String(n)}`)
        await leases.commit(row, freshFor(row, refreshing, `${String(n)}-${String(round)}`), null)
      }
    }
    await Promise.all([rotateKeys(rotating), refreshAll(1)])
    await rotateKeys(rotating)
    for (let n = 0; n < 120; n++) {
      const { token } = openSecrets(await rowOf(rotating, `user_${String(n)}`), rotating.keyring)
      expect(reveal(token)).toBe(n % 3 === 0 ? `invented-at-${String(n)}-1` : `invented-at-${String(n)}`)
    }
    const [left] = await rotating.sql.run<{ rows: number }>(
      `SELECT count(*) AS rows FROM ${rotating.sql.dialect.table('accounts')} WHERE key_id = 'k1'`,
    )
    expect(left?.rows).toBe(0)
  })

  test('a wrong secret, a missing key and a newer vault are refused with words', async () => {
    const options = await newVault()
    const store = await open(options)
    await writeAccounts(store, accounts(2))
    await expect(openStore(parse({ ...options, keys: [{ id: 'k1', secret: newRing.secret }] }))).rejects.toThrow(
      'the secret of key k1 is not the one that this vault was written with',
    )
    await expect(openStore(parse({ ...options, keys: [newRing] }))).rejects.toThrow('2 accounts need key k1')
    await store.sql.run(
      kind === 'SQLite' ? 'PRAGMA user_version = 7' : 'UPDATE tokengraph.vault_version SET version = 7',
    )
    await expect(openStore(parse(options))).rejects.toThrow('it has schema version 7')
  })
})

describe('PostgreSQL alone', () => {
  const newVault = newPostgres(() => postgres)

  test('asynchronous commits are refused', async () => {
    const options = await newVault()
    const client = new Client({ connectionString: String(options.database_url) })
    await client.connect()
    await client.query(
      `ALTER DATABASE ${new URL(String(options.database_url)).pathname.slice(1)} SET synchronous_commit = off`,
    )
    await client.end()
    await expect(openStore(parse(options))).rejects.toThrow('`synchronous_commit` is off')
  })

  test.each([
    [
      'a wrong password',
      (url: URL) => Object.assign(url, { password: 'canary-password' }),
      'the password is not accepted',
    ],
    ['no such database', (url: URL) => Object.assign(url, { pathname: '/nowhere' }), 'there is no such database'],
    ['nobody there', (url: URL) => Object.assign(url, { port: '1' }), 'nothing listens there'],
  ])('%s: the words name the host and no password', async (_, change, words) => {
    const url = change(new URL(postgres.url('postgres'))).href
    const error = await openStore(parse({ database_url: url, keys: [ring] })).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(Error)
    expect((error as Error).message).toMatch(/^The vault at 127\.0\.0\.1:\d+\/\w+ cannot be opened: /)
    expect((error as Error).message).toContain(words)
    expect((error as Error).message).not.toMatch(/canary|invented-owner/)
  })

  test('every statement of a request works where each has another session', async () => {
    const store = await open(await newVault({ connections: 1 }))
    await writeAccounts(store, accounts(1))
    const end = (): Promise<unknown> =>
      postgres.run(
        'postgres',
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tokengraph'",
      )
    // As a pooler does that gives the session to somebody else after each statement.
    const elsewhere = {
      ...store.sql,
      run: async (sql: string, values: readonly never[] = []) => {
        await end()
        return retried(() => store.sql.run(sql, values))
      },
    } as typeof store.sql
    const leases = createLeases(elsewhere, store.keyring)
    const row = await rowOf(store)
    expect(await leases.claim(row, 'owner', LEASE_MS)).not.toBeNull()
    expect(await leases.claim(row, 'other', LEASE_MS)).toBeNull()
    expect(await leases.begin(row, 'owner', 'digest', 1000)).not.toBeNull()
    expect(await leases.commit(row, freshFor(row, store, 'new'), null)).toBe(true)
  })
})

/** The pool notices a session that was ended a moment after. */
async function retried<T>(work: () => Promise<T>, attempts = 20): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (attempts === 0) throw error
    return retried(work, attempts - 1)
  }
}

describe('SQLite alone', () => {
  test('a full disk: nothing is written, the words say so, and it goes on when there is room', async () => {
    const store = await open(await newSqlite())
    await writeAccounts(store, accounts(1))
    const [{ page_count: pages } = { page_count: 0 }] = await store.sql.run<{ page_count: number }>('PRAGMA page_count')
    await store.sql.run(`PRAGMA max_page_count = ${String(pages + 2)}`)
    await expect(writeAccounts(store, accounts(2000))).rejects.toThrow('cannot be written: the disk is full')
    const row = await rowOf(store)
    expect(reveal(openSecrets(row, store.keyring).token)).toBe('invented-at-0')
    await store.sql.run('PRAGMA max_page_count = 1000000')
    expect(await writeAccounts(store, accounts(20))).toMatchObject({ added: 19 })
  })
  test('a write waits for the transaction under way, and a read does not', async () => {
    const store = await open(await newSqlite())
    await writeAccounts(store, accounts(1))
    const order: string[] = []
    const written: Promise<unknown>[] = []
    await store.sql.transaction(async (run) => {
      await run('UPDATE accounts SET label = $1', ['inside'])
      written.push(store.sql.run('UPDATE accounts SET label = $1', ['after']).then(() => order.push('write')))
      expect(await rowOf(store)).toMatchObject({ label: null })
      order.push('read')
    })
    order.push('committed')
    await Promise.all(written)
    expect(order).toEqual(['read', 'committed', 'write'])
    expect(await rowOf(store)).toMatchObject({ label: 'after' })
  })
})
