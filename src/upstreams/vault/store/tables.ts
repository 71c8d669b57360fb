/**
 * The tables of the vault, and the version of them that a database holds (docs/platforms/vault.md 2). The versions are the
 * same in both databases; PostgreSQL begins with the second. Columns that end in `_ms` are milliseconds since 1970, other
 * times are whole Unix seconds.
 */
import { postgresKeeping, sqliteKeeping } from './keeping-tables.ts'
import type { Run, Transaction } from './sql.ts'

/** What this version reads and writes; in SQLite it is `PRAGMA user_version`. */
const SCHEMA_VERSION = 3
/** `PRAGMA application_id`, "tkgv": distinguishes a vault from another application's database. */
const APPLICATION_ID = 0x746b6776
/** An advisory lock for the length of one migration: two servers may start at the same time. */
const MIGRATION_LOCK = 0x746b6776

/** The columns of the first version: who, what and the sealed secrets. */
const accountColumns = (text: string, number: string, blob: string): string => `
  row_id ${text} NOT NULL UNIQUE,
  user_id ${text} NOT NULL,
  provider ${text} NOT NULL,
  external_account_id ${text} NOT NULL,
  provider_user_id TEXT NOT NULL,
  expires_at ${number},
  public_metadata TEXT NOT NULL,
  label TEXT,
  scopes TEXT,
  email_address TEXT,
  username TEXT,
  first_name TEXT,
  last_name TEXT,
  image_url TEXT,
  client TEXT,
  key_id ${text} NOT NULL REFERENCES #vault_keys (key_id),
  wrapped_key ${blob} NOT NULL,
  token ${blob} NOT NULL,
  token_secret ${blob},
  id_token ${blob},
  refresh_token ${blob},
  created_at ${number} NOT NULL,
  updated_at ${number} NOT NULL`

/**
 * The columns of the second version: the life of the tokens. `generation` moves with every write of tokens and with
 * nothing else; writers of other columns must not touch it. `attempt_*` is written before a refresh token is presented,
 * and is the evidence of a crash; `source_*` says which refresh token the present tokens came from.
 */
const lifeColumns = (number: string, blob: string): readonly string[] => [
  `generation ${number} NOT NULL DEFAULT 0`,
  `state TEXT NOT NULL DEFAULT 'ACTIVE' CHECK (state IN ('ACTIVE', 'EXPIRING', 'AMBIGUOUS', 'REAUTHORIZATION_REQUIRED'))`,
  `state_reason TEXT`,
  `state_since_ms ${number}`,
  `extras ${blob}`,
  `issued_at_ms ${number}`,
  `lifetime_seconds ${number}`,
  `refresh_expires_at ${number}`,
  `lease_owner TEXT`,
  `lease_until_ms ${number}`,
  `attempt_started_ms ${number}`,
  `attempt_digest TEXT`,
  `source_digest TEXT`,
  `source_started_ms ${number}`,
  `attempts ${number} NOT NULL DEFAULT 0`,
  `next_attempt_ms ${number}`,
  `refresh_due_ms ${number}`,
  `last_error_class TEXT`,
  `last_error_code TEXT`,
  `last_error_ms ${number}`,
  `last_used_ms ${number}`,
]

/** Why a client is left alone: its credentials were refused (OPEN), or the provider limits it (BLOCKED). */
const healthColumns = (text: string, number: string): string => `
  provider ${text} NOT NULL,
  client ${text} NOT NULL,
  credentials_id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('OPEN', 'BLOCKED')),
  reason TEXT,
  opened_at_ms ${number} NOT NULL,
  blocked_until_ms ${number} NOT NULL,
  PRIMARY KEY (provider, client)`

const indexes = (accounts: string): readonly string[] => [
  `CREATE INDEX accounts_due ON ${accounts} (provider, COALESCE(client, ''), refresh_due_ms) WHERE refresh_due_ms IS NOT NULL`,
  `CREATE INDEX accounts_state ON ${accounts} (state) WHERE state <> 'ACTIVE'`,
]

const keysOf = (text: string, number: string, blob: string): string =>
  `key_id ${text} PRIMARY KEY, key_check ${blob} NOT NULL, created_at ${number} NOT NULL`

