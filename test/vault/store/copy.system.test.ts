/** `vault copy` from one store to the other, with other keys and under load, against a model; and `vault status`. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { copyVault, printStatus } from '../../../src/commands/vault.ts'
import type { CopyFlags } from '../../../src/commands/vault.ts'
import { reveal, secret } from '../../../src/lib/secret.ts'
import { createLeases } from '../../../src/upstreams/vault/refresh/leases.ts'
import { removeAccounts } from '../../../src/upstreams/vault/disconnect/outbox.ts'
import { accountRecord } from '../../../src/upstreams/vault/store/record.ts'
import { openSecrets, sealSecrets } from '../../../src/upstreams/vault/store/rows.ts'
import type { FullRow } from '../../../src/upstreams/vault/store/rows.ts'
import { openSpool } from '../../../src/upstreams/vault/refresh/spool.ts'
import { openStore } from '../../../src/upstreams/vault/store/store.ts'
import type { Store } from '../../../src/upstreams/vault/store/store.ts'
import { writeAccounts } from '../../../src/upstreams/vault/store/write.ts'
import { testFolder } from '../../kit/folder.ts'
import { captureOutput } from '../../kit/output.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { PostgresServer } from '../../servers/postgres.ts'
import { newPostgres, newRing, newSqlite, parse } from './stores.ts'

let postgres: PostgresServer
beforeAll(async () => {
  postgres = await startPostgres()
}, 60_000)
afterAll(() => postgres[Symbol.asyncDispose]())

const ACCOUNTS = 1200

async function open(options: Promise<Readonly<Record<string, unknown>>>): Promise<Store> {
  const store = await openStore(parse(await options))
  onTestFinished(() => store.close())
  return store
}

const account = (n: number) =>
  accountRecord.parse({
    ...{
      user_id: `user_${String(n)}`,
      provider: 'google',
      external_account_id: 'a1',
      token: `invented-at-${String(n)}`,
    },
    ...{ refresh_token: `invented-rt-${String(n)}`, extras: { instance_url: 'https://eu.example' }, label: 'work' },
  })

async function rows({ sql }: Store): Promise<readonly FullRow[]> {
  return sql.run<FullRow>(`SELECT * FROM ${sql.dialect.table('accounts')} ORDER BY row_id`)
}

/** What counts of every row: who, which generation, which secrets. */
async function contents(store: Store) {
  return (await rows(store)).map((row) => {
    const { token, refresh_token: refreshToken, extras } = openSecrets(row, store.keyring)
    return [
      row.row_id,
      row.user_id,
      row.generation,
      row.state,
      reveal(token),
      refreshToken && reveal(refreshToken),
      extras,
    ]
  })
}

async function copy(from: Store, to: Store, flags: CopyFlags = {}) {
  const printed = captureOutput()
  return { code: await copyVault(from, to, flags, printed), out: printed.out.text(), err: printed.err.text() }
}

