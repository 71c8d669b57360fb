/** Transactions of the vault. */
import type { DatabaseSync } from 'node:sqlite'

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
