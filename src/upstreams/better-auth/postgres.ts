/** better-auth's PostgreSQL database: a bounded pool, read-only transactions, and a deadline on both sides. */
import { CodedError } from '../../errors.ts'
import { reveal } from '../../lib/secret.ts'
import { withDeadline } from '../http/deadline.ts'
import type { UpstreamDeps, UpstreamEvent } from '../platform.ts'
import { loadOptionalPackage } from './optional-package.ts'
import type { Database, Query } from './database.ts'
import { postgresError } from './postgres-error.ts'
import type { PostgresAddress } from './postgres-url.ts'
import { selectAccounts, selectTokens, type Dialect, type Where } from './statements.ts'

/** The part of the package `pg` that is used here. */
interface Pg {
  readonly Pool: new (options: object) => PgPool
}

interface PgPool {
  connect(): Promise<PgClient>
  on(event: 'error', listener: () => void): void
  end(): Promise<void>
}

interface PgClient {
  query(sql: string, values?: readonly unknown[]): Promise<{ readonly rows: readonly unknown[] }>
  /** `true` closes the connection; a second call throws. */
  release(destroy: boolean): void
}

interface Bounds {
  readonly concurrency: number
  /** Milliseconds for one statement, the wait for a connection included. */
  readonly timeout_ms: number
}

/** Milliseconds an idle connection is kept. */
const IDLE_MS = 30_000

const columnTypes: Readonly<Record<string, string>> = { text: 'text', uuid: 'uuid', integer: 'bigint' }

const dialect: Dialect = {
  text: (column) => `${column}::text`,
  // A timestamp without a time zone counts as UTC.
  time: (column) => `extract(epoch FROM ${column})::float8`,
  among: (column, position, type) => `${column} = ANY($${String(position)}::${columnTypes[type] ?? type}[])`,
}

/** Connects on the first statement; throws `Error` for the operator where the package `pg` is missing. */
export function openPostgres(address: PostgresAddress, where: Where, bounds: Bounds, deps: UpstreamDeps): Database {
  const { Pool } = loadOptionalPackage('pg', 'better-auth on PostgreSQL') as Pg
  const { timeout_ms } = bounds
  const { name: upstream } = deps
  const statements = {
    'better-auth.tokens': selectTokens(where, dialect),
    'better-auth.accounts': selectAccounts(where, dialect),
  }
  const pool = new Pool({
    host: address.host,
    port: address.port,
    database: address.database,
    user: address.user,
    password: () => reveal(address.password),
    ssl: address.tls ? { rejectUnauthorized: true } : false,
    application_name: 'tokengraph',
    max: bounds.concurrency,
    connectionTimeoutMillis: timeout_ms,
    idleTimeoutMillis: IDLE_MS,
  })
  // The database closed an idle connection: the next statement opens another.
  pool.on('error', () => undefined)

  /** The statement alone in a transaction, so that no setting outlives it in a pooler such as PgBouncer. */
  async function run(
    { operation, values }: Query,
    signal: AbortSignal,
    left: () => number,
  ): Promise<readonly unknown[]> {
    const client = await pool.connect()
    let isFree = true
    const release = (destroy: boolean): void => {
      if (isFree) client.release(destroy)
      isFree = false
    }
    const leave = (): void => {
      release(true)
    }
    // The deadline passed while the connection was on its way: nobody waits for it any more.
    if (signal.aborted) release(false)
    signal.throwIfAborted()
    signal.addEventListener('abort', leave, { once: true })
    try {
      await client.query(`BEGIN READ ONLY; SET LOCAL statement_timeout = ${String(left())}`)
      const { rows } = await client.query(statements[operation], values)
      await client.query('COMMIT')
      release(false)
      return rows
    } catch (error) {
      release(true)
      throw error
    } finally {
      signal.removeEventListener('abort', leave)
    }
  }

  return {
    async select(query, call) {
      call.signal.throwIfAborted()
      const { operation, keys } = query
      const started = performance.now()
      const deadline = (): number => Math.min(started + timeout_ms, call.deadline ?? Infinity)
      const left = (): number => Math.max(1, Math.ceil(deadline() - performance.now()))
      let outcome: UpstreamEvent['outcome'] = 'error'
      try {
        const timedOut = (): CodedError => new CodedError('UPSTREAM_TIMEOUT', undefined, { upstream })
        const rows = await withDeadline(
          call.signal,
          timeout_ms,
          timedOut,
          (signal) => run(query, signal, left),
          deadline,
        )
        outcome = 'ok'
        return rows
      } catch (error) {
        if (call.signal.aborted) {
          outcome = 'aborted'
          throw call.signal.reason
        }
        throw error instanceof CodedError ? error : postgresError(error, upstream)
      } finally {
        deps.observe({ upstream, operation, keys, outcome, duration_ms: performance.now() - started })
      }
    },
    close: () => pool.end(),
  }
}
