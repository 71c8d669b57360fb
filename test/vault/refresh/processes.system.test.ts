/**
 * Several processes and one expired account, against a certified server that ends a grant when a refresh token comes twice
 * (docs/promises.md R1, R4). `node scripts/refresh-proof.ts` does the same for a hundred rounds, with better-auth beside it.
 */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { accountRecord } from '../../../src/upstreams/vault/store/record.ts'
import { openStore } from '../../../src/upstreams/vault/store/store.ts'
import { writeAccounts } from '../../../src/upstreams/vault/store/write.ts'
import { startOidc } from '../../servers/oidc.ts'
import type { Oidc } from '../../servers/oidc.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { PostgresServer } from '../../servers/postgres.ts'
import { newPostgres, newSqlite, parse } from '../store/stores.ts'
import { startReader } from './processes.ts'
import { openReader, openScene } from './scene.ts'

const PROCESSES = 4
const READERS = 250
const ROUNDS = 3

let postgres: PostgresServer
let oidc: Oidc
beforeAll(async () => {
  postgres = await startPostgres()
  oidc = await startOidc()
}, 60_000)
afterAll(async () => {
  await oidc.close()
  await postgres[Symbol.asyncDispose]()
})

const vaultOf = () => ({
  clients: { idp: oidc.client },
  providers: { idp: { issuer: oidc.issuer, client_auth: ['basic'] } },
  refresh: { proactive: false },
})

describe.each([
  ['SQLite', newSqlite],
  ['PostgreSQL', newPostgres(() => postgres)],
] as const)('%s', (_, newVault) => {
  test('a thousand readers in four processes: one request, nobody fails, and the grant lives', async () => {
    const options = await newVault(vaultOf())
    const store = await openStore(parse(options))
    onTestFinished(() => store.close())
    const record = {
      ...{ user_id: 'u1', provider: 'idp', external_account_id: 'a1', token: 'invented-at', expires_at: 1_700_000_000 },
      refresh_token: await oidc.mint('u1'),
    }
    await writeAccounts(store, [accountRecord.parse(record)])
    const processes = await Promise.all(Array.from({ length: PROCESSES }, () => startReader(options)))
    for (let round = 0; round < ROUNDS; round++) {
      const before = oidc.posts
      const order = { provider: 'idp', userId: 'u1', readers: READERS }
      const reports = await Promise.all(processes.map((process) => process.read(order)))
      expect(oidc.posts - before).toBe(1)
      expect(reports.flatMap(({ problems }) => problems)).toEqual([])
      expect(new Set(reports.flatMap(({ tokens }) => tokens)).size).toBe(1)
      // The next round shows that the grant was alive after this one.
      await store.sql.run(`UPDATE ${store.sql.dialect.table('accounts')} SET expires_at = 1700000000`)
    }
    await Promise.all(processes.map((process) => process.end()))
  }, 60_000)

  test('clocks that are hours wrong cause no request too many, and none too few', async () => {
    const options = await newVault(vaultOf())
    const store = await openStore(parse(options))
    onTestFinished(() => store.close())
    const inAnHour = Math.floor(Date.now() / 1000) + 3600
    const record = {
      ...{ user_id: 'u1', provider: 'idp', external_account_id: 'a1', token: 'invented-at', expires_at: inAnHour },
      refresh_token: await oidc.mint('u1'),
    }
    await writeAccounts(store, [accountRecord.parse(record)])
    const shifts = [0, 6 * 3_600_000, -6 * 3_600_000]
    const processes = await Promise.all(shifts.map((clockShiftMs) => startReader(options, { clockShiftMs })))
    const order = { provider: 'idp', userId: 'u1', readers: 20 }
    const before = oidc.posts
    for (const [n, process] of processes.entries()) {
      const { now, ...report } = await process.read(order)
      expect(Math.abs(now - Date.now() - (shifts[n] ?? 0))).toBeLessThan(60_000)
      expect(report).toEqual({ tokens: ['invented-at'], problems: [] })
    }
    expect(oidc.posts - before).toBe(0)
    for (let round = 1; round <= ROUNDS; round++) {
      await store.sql.run(`UPDATE ${store.sql.dialect.table('accounts')} SET expires_at = 1700000000`)
      const reports = await Promise.all(processes.map((process) => process.read(order)))
      expect(reports.flatMap(({ problems }) => problems)).toEqual([])
      expect(new Set(reports.flatMap(({ tokens }) => tokens)).size).toBe(1)
      // The new token lives, whatever each of the clocks says.
      for (const process of processes) await process.read(order)
      expect(oidc.posts - before).toBe(round)
    }
    await Promise.all(processes.map((process) => process.end()))
  }, 60_000)
})

test('a pool of one connection: fifty refreshes at once all end, each with one request', async () => {
  const options = await newPostgres(() => postgres)({ ...vaultOf(), connections: 1 })
  const store = await openStore(parse(options))
  onTestFinished(() => store.close())
  const users = Array.from({ length: 50 }, (_, n) => `u${String(n)}`)
  const records = await Promise.all(
    users.map(async (user) => ({
      ...{ user_id: user, provider: 'idp', external_account_id: 'a1', token: 'invented-at', expires_at: 1_700_000_000 },
      refresh_token: await oidc.mint(user),
    })),
  )
  await writeAccounts(
    store,
    records.map((record) => accountRecord.parse(record)),
  )
  const { read } = openReader(options)
  const before = oidc.posts
  const answers = await Promise.all(users.map((user) => read(user, { provider: 'idp' })))
  expect(answers.map(({ problem }) => problem)).toEqual(users.map(() => null))
  expect(new Set(answers.map(({ token }) => token)).size).toBe(50)
  expect(oidc.posts - before).toBe(50)
}, 60_000)

test('a process that stands still for longer than its lease overwrites nothing', async () => {
  const { server, connect, options, row, open } = await openScene({
    graceSeconds: 3600,
    vault: { refresh: { proactive: false, post_timeout_ms: 2000, wait_ms: 2000, lease_ms: 4000 } },
  })
  const grant = await connect('u1')
  server.behave((post) => (post === 1 ? { delayMs: 500 } : 'ok'))
  const paused = await startReader(options)
  const late = paused.read({ provider: 'acme', userId: 'u1', readers: 1 })
  await expect.poll(() => server.posts).toBe(1)
  paused.child.kill('SIGSTOP')
  const { read } = open()
  // Another process takes over when the lease has ended, inside of the provider's grace.
  await expect.poll(async () => (await read('u1').catch(() => null))?.problem, { timeout: 15_000 }).toBeNull()
  const { generation } = await row('u1')
  const { accessToken } = server.grant(grant.id)
  paused.child.kill('SIGCONT')
  expect(await late).toMatchObject({ problems: [] })
  expect(await row('u1')).toMatchObject({ generation, state: 'ACTIVE' })
  expect((await read('u1')).token).toBe(accessToken)
  expect(server.grant(grant.id).alive).toBe(true)
  await paused.end()
}, 40_000)
