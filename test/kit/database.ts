/** A SQLite file that the product has open as well. */
import { DatabaseSync } from 'node:sqlite'

/** Milliseconds to wait for a lock, which another thread or process holds for a moment. */
const LOCK_MS = 10_000

export function openDatabase(path: string): DatabaseSync {
  return new DatabaseSync(path, { timeout: LOCK_MS })
}
