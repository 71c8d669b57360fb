/**
 * What the vault asks of a database, and in what SQLite and PostgreSQL differ. Every statement is written once, with `$1`,
 * `$2` … for its values; what cannot be written in the same way comes from the dialect.
 */

export type SqlValue = string | number | null | Uint8Array

/** The rows of one statement. Rejects with the error of the driver. */
export type Run = <Row>(sql: string, values?: readonly SqlValue[]) => Promise<readonly Row[]>

export interface Dialect {
  readonly name: 'sqlite' | 'postgres'
  /** Milliseconds since 1970 by the clock of the database: the only clock that leases know. */
  readonly nowMs: string
  /** A table of ours by its name in statements. */
  table(name: TableName): string
  /** The elements of the JSON array `$1` as `wanted (position, value)`, for a nested loop with what follows. */
  readonly wanted: string
  /** After a subquery that chooses rows to update: rows that another statement updates are left out. */
  readonly skipLocked: string
  /** A statement that no two transactions pass with the same text `$1`, each until its end; null: none is needed. */
  readonly lockName: string | null
  /** The number of the transaction, as events have it. */
  readonly transactionId: string
  /** Whether no transaction that began before the one of an event can still write one. */
  readonly isSettled: string
}

export type TableName = 'accounts' | 'vault_keys' | 'client_health' | 'revocations' | 'events' | 'connect_requests'

/** Runs `work` and commits, or rolls back and rejects with what it rejected with. One at a time. */
export type Transaction = <T>(work: (run: Run) => Promise<T>) => Promise<T>

/** An open database. */
export interface Sql {
  readonly dialect: Dialect
  /** The place in messages: a path, or the host and the name of the database. */
  readonly place: string
  /** One statement, which commits by itself, as every write on the path of a request does. */
  readonly run: Run
  /** One statement that only reads: it waits for no write of this process, and `waitMs` at most for another one's. */
  read<Row>(sql: string, values: readonly SqlValue[], waitMs: number): Promise<readonly Row[]>
  /**
   * An expression for `read` whose value is another one after each commit of anybody, and for each connection; null:
   * the database has none.
   */
  readonly version: string | null
  readonly transaction: Transaction
  /** The middle of a sentence for the operator: what is wrong, and what to do. null: not an error of the database. */
  explain(error: unknown): string | null
  /** Frees what removed and replaced rows left on the disk, where that is for this process to do; false: not now. */
  compact(): Promise<boolean>
  close(): Promise<void>
}

/** Rejects with `Error` for the operator where the database fails, and with what `work` rejects with otherwise. */
export async function writing<T>(sql: Sql, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    const why = sql.explain(cause)
    if (why === null) throw cause
    throw new Error(`The vault at ${sql.place} cannot be written: ${why}.`, { cause })
  }
}
