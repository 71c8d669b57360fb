/** An import of an account whose tokens are being refreshed, on SQLite and on PostgreSQL (docs/promises.md R3). */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { createLeases } from '../../../src/upstreams/vault/refresh/leases.ts'
import { accountRecord } from '../../../src/upstreams/vault/store/record.ts'
import { openStore } from '../../../src/upstreams/vault/store/store.ts'
import { writeAccounts } from '../../../src/upstreams/vault/store/write.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { PostgresServer } from '../../servers/postgres.ts'
import { rowOf } from '../refresh/scene.ts'
import { newPostgres, newSqlite, parse } from './stores.ts'

let postgres: PostgresServer
beforeAll(async () => {
  postgres = await startPostgres()
}, 60_000)
afterAll(() => postgres[Symbol.asyncDispose]())

const LEASE_MS = 20_000
const name = { user_id: 'u1', provider: 'google', external_account_id: 'a1' }
const kinds = [
  ['SQLite', newSqlite],
  ['PostgreSQL', newPostgres(() => postgres)],
] as const
const presented = [
  ['a refresh token', { refresh_token: 'invented-rt' }, { refresh_token: 'invented-other' }],
  ['an access token, which is exchanged itself', {}, { token: 'invented-other' }],
] as const

describe.each(kinds)('%s', (_, newVault) => {
  test.each(presented)(
    'leaves the lease to whoever presents %s, unless it brings another one',
    async (__, own, other) => {
      const store = await openStore(parse(await newVault()))
      onTestFinished(() => store.close())
      const write = (more: object) =>
        writeAccounts(store, [accountRecord.parse({ ...name, token: 'invented-at', ...own, ...more })])
      await write({})
      const { row_id, generation } = await rowOf(store, 'u1')
      const row = { row_id: String(row_id), generation: Number(generation) }
      const leases = createLeases(store.sql, store.keyring)
      const owner = randomUUID()
      expect(await leases.claim(row, owner, LEASE_MS)).not.toBeNull()
      expect(await leases.begin(row, owner, 'digest', 0)).not.toBeNull()
      expect(await write({ label: 'work' })).toMatchObject({ changed: 1 })
      expect(await rowOf(store, 'u1')).toMatchObject({ label: 'work', lease_owner: owner, attempt_digest: 'digest' })
      expect(await write(other)).toMatchObject({ changed: 1 })
      expect(await rowOf(store, 'u1')).toMatchObject({ lease_owner: null, attempt_digest: null })
    },
  )
})
