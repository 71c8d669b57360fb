/**
 * The vault in PostgreSQL, for any number of machines. What a request does is one statement each, so that a pooler may
 * give every statement another session; only the command line uses transactions.
 */
import type { Pool as PgPool, PoolClient, QueryConfig } from 'pg'
import { migratePostgres } from './tables.ts'
import type { Dialect, Run, Sql, SqlValue, Transaction } from './sql.ts'

export interface PostgresOptions {
  /** `postgres://user:password@host/database`; its parameters, such as `sslmode`, are those of the driver. */
  readonly url: string
  readonly connections: number
}

/** Milliseconds to wait for a connection, and for the answer of a statement. */
const CONNECT_TIMEOUT_MS = 5000
const STATEMENT_TIMEOUT_MS = 5000
/** Milliseconds for the answer to a COMMIT: of what is given up, nobody knows whether it took effect. */
const COMMIT_TIMEOUT_MS = 600_000
/** Types by their OIDs: BIGINT, which the driver returns as text, and BYTEA, which PostgreSQL writes as `\\x` and hex. */
const INT8 = 20
const BYTEA = 17

const postgresDialect: Dialect = {
  name: 'postgres',
  // Stable within a statement, so that an index can be used; now() is the start of a transaction.
  nowMs: '(extract(epoch FROM statement_timestamp()) * 1000)::bigint',
  table: (name) => `tokengraph.${name}`,
  wanted:
    '(SELECT ordinality - 1 AS position, value FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY) AS wanted CROSS JOIN',
  skipLocked: 'FOR UPDATE SKIP LOCKED',
  transactionId: 'pg_current_xact_id()::text::bigint',
  lockName: 'SELECT pg_advisory_xact_lock(hashtextextended($1, 0))',
  // Numbers of transactions are those of a cluster: a database that was restored into another one has greater ones.
  isSettled: `(tx < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
    OR created_at_ms < (extract(epoch FROM statement_timestamp()) * 1000)::bigint - 3600000)`,
}

/** Connects and brings the tables to the current version. Rejects with `Error` for the operator, which shows no password. */
export async function openPostgres({ url, connections }: PostgresOptions): Promise<Sql> {
  const place = placeOf(url)
  const { default: pg } = await import('pg')
  const pool = new pg.Pool({
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS,
    application_name: 'tokengraph',
    types: { getTypeParser: parserOf },
  })
  // An idle connection that breaks is replaced with the next statement.
  pool.on('error', () => undefined)
  const run = runOn(pool)
  const transaction = transactionsOf(pool)
  try {
    await refuseAsynchronousCommit(run)
    await migratePostgres(run, transaction)
    return {
      dialect: postgresDialect,
      place,
      run,
      read: (sql, values) => run(sql, values),
      version: null,
      transaction,
      explain: explainError,
      // PostgreSQL vacuums by itself.
      compact: () => Promise.resolve(true),
      close: () => pool.end(),
    }
  } catch (cause) {
    await pool.end().catch(() => undefined)
    throw new Error(`The vault at ${place} cannot be opened: ${explain(cause)}.`, { cause })
  }
}

/** How the driver reads a type: whole numbers, bytes and text are all that the tables have. */
function parserOf(oid: number): (value: string) => unknown {
  if (oid === INT8) return Number
  return oid === BYTEA ? (value) => Buffer.from(value.slice(2), 'hex') : (value) => value
}

/** With it, a crash of the server undoes the last commits, and with them a rotated refresh token. */
async function refuseAsynchronousCommit(run: Run): Promise<void> {
  const [setting] = await run<{ value: string }>("SELECT current_setting('synchronous_commit') AS value")
  if (setting?.value === 'off')
    throw new Error('`synchronous_commit` is off, which can lose a rotated refresh token; switch it on for this user')
}

function runOn(client: Pick<PgPool | PoolClient, 'query'>): Run {
  return async <Row>(sql: string, values: readonly SqlValue[] = []) => {
    const result = await client.query(sql, [...values])
    return result.rows as readonly Row[]
  }
}

function transactionsOf(pool: PgPool): Transaction {
  return async (work) => {
    const client = await pool.connect()
    let broken: Error | undefined
    // Its next statement rejects as well. An error that nobody listens to ends the process.
    const onBroken = (error: Error): void => {
      broken = error
    }
    client.on('error', onBroken)
    try {
      await client.query('BEGIN')
      const result = await work(runOn(client))
      await commit(client)
      return result
    } catch (error) {
      // What says why, and not that nothing can be asked any more.
      const cause = error instanceof Error && 'code' in error ? error : (broken ?? error)
      await client.query('ROLLBACK').catch((failure: unknown) => {
        broken ??= failure instanceof Error ? failure : new Error('the rollback failed')
      })
      throw cause
    } finally {
      client.off('error', onBroken)
      client.release(broken)
    }
  }
}

/** A COMMIT that waits for a replica is no failure; one whose connection breaks may have taken effect. */
async function commit(client: PoolClient): Promise<void> {
  try {
    // The types of the driver lack the member.
    await client.query({ text: 'COMMIT', query_timeout: COMMIT_TIMEOUT_MS } as QueryConfig)
  } catch (cause) {
    const isAnswer = cause instanceof Error && 'code' in cause && /^[0-9A-Z]{5}$/.test(String(cause.code))
    throw isAnswer ? cause : Object.assign(new Error('no answer to COMMIT', { cause }), { code: 'COMMIT_UNKNOWN' })
  }
}

/** Host and database, without the user and the password. */
function placeOf(url: string): string {
  const { host, pathname } = new URL(url)
  return `${host}${pathname}`
}

// https://www.postgresql.org/docs/current/errcodes-appendix.html, and the codes of Node's sockets.
const explanations: Readonly<Record<string, string>> = {
  '28P01': 'the password is not accepted; correct the user and the password in `database_url`',
  '28000': 'this user may not connect; correct `database_url`, or pg_hba.conf of the server',
  '3D000': 'there is no such database; create it first',
  '42501': 'this user has no right to that; grant CREATE on the database, or create the tables as another user',
  '53100': 'its disk is full; free some space',
  '53300': 'it has no connection left; lower `connections`, or raise max_connections of the server',
  '25006': 'it is read-only; connect to the primary server',
  '57P01': 'it is shutting down; try again when it is back',
  '57P03': 'it is starting up; try again in a moment',
  '40P01': 'another transaction waited for this one; try again',
  '55P03': 'another transaction holds its rows; try again when that has ended',
  COMMIT_UNKNOWN: 'it did not say whether it kept what was written; look, before you write it again',
  ECONNREFUSED: 'nothing listens there; start the server, or correct `database_url`',
  ENOTFOUND: 'its host name does not resolve; correct `database_url`',
  ETIMEDOUT: 'it does not answer; check the network, or correct `database_url`',
}

function explainError(error: unknown): string | null {
  if (!(error instanceof Error)) return null
  const code = 'code' in error ? String(error.code) : null
  if (code === null && !/timeout|connection terminated/i.test(error.message)) return null
  return explain(error)
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown reason'
  const code = 'code' in error ? String(error.code) : ''
  if (code !== '') return explanations[code] ?? `the database answers with ${code}`
  if (/timeout/i.test(error.message)) return 'it did not answer in time; try again, or look what keeps it busy'
  if (/connection terminated/i.test(error.message)) return 'the connection broke; try again when it is back'
  return error.message
}
