/** Opens the database file of a vault, and says in words what keeps it from opening. */
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { explain } from './explain.ts'
import { checkKeys, registerActiveKey } from './key-checks.ts'
import { createKeyring } from './keyring.ts'
import type { Keyring } from './keyring.ts'
import type { VaultOptions } from './options.ts'
import { migrate } from './schema.ts'
import { inTransaction } from './transaction.ts'

const BUSY_TIMEOUT_MS = 5000

export interface Store {
  /** Absolute. */
  readonly path: string
  readonly database: DatabaseSync
  readonly keyring: Keyring
  close(): void
}

/**
 * Creates the file and its folder when they are missing, for their owner alone. Throws `Error` with a message for the
 * operator that names the path. `busyTimeoutMs`: how long to wait for another process that holds the lock.
 */
export function openStore(options: VaultOptions, busyTimeoutMs = BUSY_TIMEOUT_MS): Store {
  const keyring = createKeyring(options.keys)
  // Absolute, so that SQLite takes no name such as `:memory:` or `file:` for something else.
  const path = resolve(options.path)
  try {
    createFile(path)
    const database = openDatabase(path, busyTimeoutMs, keyring)
    return {
      path,
      database,
      keyring,
      close: () => {
        closeDatabase(database)
      },
    }
  } catch (cause) {
    throw new Error(`The vault at ${path} cannot be opened: ${explain(cause)}.`, { cause })
  }
}

function createFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  // SQLite gives the -wal and -shm files the permissions of the database file.
  closeSync(openSync(path, 'a', 0o600))
}

function openDatabase(path: string, busyTimeoutMs: number, keyring: Keyring): DatabaseSync {
  const database = new DatabaseSync(path, { enableForeignKeyConstraints: true })
  try {
    database.exec(`PRAGMA busy_timeout = ${String(busyTimeoutMs)}`)
    // Before the switch to WAL mode, which would write to a database that is not ours.
    migrate(database)
    database.exec('PRAGMA journal_mode = WAL; PRAGMA secure_delete = ON')
    checkKeys(database, keyring)
    registerActiveKey(database, keyring)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

function closeDatabase(database: DatabaseSync): void {
  if (database.isOpen) database.close()
}

/** One transaction that writes. Throws what `work` throws, and `Error` for the operator when the database fails. */
export function writeStore<T>(store: Store, work: () => T): T {
  try {
    return inTransaction(store.database, work)
  } catch (cause) {
    if (!(cause instanceof Error && 'errcode' in cause)) throw cause
    throw new Error(`The vault at ${store.path} cannot be written: ${explain(cause)}.`, { cause })
  }
}

/** Copies what is in the -wal file back and empties it, so that removed ciphertexts do not linger there. */
export function truncateLog(database: DatabaseSync): void {
  // A reader may hold the log open; SQLite then says so in the row and empties it another time.
  database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()
}
