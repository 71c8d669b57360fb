/** Opens the database file of a vault, and says in words what keeps it from opening. */
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createKeyring } from './crypto.ts'
import type { Keyring } from './crypto.ts'
import { checkKeys, registerActiveKey } from './key-checks.ts'
import { migrate } from './migrations.ts'
import type { VaultOptions } from './options.ts'

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

/** Transactions of the vault. */

/** Runs `work` and commits, or rolls back and throws what it threw. Takes the write lock at once, so it cannot deadlock. */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    database.exec('COMMIT')
    return result
  } catch (error) {
    // SQLite has already rolled back after some failures, such as a full disk.
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

/** What keeps the database from working, in words for the operator. */

// https://www.sqlite.org/rescode.html (primary result codes) and the codes of Node's file system errors.
const explanations: Readonly<Record<string, string>> = {
  SQLITE_5: 'another process holds its lock; stop that process, or try again when it has finished',
  SQLITE_8: 'it is read-only; make the file and its folder writable for this user',
  SQLITE_10: 'the disk reported an error; check the disk, or restore a copy of the file',
  SQLITE_11: 'it is damaged; restore a copy of the file',
  SQLITE_13: 'the disk is full; free some space',
  SQLITE_14: 'SQLite cannot open it; check that the file and its folder are writable for this user',
  SQLITE_26: 'it is not a SQLite database; choose another path, or restore a copy of the file',
  EACCES: 'this user may not read and write it; correct the permissions of the file and its folder',
  EPERM: 'this user may not read and write it; correct the permissions of the file and its folder',
  EEXIST: 'a part of the path is a file where a folder is expected; choose another path',
  EISDIR: 'it is a folder; choose the path of a file',
  ENOTDIR: 'a part of the path is a file where a folder is expected; choose another path',
  ENOSPC: 'the disk is full; free some space',
  EROFS: 'the file system is read-only; choose another path',
}

/** The middle of a sentence: what is wrong with the file, and what to do. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown reason'
  // The low byte of an extended result code is the primary code.
  if ('errcode' in error) return explanations[`SQLITE_${String(Number(error.errcode) & 0xff)}`] ?? error.message
  return ('code' in error ? explanations[String(error.code)] : undefined) ?? error.message
}
