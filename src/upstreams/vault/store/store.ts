/** An open vault: its database and its keys. */
import { dirname, join, resolve } from 'node:path'
import { reveal } from '../../kit.ts'
import { readClients } from '../clients/clients.ts'
import type { OAuthClient } from '../clients/clients.ts'
import { createKeyring } from './crypto.ts'
import type { Keyring } from './crypto.ts'
import { checkKeys, registerActiveKey } from './keys.ts'
import { openPostgres } from './postgres.ts'
import type { Sql } from './sql.ts'
import { openSqlite } from './sqlite.ts'
import type { VaultOptions } from '../options.ts'

export interface Store {
  readonly sql: Sql
  readonly keyring: Keyring
  /** By name: what accounts are refreshed and revoked with. */
  readonly clients: ReadonlyMap<string, OAuthClient>
  /** Where tokens wait that the database could not take (`refresh/spool.ts`). */
  readonly spoolFolder: string
  close(): Promise<void>
}

export type StoreOptions = Pick<
  VaultOptions,
  'path' | 'database_url' | 'connections' | 'keys' | 'spool_path' | 'clients' | 'providers'
>

/**
 * Opens the database, creates or upgrades its tables, and checks the keys. Rejects with `Error` for the operator that
 * names the path, or the host. `busyTimeoutMs`: how long a write waits for another process that holds the lock of a file.
 */
export async function openStore(options: StoreOptions, busyTimeoutMs: number | null = null): Promise<Store> {
  const keyring = createKeyring(options.keys)
  const clients = readClients(options)
  const sql = await openSql(options, busyTimeoutMs)
  try {
    await checkKeys(sql.run, sql.dialect, keyring)
    await registerActiveKey(sql.run, sql.dialect, keyring)
  } catch (cause) {
    await sql.close()
    const why = sql.explain(cause) ?? (cause instanceof Error ? cause.message : 'unknown reason')
    throw new Error(`The vault at ${sql.place} cannot be opened: ${why}.`, { cause })
  }
  return { sql, keyring, clients, spoolFolder: spoolFolderOf(options), close: () => sql.close() }
}

function spoolFolderOf({ spool_path: chosen, path }: StoreOptions): string {
  if (chosen !== undefined) return resolve(chosen)
  return path === undefined ? resolve('tokengraph-spool') : join(dirname(resolve(path)), 'spool')
}

function openSql({ path, database_url: url, connections }: StoreOptions, busyTimeoutMs: number | null): Promise<Sql> {
  if (url !== undefined) return openPostgres({ url: reveal(url), connections })
  if (path === undefined) throw new Error('The vault needs `path` or `database_url`.')
  return openSqlite(path, busyTimeoutMs)
}
