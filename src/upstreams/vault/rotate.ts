/** Wraps row keys again, under the active key of the ring. The sealed fields do not change. */
import type { StatementSync } from 'node:sqlite'
import { CodedError } from '../kit.ts'
import { countRows, registerActiveKey, unwrapRowKey, wrapRowKey } from './crypto.ts'
import type { Keyring, RowIdentity } from './crypto.ts'
import { writeStore } from './store.ts'
import type { Store } from './store.ts'

const BATCH_SIZE = 500

interface WrappedRow extends RowIdentity {
  readonly key_id: string
  readonly wrapped_key: Uint8Array
}

/** The result of one batch, which the next batch continues from. */
interface Batch {
  /** The row id of the last row of the batch. */
  readonly after: string
  readonly rewrapped: number
  /** Rows that could not be unwrapped; they stay as they are. */
  readonly damaged: readonly RowIdentity[]
}

export interface Rotation {
  readonly rewrapped: number
  readonly damaged: readonly RowIdentity[]
  /** Ids of keys that no row needs. */
  readonly unused: readonly string[]
  /** Ids of old keys that rows still need. */
  readonly needed: readonly string[]
}

/**
 * Uses one transaction for every 500 rows, so that readers and other writers get their turn and an interrupted rotation
 * loses nothing: the next one continues with the rows that are not yet under the active key. `onProgress` gets the
 * number of rows done so far.
 */
export function rotateKeys(store: Store, onProgress: (done: number) => void = () => undefined): Rotation {
  let rewrapped = 0
  const damaged: RowIdentity[] = []
  for (const keyId of listOldKeys(store)) {
    let batch = rewrapBatch(store, keyId, '')
    while (batch !== null) {
      rewrapped += batch.rewrapped
      damaged.push(...batch.damaged)
      onProgress(rewrapped)
      batch = rewrapBatch(store, keyId, batch.after)
    }
  }
  return { rewrapped, damaged, ...dropUnusedKeys(store) }
}

/** Re-wraps the next rows of an old key, in the order of their ids; null when there are none. */
export function rewrapBatch(store: Store, keyId: string, after: string, size = BATCH_SIZE): Batch | null {
  const { database, keyring } = store
  return writeStore(store, () => {
    registerActiveKey(database, keyring)
    const rows = database
      .prepare(
        `SELECT row_id, user_id, provider, external_account_id, key_id, wrapped_key FROM accounts
         WHERE key_id = ? AND row_id > ? ORDER BY row_id LIMIT ?`,
      )
      .all(keyId, after, size) as unknown as readonly WrappedRow[]
    const last = rows.at(-1)
    if (last === undefined) return null
    const update = database.prepare('UPDATE accounts SET key_id = ?, wrapped_key = ? WHERE row_id = ?')
    const damaged = rows.filter((row) => !rewrap(row, keyring, update))
    return { after: last.row_id, rewrapped: rows.length - damaged.length, damaged }
  })
}

function rewrap(row: WrappedRow, keyring: Keyring, update: StatementSync): boolean {
  const old = keyring.byId.get(row.key_id)
  if (old === undefined) throw new Error(`Key ${row.key_id} is not in \`keys\`.`)
  try {
    update.run(keyring.active.id, wrapRowKey(keyring.active, row, unwrapRowKey(old, row, row.wrapped_key)), row.row_id)
    return true
  } catch (error) {
    if (error instanceof CodedError) return false
    throw error
  }
}

function listOldKeys(store: Store): readonly string[] {
  const rows = store.database.prepare('SELECT key_id FROM vault_keys WHERE key_id <> ?').all(store.keyring.active.id)
  return rows.map((row) => row.key_id as string)
}

function dropUnusedKeys(store: Store): Pick<Rotation, 'unused' | 'needed'> {
  return writeStore(store, () => {
    const needed = listOldKeys(store).filter((id) => countRows(store.database, id) > 0)
    const unused = [...new Set([...listOldKeys(store), ...store.keyring.byId.keys()])].filter(
      (id) => id !== store.keyring.active.id && !needed.includes(id),
    )
    const drop = store.database.prepare('DELETE FROM vault_keys WHERE key_id = ?')
    for (const id of unused) drop.run(id)
    return { unused, needed }
  })
}
