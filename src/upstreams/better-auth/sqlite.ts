/** better-auth's SQLite file, opened for reading alone. */
import { resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { CodedError } from '../../errors.ts'
import type { UpstreamDeps, UpstreamEvent } from '../platform.ts'
import type { Database } from './database.ts'
import { selectAccounts, selectTokens, type Dialect, type Where } from './statements.ts'

/** Milliseconds. A reader of a file in WAL mode never waits; in the other modes a commit takes no longer. */
const BUSY_TIMEOUT_MS = 250

// https://www.sqlite.org/rescode.html, primary codes: the statement does not fit the tables.
const SQLITE_ERROR = 1

const dialect: Dialect = {
  text: (column) => `CAST(${column} AS TEXT)`,
  time: (column) => column,
  // SQLite may look the values up in an index or scan the table once; it never scans once for each value.
  among: (column) => `${column} IN (SELECT value FROM json_each(?))`,
}

/** Throws `Error` with a message for the operator where the file, the table or a column is missing. */
export function openSqlite(path: string, where: Where, { name, observe }: UpstreamDeps): Database {
  const absolute = resolve(path)
  const database = open(absolute)
  const statements = prepare(database, where, absolute)
  return {
    async select({ operation, keys, values }, call) {
      call.signal.throwIfAborted()
      const started = performance.now()
      let outcome: UpstreamEvent['outcome'] = 'error'
      try {
        const rows = statements[operation].all(...values.map((each) => JSON.stringify(each)))
        outcome = 'ok'
        return await Promise.resolve(rows)
      } catch (error) {
        throw sqliteError(error, name)
      } finally {
        observe({ upstream: name, operation, keys, outcome, duration_ms: performance.now() - started })
      }
    },
    close() {
      if (database.isOpen) database.close()
      return Promise.resolve()
    },
  }
}

function open(path: string): DatabaseSync {
  try {
    const database = new DatabaseSync(path, { readOnly: true })
    database.exec(`PRAGMA busy_timeout = ${String(BUSY_TIMEOUT_MS)}`)
    return database
  } catch (cause) {
    throw new Error(`The better-auth database at ${path} cannot be opened: check that it is there and readable.`, {
      cause,
    })
  }
}

function prepare(database: DatabaseSync, where: Where, path: string) {
  try {
    return {
      'better-auth.tokens': database.prepare(selectTokens(where, dialect)),
      'better-auth.accounts': database.prepare(selectAccounts(where, dialect)),
    }
  } catch (cause) {
    database.close()
    const reason = cause instanceof Error ? cause.message : 'unknown reason'
    throw new Error(`The better-auth database at ${path} cannot be read: ${reason}.`, { cause })
  }
}

function sqliteError(error: unknown, upstream: string): CodedError {
  const errcode = error instanceof Error && 'errcode' in error ? Number(error.errcode) : 0
  const code = (errcode & 0xff) === SQLITE_ERROR ? 'UPSTREAM_REJECTED' : 'UPSTREAM_UNAVAILABLE'
  return new CodedError(code, undefined, { upstream }, { cause: new Error(`SQLITE_${String(errcode)}`) })
}
