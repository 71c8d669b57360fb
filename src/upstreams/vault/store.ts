/** The database file of a vault: opens it, runs transactions, and explains to the operator why either fails. */
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { checkKeys, createKeyring, registerActiveKey } from './crypto.ts'
import type { Keyring } from './crypto.ts'
import { isCurrent, migrate } from './migrations.ts'
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
 * Opens the file; creates it and its folder when they are missing, with permissions for their owner only. Throws `Error`
 * with a message for the operator that names the path. `busyTimeoutMs`: how long to wait for another process that holds
 * the lock.
 */
export function openStore(options: VaultOptions, busyTimeoutMs = BUSY_TIMEOUT_MS): Store {
  const keyring = createKeyring(options.keys)
  // Absolute: SQLite would read `:memory:` or `file:` as names of its own.
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
    database.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`)
    // Before the switch to WAL mode, which would write to a database of another application.
    if (!isCurrent(database)) {
      inTransaction(database, () => {
        migrate(database)
      })
    }
    database.exec('PRAGMA journal_mode = WAL; PRAGMA secure_delete = ON')
    checkKeys(database, keyring)
    registerActiveKey(database, keyring)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** From now on no call waits for another process: for a thread that has other work. */
export function stopWaiting({ database }: Store): void {
  database.exec('PRAGMA busy_timeout = 0')
}

function closeDatabase(database: DatabaseSync): void {
  if (database.isOpen) database.close()
}

/** Runs `work` in one transaction. Throws what `work` throws, and `Error` for the operator when the database fails. */
export function writeStore<T>(store: Store, work: () => T): T {
  try {
    return inTransaction(store.database, work)
  } catch (cause) {
    if (!(cause instanceof Error && 'errcode' in cause)) throw cause
    throw new Error(`The vault at ${store.path} cannot be written: ${explain(cause)}.`, { cause })
  }
}

/**
 * Copies the -wal file into the database and empties it, so that removed ciphertexts do not remain there. Returns false
 * where a reader holds the log: SQLite then empties it another time.
 */
export function truncateLog(database: DatabaseSync): boolean {
  const row = database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get() as { readonly busy: number } | undefined
  return row?.busy === 0
}

/** Runs `work` and commits, or rolls back and throws what it threw. Takes the write lock first, so it cannot deadlock. */
function inTransaction<T>(database: DatabaseSync, work: () => T): T {
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
function explain(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown reason'
  // The low byte of an extended result code is the primary code.
  if ('errcode' in error) return explanations[`SQLITE_${Number(error.errcode) & 0xff}`] ?? error.message
  return ('code' in error ? explanations[String(error.code)] : undefined) ?? error.message
}
