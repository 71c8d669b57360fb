/** better-auth's PostgreSQL database: a bounded pool, read-only transactions, and a deadline here and at the database. */
import { CodedError, reveal, withDeadline } from '../kit.ts'
import type { ErrorCode, PlatformEvent, UpstreamDeps } from '../kit.ts'
import { statementsFor } from './api.ts'
import type { Database, Dialect, Query, Table } from './api.ts'
import { loadOptionalPackage } from './optional-package.ts'
import type { PostgresAddress, UserIdType } from './options.ts'

/** The part of the package `pg` that is used here. */
interface Pg {
  readonly Pool: new (options: object) => PgPool
}

interface PgPool {
  connect(): Promise<PgClient>
  on(event: 'error', listener: () => void): void
  on(event: 'connect', listener: (client: PgClient) => void): void
  end(): Promise<void>
}

interface PgClient {
  query(sql: string, values?: readonly unknown[]): Promise<{ readonly rows: readonly unknown[] }>
  on(event: 'error', listener: () => void): void
  /** `true` closes the connection; a second call throws. */
  release(destroy: boolean): void
}

interface PostgresOptions extends Pick<UpstreamDeps, 'observe'> {
  readonly concurrency: number
  /** Milliseconds for one statement, the wait for a connection included. */
  readonly timeoutMs: number
}

/** Milliseconds an idle connection is kept. */
const IDLE_MS = 30_000

const columnTypes: Readonly<Record<UserIdType, string>> = { text: 'text', uuid: 'uuid', integer: 'bigint' }

const dialect: Dialect = {
  text: (column) => `${column}::text`,
  // A timestamp without a time zone counts as UTC.
  time: (column) => `extract(epoch FROM ${column})::float8`,
  ordered: (column) => `(${column}::text COLLATE "C")`,
  value: (position) => `($${position}::text[])[1]`,
  among: (column, position, type) => `${column} = ANY($${position}::${columnTypes[type]}[])`,
}

/** Connects on the first statement; throws `Error` for the operator where the package `pg` is missing. */
export function openPostgres(address: PostgresAddress, table: Table, options: PostgresOptions): Database {
  const { Pool } = loadOptionalPackage('pg', 'better-auth on PostgreSQL') as Pg
  const { concurrency, timeoutMs, observe } = options
  const statements = statementsFor(table, dialect)
  const pool = new Pool({
    host: address.host,
    port: address.port,
    database: address.database,
    user: address.user,
    password: () => reveal(address.password),
    ssl: address.tls ? { rejectUnauthorized: true } : false,
    application_name: 'tokengraph',
    max: concurrency,
    connectionTimeoutMillis: timeoutMs,
    idleTimeoutMillis: IDLE_MS,
  })
  // The database closed an idle connection: the next statement opens another. One that is in use fails its statement, and
  // an error that nobody listens to would end the process.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => {
    client.on('error', () => undefined)
  })

  /**
   * Runs the statement in a transaction of its own, so that no setting outlives it in a pooler such as PgBouncer.
   * `leftMs`: what is left until the deadline.
   */
  async function run(
    { operation, values }: Query,
    signal: AbortSignal,
    leftMs: () => number,
  ): Promise<readonly unknown[]> {
    const client = await pool.connect()
    let isHeld = true
    const release = (destroy: boolean): void => {
      if (isHeld) client.release(destroy)
      isHeld = false
    }
    const onAbort = (): void => {
      release(true)
    }
    // Aborted while the connection was being made.
    if (signal.aborted) release(false)
    signal.throwIfAborted()
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      await client.query(`BEGIN READ ONLY; SET LOCAL statement_timeout = ${leftMs()}`)
      const { rows } = await client.query(statements[operation], values)
      await client.query('COMMIT')
      release(false)
      return rows
    } catch (error) {
      release(true)
      throw error
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  return {
    async select(query, call) {
      call.signal.throwIfAborted()
      const started = performance.now()
      const deadline = (): number => Math.min(started + timeoutMs, call.deadline())
      const leftMs = (): number => Math.max(1, Math.ceil(deadline() - performance.now()))
      const bound = { timeoutMs, deadline, timedOut: () => new CodedError('UPSTREAM_TIMEOUT') }
      let outcome: PlatformEvent['outcome'] = 'error'
      try {
        const rows = await withDeadline(call.signal, bound, (signal) => run(query, signal, leftMs))
        outcome = 'ok'
        return rows
      } catch (error) {
        if (call.signal.aborted) {
          outcome = 'aborted'
          throw call.signal.reason
        }
        throw error instanceof CodedError ? error : postgresError(error)
      } finally {
        const { operation, keys } = query
        observe({ operation, keys, outcome, durationMs: performance.now() - started, traces: call.traces?.() ?? [] })
      }
    },
    close: () => pool.end(),
  }
}

// https://www.postgresql.org/docs/current/errcodes-appendix.html, by class unless the whole code is named.
const codes: Readonly<Record<string, ErrorCode>> = {
  '28': 'UPSTREAM_REJECTED', // the user or the password
  '3D': 'UPSTREAM_REJECTED', // no such database
  '3F': 'UPSTREAM_REJECTED', // no such schema
  '42': 'UPSTREAM_REJECTED', // no such table or column, a type that does not fit, no permission
  '57014': 'UPSTREAM_TIMEOUT', // statement_timeout
}

const sqlState = /^[0-9A-Z]{5}$/
const systemCode = /^[A-Z][A-Z0-9_]{1,63}$/

/**
 * By the SQLSTATE; UPSTREAM_UNAVAILABLE for every other one and for a connection that could not be made or broke. The
 * cause keeps only the short code: messages of the originals show the address, and values out of the statement.
 */
function postgresError(error: unknown): CodedError {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
  const isState = sqlState.test(code)
  const known = isState ? (codes[code] ?? codes[code.slice(0, 2)]) : undefined
  const cause = new Error(systemCode.test(code) || isState ? code : 'UNKNOWN')
  return new CodedError(known ?? 'UPSTREAM_UNAVAILABLE', undefined, isState ? { upstream_code: code } : {}, { cause })
}
