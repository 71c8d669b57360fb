/** better-auth's SQLite file, opened read-only. */
import { resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { CodedError } from '../kit.ts'
import type { PlatformEvent, UpstreamDeps } from '../kit.ts'
import { statementsFor } from './api.ts'
import type { Database, Dialect, Table } from './api.ts'

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
export function openSqlite(path: string, table: Table, observe: UpstreamDeps['observe']): Database {
  const absolute = resolve(path)
  const database = open(absolute)
  const statements = prepare(database, table, absolute)
  return {
    async select({ operation, keys, values }, call) {
      call.signal.throwIfAborted()
      const started = performance.now()
      let outcome: PlatformEvent['outcome'] = 'error'
      try {
        const rows = statements[operation].all(...values.map((each) => JSON.stringify(each)))
        outcome = 'ok'
        return await Promise.resolve(rows)
      } catch (error) {
        throw sqliteError(error)
      } finally {
        observe({ operation, keys, outcome, durationMs: performance.now() - started })
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
    database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
    return database
  } catch (cause) {
    throw new Error(`The better-auth database at ${path} cannot be opened: check that it is there and readable.`, {
      cause,
    })
  }
}

function prepare(database: DatabaseSync, table: Table, path: string) {
  const sql = statementsFor(table, dialect)
  try {
    return {
      'better-auth.tokens': database.prepare(sql['better-auth.tokens']),
      'better-auth.accounts': database.prepare(sql['better-auth.accounts']),
    }
  } catch (cause) {
    database.close()
    const reason = cause instanceof Error ? cause.message : 'unknown reason'
    throw new Error(`The better-auth database at ${path} cannot be read: ${reason}.`, { cause })
  }
}

function sqliteError(error: unknown): CodedError {
  const errcode = error instanceof Error && 'errcode' in error ? Number(error.errcode) : 0
  const code = (errcode & 0xff) === SQLITE_ERROR ? 'UPSTREAM_REJECTED' : 'UPSTREAM_UNAVAILABLE'
  return new CodedError(code, undefined, {}, { cause: new Error(`SQLITE_${errcode}`) })
}