/** The statements of each step from version n to n + 1. */
const sqliteSteps: readonly (readonly string[])[] = [
  [
    `CREATE TABLE vault_keys (${keysOf('TEXT', 'INTEGER', 'BLOB')}) STRICT, WITHOUT ROWID`,
    `CREATE TABLE accounts (${accountColumns('TEXT', 'INTEGER', 'BLOB').replaceAll('#', '')},
       PRIMARY KEY (user_id, provider, external_account_id)) STRICT`,
    'CREATE INDEX accounts_by_key ON accounts (key_id, row_id)',
  ],
  [
    ...lifeColumns('INTEGER', 'BLOB').map((column) => `ALTER TABLE accounts ADD COLUMN ${column}`),
    `CREATE TABLE client_health (${healthColumns('TEXT', 'INTEGER')}) STRICT, WITHOUT ROWID`,
    ...indexes('accounts'),
  ],
  [...sqliteKeeping],
]

// COLLATE "C": ids compare by their bytes, as in SQLite, and an index does not depend on the locale of a machine.
const TEXT = 'TEXT COLLATE "C"'
const postgresTables: readonly string[] = [
  'CREATE SCHEMA IF NOT EXISTS tokengraph',
  'CREATE TABLE tokengraph.vault_version (version BIGINT NOT NULL)',
  `CREATE TABLE tokengraph.vault_keys (${keysOf(TEXT, 'BIGINT', 'BYTEA')})`,
  `CREATE TABLE tokengraph.accounts (${accountColumns(TEXT, 'BIGINT', 'BYTEA').replaceAll('#', 'tokengraph.')},
     ${lifeColumns('BIGINT', 'BYTEA').join(',\n     ')},
     PRIMARY KEY (user_id, provider, external_account_id))`,
  `CREATE TABLE tokengraph.client_health (${healthColumns(TEXT, 'BIGINT')})`,
  'CREATE INDEX accounts_by_key ON tokengraph.accounts (key_id, row_id)',
  ...indexes('tokengraph.accounts'),
  'INSERT INTO tokengraph.vault_version (version) VALUES (2)',
]
/** As `sqliteSteps`; a new database gets the first two at once. */
const postgresSteps: readonly (readonly string[])[] = [[], postgresTables, [...postgresKeeping]]

/** Brings the file to the current version; rejects with `Error` for a newer vault and for a foreign database. */
export async function migrateSqlite(run: Run, transaction: Transaction): Promise<void> {
  // Before the switch to WAL mode, which would write to a database of another application.
  if ((await sqliteVersion(run)) !== SCHEMA_VERSION)
    await transaction(async (inside) => {
      // Another process may have created the tables while this one waited for the lock.
      for (const step of sqliteSteps.slice(await sqliteVersion(inside))) for (const sql of step) await inside(sql)
      await inside(`PRAGMA application_id = ${String(APPLICATION_ID)}`)
      await inside(`PRAGMA user_version = ${String(SCHEMA_VERSION)}`)
    })
  await run('PRAGMA journal_mode = WAL')
}

async function sqliteVersion(run: Run): Promise<number> {
  const [found] = await run<{ version: number; application: number; tables: number }>(
    `SELECT (SELECT user_version FROM pragma_user_version) AS version,
       (SELECT application_id FROM pragma_application_id) AS application,
       (SELECT count(*) FROM sqlite_schema) AS tables`,
  )
  const { version = 0, application = 0, tables = 0 } = found ?? {}
  const isVault = application === APPLICATION_ID || (version === 0 && tables === 0)
  if (!isVault) throw new Error('it is a database of another application; give the vault a path of its own')
  return known(version, 'the file')
}

/** The same for PostgreSQL, in the schema `tokengraph`. */
export async function migratePostgres(run: Run, transaction: Transaction): Promise<void> {
  if ((await postgresVersion(run)) === SCHEMA_VERSION) return
  await transaction(async (inside) => {
    await inside('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK])
    for (const step of postgresSteps.slice(await postgresVersion(inside))) for (const sql of step) await inside(sql)
    await inside('UPDATE tokengraph.vault_version SET version = $1', [SCHEMA_VERSION])
  })
}

/** 0: there are no tables yet. */
async function postgresVersion(run: Run): Promise<number> {
  // Not to_regclass: it may answer out of a cache that has not heard of a table which another session just made.
  const tables = await run("SELECT 1 FROM pg_tables WHERE schemaname = 'tokengraph' AND tablename = 'vault_version'")
  if (tables.length === 0) return 0
  const [found] = await run<{ version: number }>('SELECT version FROM tokengraph.vault_version')
  return known(found?.version ?? 0, 'the database')
}

function known(version: number, copyOf: string): number {
  if (version > SCHEMA_VERSION)
    throw new Error(
      `it has schema version ${String(version)}, and this version of tokengraph knows ${String(SCHEMA_VERSION)} at most; ` +
        `upgrade tokengraph, or restore an older copy of ${copyOf}`,
    )
  return version
}
