/** Both stores behind one interface, so that one suite holds them to the same promises. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { vaultOptions } from '../../../src/upstreams/vault/options.ts'
import type { VaultOptions } from '../../../src/upstreams/vault/options.ts'
import { testFolder } from '../../kit/folder.ts'
import type { PostgresServer } from '../../servers/postgres.ts'

export const ring = { id: 'k1', secret: 'invented-ring-secret-0123456789-abcdef' }
export const newRing = { id: 'k2', secret: 'another-invented-secret-0123456789-abcdef' }

/** Options of a vault that does not exist yet, as the configuration has them. */
export type NewVault = (more?: Readonly<Record<string, unknown>>) => Promise<Readonly<Record<string, unknown>>>

export const newSqlite: NewVault = (more = {}) =>
  Promise.resolve({ path: join(testFolder().path, 'vault.sqlite'), keys: [ring], ...more })

export function newPostgres(server: () => PostgresServer): NewVault {
  return async (more = {}) => {
    const name = `v_${randomUUID().replaceAll('-', '')}`
    await server().createDatabase(name)
    return { database_url: server().url(name), spool_path: join(testFolder().path, 'spool'), keys: [ring], ...more }
  }
}

export function parse(options: Readonly<Record<string, unknown>>): VaultOptions {
  return vaultOptions.parse(options)
}
