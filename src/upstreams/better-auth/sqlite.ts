/** better-auth's SQLite file, opened read-only in a thread of its own. */
import { resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { CodedError, openSqliteThread, waitMs } from '../kit.ts'
import type { PlatformEvent, UpstreamDeps } from '../kit.ts'
import { statementsFor } from './api.ts'
import type { Database, Dialect, Statements, Table } from './api.ts'

/** Milliseconds that the start waits: a reader in WAL mode hardly waits, and in the other modes for a commit. */
const BUSY_TIMEOUT_MS = 250
/** Milliseconds that a read waits for the app, which holds the lock. */
const MAX_WAIT_MS = 2000

// https://www.sqlite.org/rescode.html, primary codes: the statement does not fit the tables.
const SQLITE_ERROR = 1

const dialect: Dialect = {
  text: (column) => `CAST(${column} AS TEXT)`,
  time: (column) => column,
  // SQLite may look the values up in an index or scan the table once; it never scans once for each value.
  ordered: (column) => `CAST(${column} AS TEXT)`,
  value: () => '(? ->> 0)',
  among: (column) => `${column} IN (SELECT value FROM json_each(?))`,
}

/** Throws `Error` with a message for the operator where the file, the table or a column is missing. */
export function openSqlite(path: string, table: Table, observe: UpstreamDeps['observe']): Database {
  const absolute = resolve(path)
  const statements = statementsFor(table, dialect)
  check(absolute, statements)
  const thread = openSqliteThread(absolute)
  return {
    async select({ operation, keys, values }, call) {
      call.signal.throwIfAborted()
      const started = performance.now()
      let outcome: PlatformEvent['outcome'] = 'error'
      try {
        const parameters = values.map((each) => JSON.stringify(each))
        const rows = await thread.all(statements[operation], parameters, waitMs(call, MAX_WAIT_MS))
        outcome = 'ok'
        return rows
      } catch (error) {
        throw sqliteError(error)
      } finally {
        observe({ operation, keys, outcome, durationMs: performance.now() - started, traces: call.traces?.() ?? [] })
      }
    },
    close: () => thread.close(),
  }
}

/** Prepares the statements once, so that a table or a column that is missing keeps the server from starting. */
function check(path: string, statements: Statements): void {
  const database = open(path)
  try {
    for (const sql of Object.values(statements)) database.prepare(sql)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'unknown reason'
    throw new Error(`The better-auth database at ${path} cannot be read: ${reason}.`, { cause })
  } finally {
    database.close()
  }
}

function open(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS })
  } catch (cause) {
    throw new Error(`The better-auth database at ${path} cannot be opened: check that it is there and readable.`, {
      cause,
    })
  }
}

function sqliteError(error: unknown): CodedError {
  const errcode = error instanceof Error && 'errcode' in error ? Number(error.errcode) : 0
  const code = (errcode & 0xff) === SQLITE_ERROR ? 'UPSTREAM_REJECTED' : 'UPSTREAM_UNAVAILABLE'
  return new CodedError(code, undefined, {}, { cause: new Error(`SQLITE_${errcode}`) })
}
