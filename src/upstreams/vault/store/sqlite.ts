/**
 * The vault in a SQLite file, for the processes of one machine. Statements run in threads, one that reads and one that
 * writes: SQLite waits inside of its calls, for locks and for the disk.
 */
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { openSqliteThread } from '../../kit.ts'
import type { SqliteThread } from '../../kit.ts'
import { migrateSqlite } from './tables.ts'
import type { Dialect, Run, Sql, SqlValue, Transaction } from './sql.ts'

/** Milliseconds that a write waits for another process that holds the lock. */
const BUSY_TIMEOUT_MS = 5000
/** The same while the file is opened: nobody waits for an answer yet, and a loaded machine or a slow disk is no lock. */
const OPENING_TIMEOUT_MS = 30_000

/**
 * With `synchronous` at NORMAL, a power failure undoes the last commits in WAL mode, and with them a rotated refresh
 * token that no provider gives out again (https://www.sqlite.org/pragma.html#pragma_synchronous).
 */
const durable = ['PRAGMA synchronous = FULL', 'PRAGMA secure_delete = ON', 'PRAGMA foreign_keys = ON']
const SYNCHRONOUS_FULL = 2

/**
 * `data_version` is another one after a commit of any other connection, and the connection that reads never writes. It
 * counts for one connection, so that the name of the connection belongs to it: a thread that failed is replaced
 * (https://www.sqlite.org/pragma.html#pragma_data_version).
 */
const nameConnection = 'CREATE TEMP TABLE connection AS SELECT hex(randomblob(16)) AS name'
const connectionVersion = "(SELECT name || ' ' || data_version FROM temp.connection, pragma_data_version)"

export const sqliteDialect: Dialect = {
  name: 'sqlite',
  nowMs: "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
  table: (name) => name,
  // CROSS JOIN makes SQLite read the keys first and then find each by the primary key
  // (https://www.sqlite.org/optoverview.html#manual_control_of_query_plans_using_cross_join).
  wanted: '(SELECT key AS position, value FROM json_each($1)) AS wanted CROSS JOIN',
  skipLocked: '',
  transactionId: '0',
  // A transaction that writes is alone: BEGIN IMMEDIATE.
  lockName: null,
  // One connection writes at a time.
  isSettled: '1 = 1',
}

/**
 * Opens the file; creates it and its folder when they are missing, with permissions for their owner only. Rejects with
 * `Error` for the operator that names the path. `busyTimeoutMs`: how long a write waits for another process, also while the
 * file is opened; null: five seconds, and thirty while it is opened.
 */
export async function openSqlite(file: string, busyTimeoutMs: number | null = null): Promise<Sql> {
  // Absolute: SQLite would read `:memory:` or `file:` as names of its own.
  const path = resolve(file)
  const threads: SqliteThread[] = []
  const open = (readOnly: boolean, setup: readonly string[]): SqliteThread => {
    const thread = openSqliteThread(path, { readOnly, setup })
    threads.push(thread)
    return thread
  }
  const close = async (): Promise<void> => {
    await Promise.all(threads.map((thread) => thread.close()))
  }
  try {
    createFile(path)
    const writer = open(false, durable)
    const run = runOn(writer, busyTimeoutMs ?? BUSY_TIMEOUT_MS)
    const transaction = createTransactions(run, settledOn(writer, busyTimeoutMs ?? BUSY_TIMEOUT_MS))
    const openingMs = busyTimeoutMs ?? OPENING_TIMEOUT_MS
    const opening = runOn(writer, openingMs)
    await migrateSqlite(opening, createTransactions(opening, settledOn(writer, openingMs)).run)
    const [mode] = await opening<{ readonly synchronous: number }>('PRAGMA synchronous')
    if (mode?.synchronous !== SYNCHRONOUS_FULL) throw new Error('it does not keep `synchronous = FULL`')
    // A thread of its own, which an import does not need.
    let reader: SqliteThread | null = null
    return {
      dialect: sqliteDialect,
      place: path,
      run: transaction.alone,
      read: async (sql, values, waitMs) => {
        reader ??= open(true, [nameConnection])
        return (await reader.all(sql, values, waitMs)) as never
      },
      version: connectionVersion,
      transaction: transaction.run,
      explain: explainError,
      compact: () => truncateLog(transaction.settled),
      close,
    }
  } catch (cause) {
    await close()
    throw new Error(`The vault at ${path} cannot be opened: ${explain(cause)}.`, { cause })
  }
}

function createFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  // SQLite gives the -wal and -shm files the permissions of the database file.
  closeSync(openSync(path, 'a', 0o600))
}

function runOn(thread: SqliteThread, waitMs: number): Run {
  return async <Row>(sql: string, values: readonly SqlValue[] = []) =>
    (await thread.all(sql, values, waitMs)) as unknown as readonly Row[]
}

/** For statements whose outcome must be known. */
function settledOn(thread: SqliteThread, waitMs: number): Run {
  return async <Row>(sql: string, values: readonly SqlValue[] = []) =>
    (await thread.settled(sql, values, waitMs)) as unknown as readonly Row[]
}

/**
 * The thread has one connection: a statement outside of the transaction (`alone`, and `settled`, whose outcome is waited
 * for) waits for its end. So is that of each statement in it: a BEGIN that is given up may have taken effect, and leaves
 * the connection in a transaction for ever; so may a COMMIT, and that of a million rows takes longer than any wait for a lock.
 */
function createTransactions(
  run: Run,
  inside: Run,
): { readonly run: Transaction; readonly alone: Run; readonly settled: Run } {
  let last: Promise<unknown> = Promise.resolve()
  let waiting = 0
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work)
    last = turn.catch(() => undefined)
    return turn
  }
  return {
    alone: (sql, values) => (waiting === 0 ? run(sql, values) : inTurn(() => run(sql, values))),
    settled: (sql, values) => inTurn(() => inside(sql, values)),
    run(work) {
      waiting += 1
      return inTurn(async () => {
        // Takes the write lock first, so it cannot deadlock.
        await inside('BEGIN IMMEDIATE')
        try {
          const result = await work(inside)
          await inside('COMMIT')
          return result
        } catch (error) {
          // SQLite has already rolled back after some failures, such as a full disk.
          await inside('ROLLBACK').catch(() => undefined)
          throw error
        }
      }).finally(() => {
        waiting -= 1
      })
    },
  }
}

/**
 * Copies the -wal file into the database and empties it, so that removed ciphertexts do not remain there. false: a reader
 * holds the log, and SQLite empties it another time.
 */
async function truncateLog(run: Run): Promise<boolean> {
  const [row] = await run<{ readonly busy: number }>('PRAGMA wal_checkpoint(TRUNCATE)')
  return row?.busy === 0
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

function explainError(error: unknown): string | null {
  return error instanceof Error && 'errcode' in error ? explain(error) : null
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown reason'
  // The low byte of an extended result code is the primary code.
  if ('errcode' in error) return explanations[`SQLITE_${Number(error.errcode) & 0xff}`] ?? error.message
  return ('code' in error ? explanations[String(error.code)] : undefined) ?? error.message
}
