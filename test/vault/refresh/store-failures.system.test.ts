/** The store fails at each step of a refresh: nothing is presented that could not be kept, and nothing is lost (R3). */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { openStore } from '../../../src/upstreams/vault/store/store.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { PostgresServer } from '../../servers/postgres.ts'
import { startTokenServer } from '../../servers/token-server.ts'
import { newPostgres, parse } from '../store/stores.ts'
import { tamper } from '../helpers.ts'
import { configured, connect, openReader, openReaderOf, openScene, rowOf } from './scene.ts'

let postgres: PostgresServer
beforeAll(async () => {
  postgres = await startPostgres()
}, 60_000)
afterAll(() => postgres[Symbol.asyncDispose]())
beforeEach(() => postgres.start().catch(() => undefined))

/** A vault in PostgreSQL, with one expired account. */
async function openRemote() {
  const server = await startTokenServer()
  onTestFinished(() => server.stop())
  const options = { ...(await newPostgres(() => postgres)()), ...configured(server) }
  const store = await openStore(parse(options))
  const grant = await connect(store, server, 'u1')
  await store.close()
  const spool = (): readonly string[] => {
    const folder = String(options.spool_path)
    return readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .map((name) => join(folder, name))
  }
  return {
    server,
    options,
    grant,
    spool,
    row: async () => {
      const opened = await openStore(parse(options))
      try {
        return await rowOf(opened, 'u1')
      } finally {
        await opened.close()
      }
    },
  }
}

test('the database is gone before: an error that passes, and no request to the provider', async () => {
  const { server, options, row } = await openRemote()
  const { read, upstream } = openReader(options)
  await upstream.ready
  await postgres.stop()
  await expect(read('u1')).rejects.toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' })
  expect(server.posts).toBe(0)
  await postgres.start()
  await expect.poll(async () => (await read('u1').catch(() => null))?.problem, { timeout: 10_000 }).toBeNull()
  expect(await row()).toMatchObject({ generation: 2 })
}, 30_000)

test('the database only reads: no request to the provider', async () => {
  const { server, options } = await openRemote()
  const name = new URL(String(options.database_url)).pathname.slice(1)
  await postgres.run('postgres', `ALTER DATABASE ${name} SET default_transaction_read_only = on`)
  const { read } = openReader(options)
  expect(await read('u1')).toMatchObject({ problem: 'UPSTREAM_UNAVAILABLE' })
  expect(server.posts).toBe(0)
})

test('the database goes while the provider answers: the token is handed out, sealed in the spool, and stored later', async () => {
  const { server, options, grant, spool, row } = await openRemote()
  const { read, upstream, warnings } = openReader(options)
  await upstream.ready
  server.behave(() => ({ delayMs: 1000 }))
  const reading = read('u1')
  await expect.poll(() => server.posts).toBe(1)
  await postgres.stop()
  expect(await reading).toMatchObject({ token: server.grant(grant.id).accessToken, problem: null })
  const [file = ''] = spool()
  expect(statSync(file).mode & 0o777).toBe(0o600)
  const text = readFileSync(file, 'utf8')
  for (const secret of [server.grant(grant.id).accessToken, server.grant(grant.id).refreshToken])
    for (const shape of [secret, Buffer.from(secret).toString('base64')]) expect(text).not.toContain(shape)
  // The loops that use the database warn too, before or after.
  expect(warnings).toContainEqual(
    expect.objectContaining({ details: expect.objectContaining({ on_disk: 'yes' }) as unknown }),
  )
  await postgres.start()
  await expect.poll(spool, { timeout: 15_000 }).toEqual([])
  expect(await row()).toMatchObject({ generation: 2, state: 'ACTIVE', lease_owner: null })
  expect(server.grant(grant.id)).toMatchObject({ alive: true, posts: 1 })
}, 40_000)

test('what a process left in the spool is stored by the next one', async () => {
  const { server, options, grant, spool, row } = await openRemote()
  const first = openReaderOf(options)
  await first.upstream.ready
  server.behave(() => ({ delayMs: 1000 }))
  const reading = first.read('u1')
  await expect.poll(() => server.posts).toBe(1)
  await postgres.stop()
  await reading
  await first.close()
  expect(spool()).toHaveLength(1)
  await postgres.start()
  const { read } = openReader(options)
  await expect.poll(spool, { timeout: 15_000 }).toEqual([])
  expect((await read('u1')).token).toBe(server.grant(grant.id).accessToken)
  expect(await row()).toMatchObject({ generation: 2 })
  expect(server.grant(grant.id)).toMatchObject({ alive: true, posts: 1 })
}, 40_000)

test('SQLite refuses the new tokens alone: they wait in the spool, are handed out meanwhile, and are stored', async () => {
  const { server, connect: connectUser, options, open, row } = await openScene()
  const grant = await connectUser('u1')
  const { read } = open()
  tamper(options, "CREATE TRIGGER full BEFORE UPDATE OF token ON accounts BEGIN SELECT raise(ABORT, 'disk full'); END")
  const { accessToken } = await read('u1').then(() => server.grant(grant.id))
  expect(await read('u1')).toMatchObject({ token: accessToken, problem: null })
  expect(await row('u1')).toMatchObject({ generation: 1 })
  tamper(options, 'DROP TRIGGER full')
  await expect.poll(async () => (await row('u1')).generation, { timeout: 10_000 }).toBe(2)
  expect((await read('u1')).token).toBe(accessToken)
  expect(server.grant(grant.id)).toMatchObject({ alive: true, posts: 1 })
}, 20_000)

test('a row whose key is not there is never presented', async () => {
  const { server, connect: connectUser, options, open, row } = await openScene()
  await connectUser('u1')
  tamper(options, "UPDATE accounts SET refresh_token = x'0200'")
  await expect(open().read('u1')).resolves.toMatchObject({ problem: 'INTERNAL_SERVER_ERROR' })
  expect(server.posts).toBe(0)
  expect(await row('u1')).toMatchObject({ state: 'ACTIVE', attempt_started_ms: null, last_error_class: 'sealed' })
})
