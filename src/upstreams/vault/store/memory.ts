/**
 * Rows that were read before. They are never taken for current by their age: a row answers again where the database
 * proves that nothing was committed since it was read, or where it has just returned the same row. What is made of a
 * row is kept by the object of the row, so that it is decrypted once for as long as it does not change.
 */
import { LRUCache } from 'lru-cache'
import type { ReadRow } from './rows.ts'

export interface RowMemory {
  /**
   * The rows of a key; undefined: they have to be read. `version` is that of the database now; another one than at the last
   * call forgets everything.
   */
  recall(id: string, version: string): readonly ReadRow[] | undefined
  /**
   * Takes the rows of a key that were read at `version` or later; null: the database has none. Returns the rows that were
   * kept before where they are the same.
   */
  keep(id: string, rows: readonly ReadRow[], version: string | null): readonly ReadRow[]
}

/** Of a whole vault: about 10,000 accounts. */
const MAX_BYTES = 32 * 1024 * 1024
/** What a row costs beside its values: objects, and the record that is made of it. */
const BYTES_OF_ROW = 2048
/** Milliseconds after which rows that nobody asks for are dropped, so that no removed secret stays in memory. */
const UNUSED_MS = 30_000

export function createRowMemory(): RowMemory {
  const kept = new LRUCache<string, readonly ReadRow[]>({
    maxSize: MAX_BYTES,
    sizeCalculation: (rows, id) => id.length + rows.reduce((size, row) => size + sizeOf(row), 1),
    ttl: UNUSED_MS,
    updateAgeOnGet: true,
  })
  let current: string | null = null
  let timer: NodeJS.Timeout | null = null

  function purge(): void {
    kept.purgeStale()
    timer = kept.size === 0 ? null : setTimeout(purge, UNUSED_MS).unref()
  }

  return {
    recall(id, version) {
      if (version !== current) kept.clear()
      current = version
      return kept.get(id)
    },
    keep(id, rows, version) {
      const before = kept.get(id)
      const same = before?.length === rows.length && rows.every((row, n) => isSame(row, before[n]))
      const found = same ? before : rows
      if (version !== current) return found
      if (rows.length === 0) kept.delete(id)
      else if (!same) kept.set(id, rows)
      timer ??= setTimeout(purge, UNUSED_MS).unref()
      return found
    },
  }
}

/** Both came from one statement: the same columns in the same order. */
function isSame(row: ReadRow, before: ReadRow | undefined): boolean {
  if (before === undefined) return false
  for (const name in row) {
    // The clock moves on, and says nothing of the row.
    if (name === 'now_ms' || name === 'position') continue
    const [value, known] = [row[name as keyof ReadRow], before[name as keyof ReadRow]]
    if (value === known) continue
    if (!(value instanceof Uint8Array) || !(known instanceof Uint8Array) || Buffer.compare(value, known) !== 0)
      return false
  }
  return true
}

function sizeOf(row: ReadRow): number {
  let size = BYTES_OF_ROW
  for (const value of Object.values(row)) {
    // A ciphertext, and the text that it becomes.
    if (value instanceof Uint8Array) size += 2 * value.length
    else if (typeof value === 'string') size += value.length
  }
  return size
}
