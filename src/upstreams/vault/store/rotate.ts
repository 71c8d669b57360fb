/** Wraps row keys again, under the active key of the ring. The sealed fields do not change. */
import { CodedError } from '../../kit.ts'
import { unwrapRowKey, wrapRowKey } from './crypto.ts'
import type { Keyring, RowIdentity } from './crypto.ts'
import { countRows, registerActiveKey } from './keys.ts'
import { writing } from './sql.ts'
import type { Run } from './sql.ts'
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
export async function rotateKeys(
  store: Store,
  onProgress: (done: number) => void = () => undefined,
): Promise<Rotation> {
  let rewrapped = 0
  const damaged: RowIdentity[] = []
  for (const keyId of await listOldKeys(store)) {
    let batch = await rewrapBatch(store, keyId, '')
    while (batch !== null) {
      rewrapped += batch.rewrapped
      damaged.push(...batch.damaged)
      onProgress(rewrapped)
      batch = await rewrapBatch(store, keyId, batch.after)
    }
    for (const row of await rewrapRevocations(store, keyId)) damaged.push(row)
  }
  return { rewrapped, damaged, ...(await dropUnusedKeys(store)) }
}

/** Re-wraps the next rows of an old key, in the order of their ids; null when there are none. */
export function rewrapBatch(store: Store, keyId: string, after: string, size = BATCH_SIZE): Promise<Batch | null> {
  const { sql, keyring } = store
  const accounts = sql.dialect.table('accounts')
  return writing(sql, () =>
    sql.transaction(async (run) => {
      await registerActiveKey(run, sql.dialect, keyring)
      const rows = await run<WrappedRow>(
        `SELECT row_id, user_id, provider, external_account_id, generation, key_id, wrapped_key FROM ${accounts}
         WHERE key_id = $1 AND row_id > $2 ORDER BY row_id LIMIT ${String(size)}`,
        [keyId, after],
      )
      const last = rows.at(-1)
      if (last === undefined) return null
      const damaged: RowIdentity[] = []
      for (const row of rows) if (!(await rewrap(row, keyring, run, accounts))) damaged.push(row)
      return { after: last.row_id, rewrapped: rows.length - damaged.length, damaged }
    }),
  )
}

/** The same for what still has to be revoked, which is little. Returns the rows that could not be unwrapped. */
function rewrapRevocations(store: Store, keyId: string): Promise<readonly RowIdentity[]> {
  const { sql, keyring } = store
  const revocations = sql.dialect.table('revocations')
  return writing(sql, () =>
    sql.transaction(async (run) => {
      await registerActiveKey(run, sql.dialect, keyring)
      const rows = await run<WrappedRow>(
        `SELECT row_id, user_id, provider, external_account_id, generation, key_id, wrapped_key FROM ${revocations}
         WHERE key_id = $1 AND wrapped_key IS NOT NULL`,
        [keyId],
      )
      const damaged: RowIdentity[] = []
      for (const row of rows) if (!(await rewrap(row, keyring, run, revocations))) damaged.push(row)
      return damaged
    }),
  )
}

async function rewrap(row: WrappedRow, keyring: Keyring, run: Run, table: string): Promise<boolean> {
  const old = keyring.byId.get(row.key_id)
  if (old === undefined) throw new Error(`Key ${row.key_id} is not in \`keys\`.`)
  try {
    const wrapped = wrapRowKey(keyring.active, row, unwrapRowKey(old, row, row.wrapped_key))
    // A refresh in between wrote a key of its own, which this one must not replace.
    await run(
      `UPDATE ${table} SET key_id = $1, wrapped_key = $2 WHERE row_id = $3 AND generation = $4 AND key_id = $5`,
      [keyring.active.id, wrapped, row.row_id, row.generation, row.key_id],
    )
    return true
  } catch (error) {
    if (error instanceof CodedError) return false
    throw error
  }
}

async function listOldKeys({ sql, keyring }: Store, run = sql.run): Promise<readonly string[]> {
  const rows = await run<{ readonly key_id: string }>(
    `SELECT key_id FROM ${sql.dialect.table('vault_keys')} WHERE key_id <> $1`,
    [keyring.active.id],
  )
  return rows.map((row) => row.key_id)
}

function dropUnusedKeys(store: Store): Promise<Pick<Rotation, 'unused' | 'needed'>> {
  const { sql, keyring } = store
  return writing(sql, () =>
    sql.transaction(async (run) => {
      const old = await listOldKeys(store, run)
      const needed: string[] = []
      for (const id of old) if ((await countRows(run, sql.dialect, id)) > 0) needed.push(id)
      const unused = [...new Set([...old, ...keyring.byId.keys()])].filter(
        (id) => id !== keyring.active.id && !needed.includes(id),
      )
      for (const id of unused) await run(`DELETE FROM ${sql.dialect.table('vault_keys')} WHERE key_id = $1`, [id])
      return { unused, needed }
    }),
  )
}
