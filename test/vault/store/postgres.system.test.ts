/** What is particular to the vault in PostgreSQL: a connection that breaks, and a COMMIT that waits. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openPostgres } from '../../../src/upstreams/vault/store/postgres.ts'
import type { Run, Sql } from '../../../src/upstreams/vault/store/sql.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { PostgresServer } from '../../servers/postgres.ts'

const DATABASE = 'breaking'
let server: PostgresServer
let vault: Sql

beforeAll(async () => {
  server = await startPostgres()
  await server.createDatabase(DATABASE)
  vault = await openPostgres({ url: server.url(DATABASE), connections: 2 })
  await vault.run('CREATE TABLE invented (name TEXT)')
})
afterAll(async () => {
  await vault.close()
  await server[Symbol.asyncDispose]()
})

const insert = (name: string) => async (run: Run) => {
  const [session] = await run<{ readonly pid: number }>('SELECT pg_backend_pid() AS pid')
  await run('INSERT INTO invented VALUES ($1)', [name])
  return session?.pid ?? 0
}
const kill = (pid: number) => server.run(DATABASE, `SELECT pg_terminate_backend(${String(pid)})`)
const isKept = async (name: string): Promise<boolean> =>
  (await server.run(DATABASE, `SELECT 1 FROM invented WHERE name = '${name}'`)).length > 0
/** A replica that never answers: each COMMIT waits for it. */
async function waitForReplica(waits: boolean): Promise<void> {
  await server.run(DATABASE, `ALTER SYSTEM SET synchronous_standby_names = '${waits ? 'nobody' : ''}'`)
  await server.run(DATABASE, 'SELECT pg_reload_conf()')
  await expect
    .poll(async () => (await server.run(DATABASE, 'SHOW synchronous_standby_names'))[0]?.synchronous_standby_names)
    .toBe(waits ? 'nobody' : '')
}
const waiting = () => server.run(DATABASE, "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
/** Begins again until the COMMIT waits: the process that tells all of them to is told of it a little later than they. */
async function commitThatWaits(begin: () => Promise<unknown>): Promise<{ readonly writing: Promise<unknown> }> {
  for (;;) {
    const progress = { isOver: false }
    const writing = begin()
    const over = writing.finally(() => (progress.isOver = true))
    over.catch(() => undefined)
    while (!progress.isOver) {
      if ((await waiting()).length > 0) return { writing }
      await sleep(50)
    }
    await writing
  }
}
const why = (error: unknown): string | null => vault.explain(error)

// Vitest fails where anything ends a process: an error that nobody listens to.
test('a connection that breaks within a transaction fails that one, and nothing else', async () => {
  const breaking = vault.transaction(async (run) => {
    await kill(await insert('broken')(run))
    // The break arrives while nothing is asked.
    await sleep(200)
    return run('SELECT 1')
  })
  expect(await breaking.catch(why)).toMatch(/^it is shutting down|^the connection broke/)
  expect(await isKept('broken')).toBe(false)
  await vault.transaction(insert('after'))
  expect(await isKept('after')).toBe(true)
})

test('a COMMIT that waits for a replica is waited for', async () => {
  await waitForReplica(true)
  const { writing } = await commitThatWaits(() => vault.transaction(insert('waited for')))
  // Longer than any other statement may take.
  await sleep(6000)
  expect(await waiting()).toHaveLength(1)
  await waitForReplica(false)
  await writing
  expect(await isKept('waited for')).toBe(true)
}, 30_000)

test('a connection that breaks during COMMIT says that nobody knows', async () => {
  await waitForReplica(true)
  let pid = 0
  const { writing } = await commitThatWaits(() =>
    vault.transaction(async (run) => {
      pid = await insert('unknown')(run)
    }),
  )
  const failed = writing.then(() => 'no failure', why)
  await kill(pid)
  await waitForReplica(false)
  expect(await failed).toMatch(/^it did not say whether it kept what was written/)
}, 30_000)