describe.each([
  ['SQLite to PostgreSQL', newSqlite, newPostgres(() => postgres)],
  ['PostgreSQL to SQLite', newPostgres(() => postgres), newSqlite],
] as const)('%s', (_, newSource, newTarget) => {
  test('while rows are refreshed and added; the run after that makes them equal, and the next has nothing to do', async () => {
    const from = await open(newSource())
    const to = await open(newTarget({ keys: [newRing] }))
    await writeAccounts(
      from,
      Array.from({ length: ACCOUNTS }, (__, n) => account(n)),
    )
    const leases = createLeases(from.sql, from.keyring)
    const refreshing = async (): Promise<void> => {
      for (const row of (await rows(from)).filter((___, n) => n % 7 === 0)) {
        const next = { ...row, generation: row.generation + 1 }
        const sealed = sealSecrets(
          { token: secret(`new-${row.user_id}`), refresh_token: secret(`rt-${row.user_id}`) },
          next,
          from.keyring,
        )
        const life = {
          expires_at: null,
          scopes: null,
          issued_at_ms: 1,
          lifetime_seconds: null,
          refresh_expires_at: null,
        }
        await leases.commit(row, { ...life, source_digest: 'd', source_started_ms: 1, ...sealed }, null)
      }
      await writeAccounts(from, [account(ACCOUNTS), account(ACCOUNTS + 1)])
    }
    const [first] = await Promise.all([copy(from, to), refreshing()])
    expect(first.code).toBe(0)
    expect(await copy(from, to)).toMatchObject({ code: 0, err: '' })
    expect(await contents(to)).toEqual(await contents(from))
    expect((await copy(from, to)).out).toBe(
      `${String(ACCOUNTS + 2)} accounts: 0 written, ${String(ACCOUNTS + 2)} unchanged.\n`,
    )
  }, 60_000)

  test('accounts that are removed at the source while it runs are named, and removed by the run that prunes', async () => {
    const from = await open(newSource())
    const to = await open(newTarget({ keys: [newRing] }))
    await writeAccounts(
      from,
      Array.from({ length: ACCOUNTS }, (__, n) => account(n)),
    )
    const remove = async (n: number): Promise<void> => {
      await removeAccounts(from, { userId: `user_${String(n)}`, provider: null, externalAccountId: null })
    }
    const removing = async (): Promise<void> => {
      for (let n = 0; n < 60; n++) await remove(n * 20)
    }
    await copy(from, to)
    await Promise.all([copy(from, to), removing()])
    expect((await copy(from, to)).out).toContain('The target has 60 accounts that the source does not have; --prune')
    expect(await rows(to)).toHaveLength(ACCOUNTS)
    await remove(1)
    expect((await copy(from, to, { prune: true })).out).toContain('61 accounts removed that the source does not have.')
    expect(await contents(to)).toEqual(await contents(from))
  }, 60_000)

  test('tokens that wait in the spool of the source are counted, and nothing is copied before they are stored', async () => {
    const from = await open(newSource({ spool_path: join(testFolder().path, 'spool') }))
    const to = await open(newTarget({ keys: [newRing] }))
    await writeAccounts(from, [account(0)])
    const [row] = await rows(from)
    if (row === undefined) throw new Error('the row is missing')
    const sealed = sealSecrets({ token: secret('new') }, { ...row, generation: 2 }, from.keyring)
    const life = { expires_at: null, scopes: null, issued_at_ms: 1, lifetime_seconds: null, refresh_expires_at: null }
    const fresh = { ...life, source_digest: 'd', source_started_ms: 1, ...sealed }
    openSpool(from.spoolFolder).put({ identity: row, fresh, dueMs: null })
    writeFileSync(join(from.spoolFolder, 'torn.json'), '{')
    const printed = captureOutput()
    await printStatus(from, {}, printed)
    expect(printed.out.text()).toContain('waiting in the spool       1\n')
    expect(printed.out.text()).toContain('torn.json cannot be read; it may hold new tokens.')
    await expect(copy(from, to)).rejects.toThrow(/^New tokens of 2 accounts wait in .*spool/)
    expect(await rows(to)).toEqual([])
    rmSync(from.spoolFolder, { recursive: true })
    expect((await copy(from, to)).code).toBe(0)
  })

  test('an account that was removed and connected again between two runs is the one of the source', async () => {
    const from = await open(newSource())
    const to = await open(newTarget({ keys: [newRing] }))
    await writeAccounts(from, [account(0), account(1)])
    await copy(from, to)
    await removeAccounts(from, { userId: 'user_0', provider: null, externalAccountId: null })
    await writeAccounts(from, [{ ...account(0), token: secret('invented-again') }])
    expect((await copy(from, to)).out).toBe('2 accounts: 1 written, 1 unchanged.\n')
    expect(await contents(to)).toEqual(await contents(from))
    // A state that the target learned later stays.
    const { table } = to.sql.dialect
    await to.sql.run(
      `UPDATE ${table('accounts')} SET state = 'REAUTHORIZATION_REQUIRED', state_since_ms = 99999999999999`,
    )
    expect((await copy(from, to)).out).toBe('2 accounts: 0 written, 2 unchanged.\n')
    expect((await rows(to)).map(({ state }) => state)).toEqual(['REAUTHORIZATION_REQUIRED', 'REAUTHORIZATION_REQUIRED'])
  })

  test('a lease stays behind, an open attempt goes along, and a damaged row is named', async () => {
    const from = await open(newSource())
    const to = await open(newTarget({ keys: [newRing] }))
    await writeAccounts(from, [account(0), account(1), account(2)])
    const [begun, , damaged] = await rows(from)
    if (begun === undefined || damaged === undefined) throw new Error('rows are missing')
    const leases = createLeases(from.sql, from.keyring)
    await leases.claim(begun, 'owner', 20_000)
    await leases.begin(begun, 'owner', 'digest', 1000)
    const table = from.sql.dialect.table('accounts')
    await from.sql.run(`UPDATE ${table} SET token = $1 WHERE row_id = $2`, [new Uint8Array([2, 0]), damaged.row_id])
    const { code, out, err } = await copy(from, to)
    expect({ code, out }).toEqual({ code: 1, out: '2 accounts: 2 written, 0 unchanged.\n' })
    expect(err).toBe(`Damaged and not copied: ${damaged.user_id} oauth_google a1.\n`)
    const [copied] = await rows(to)
    expect(copied).toMatchObject({ state: 'AMBIGUOUS', lease_owner: null, attempt_digest: 'digest' })
    expect(copied?.attempt_started_ms).toBeGreaterThan(1)
  })

  test('the status counts states, what is due and the clients that are refused', async () => {
    const store = await open(newSource())
    await writeAccounts(store, [account(0), account(1), account(2)])
    const { table } = store.sql.dialect
    await store.sql.run(`UPDATE ${table('accounts')} SET refresh_due_ms = 1`)
    await store.sql.run(`UPDATE ${table('accounts')} SET state = 'AMBIGUOUS' WHERE user_id = 'user_1'`)
    const show = async (json: boolean) => {
      const printed = captureOutput()
      return { code: await printStatus(store, { json }, printed), out: printed.out.text() }
    }
    expect((await show(false)).code).toBe(0)
    await store.sql.run(
      `INSERT INTO ${table('client_health')} VALUES ('google', 'google', 'c', 'OPEN', 'invalid_client', 1700000000000, 1)`,
    )
    expect(await show(false)).toEqual({
      code: 1,
      out: `3 accounts, 3 with a refresh token
  ACTIVE                     2
  AMBIGUOUS                  1
  due for a refresh          3
  being refreshed            0
Client google: google refuses it (invalid_client) since 2023-11-14T22:13:20Z; correct its credentials.
`,
    })
    expect(JSON.parse((await show(true)).out)).toEqual({
      ...{
        accounts: { ACTIVE: 2, AMBIGUOUS: 1 },
        with_refresh_token: 3,
        due: 3,
        leased: 0,
        spooled: 0,
        unreadable: [],
      },
      clients: [
        { provider: 'google', client: 'google', state: 'OPEN', reason: 'invalid_client', since: 1_700_000_000 },
      ],
    })
  })
})
