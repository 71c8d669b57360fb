/** The tables of the vault, and the version of them that a file holds (docs/platforms/vault.md 2). */
import type { DatabaseSync } from 'node:sqlite'

/** `PRAGMA user_version` of the files that this version writes. */
const SCHEMA_VERSION = 1
/** `PRAGMA application_id`, "tkgv": distinguishes a vault from another application's database. */
const APPLICATION_ID = 0x746b6776

// One entry for each step from version n to n + 1. Times are whole Unix seconds.
const migrations = [
  `CREATE TABLE vault_keys (
     key_id TEXT PRIMARY KEY,
     key_check BLOB NOT NULL,
     created_at INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE accounts (
     row_id TEXT NOT NULL UNIQUE,
     user_id TEXT NOT NULL,
     provider TEXT NOT NULL,
     external_account_id TEXT NOT NULL,
     provider_user_id TEXT NOT NULL,
     expires_at INTEGER,
     public_metadata TEXT NOT NULL,
     label TEXT,
     scopes TEXT,
     email_address TEXT,
     username TEXT,
     first_name TEXT,
     last_name TEXT,
     image_url TEXT,
     client TEXT,
     key_id TEXT NOT NULL REFERENCES vault_keys (key_id),
     wrapped_key BLOB NOT NULL,
     token BLOB NOT NULL,
     token_secret BLOB,
     id_token BLOB,
     refresh_token BLOB,
     created_at INTEGER NOT NULL,
     updated_at INTEGER NOT NULL,
     PRIMARY KEY (user_id, provider, external_account_id)
   ) STRICT;
   CREATE INDEX accounts_by_key ON accounts (key_id, row_id);`,
] as const

/** Whether the file has the current version; throws `Error` for a newer vault and for a foreign database. */
export function isCurrent(database: DatabaseSync): boolean {
  return readVersion(database) === SCHEMA_VERSION
}

/** Brings the file to the current version, inside a transaction of the caller. Throws as `isCurrent` does. */
export function migrate(database: DatabaseSync): void {
  // Another process may have created the tables while this one waited for the lock.
  for (const step of migrations.slice(readVersion(database))) database.exec(step)
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}`)
}

function readVersion(database: DatabaseSync): number {
  const version = readNumber(database, 'SELECT user_version AS value FROM pragma_user_version')
  const application = readNumber(database, 'SELECT application_id AS value FROM pragma_application_id')
  const tables = readNumber(database, 'SELECT count(*) AS value FROM sqlite_schema')
  const isVault = application === APPLICATION_ID || (version === 0 && tables === 0)
  if (!isVault) throw new Error('it is a database of another application; give the vault a path of its own')
  if (version > SCHEMA_VERSION)
    throw new Error(
      `it has schema version ${version}, and this version of tokengraph knows ${SCHEMA_VERSION} at most; ` +
        'upgrade tokengraph, or restore an older copy of the file',
    )
  return version
}

function readNumber(database: DatabaseSync, sql: string): number {
  return Number(database.prepare(sql).get()?.value)
}
