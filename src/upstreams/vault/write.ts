/** Writes records, all or none of them; a record that is already stored changes nothing. */
import { randomUUID } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { CodedError, reveal } from '../kit.ts'
import { checkKeys, registerActiveKey, sealedFields } from './crypto.ts'
import type { AccountRecord } from './record.ts'
import { decodeRecord, encodeRecord, primaryKeyOf } from './rows.ts'
import type { FullRow } from './rows.ts'
import { writeStore } from './store.ts'
import type { Store } from './store.ts'

export interface WriteCounts {
  readonly added: number
  readonly changed: number
  readonly unchanged: number
}

const selectSql = 'SELECT * FROM accounts WHERE user_id = ? AND provider = ? AND external_account_id = ?'

const columns = [
  ...['row_id', 'user_id', 'provider', 'external_account_id', 'provider_user_id', 'expires_at', 'public_metadata'],
  ...['label', 'scopes', 'email_address', 'username', 'first_name', 'last_name', 'image_url', 'client'],
  ...['key_id', 'wrapped_key', 'token', 'token_secret', 'id_token', 'refresh_token'],
]

const upsertSql = `
  INSERT INTO accounts (${columns.join(', ')}, created_at, updated_at)
  VALUES (${columns.map((column) => `:${column}`).join(', ')}, unixepoch(), unixepoch())
  ON CONFLICT (user_id, provider, external_account_id) DO UPDATE
  SET ${columns.map((column) => `${column} = excluded.${column}`).join(', ')}, updated_at = excluded.updated_at`

/** One transaction. `onProgress` gets the number of records written so far, after each. */
export function writeAccounts(
  store: Store,
  records: readonly AccountRecord[],
  onProgress: (done: number) => void = () => undefined,
): WriteCounts {
  const { database } = store
  return writeStore(store, () => {
    // Checked again: another process may have rotated the keys since this one opened the file.
    checkKeys(database, store.keyring)
    registerActiveKey(database, store.keyring)
    const writeOne = prepareWrite(database, store)
    const counts = { added: 0, changed: 0, unchanged: 0 }
    for (const [index, record] of records.entries()) {
      counts[writeOne(record)] += 1
      onProgress(index + 1)
    }
    return counts
  })
}

function prepareWrite(database: DatabaseSync, store: Store): (record: AccountRecord) => keyof WriteCounts {
  const select = database.prepare(selectSql)
  const upsert = database.prepare(upsertSql)
  return (record) => {
    const row = select.get(...primaryKeyOf(record)) as unknown as FullRow | undefined
    if (row === undefined) {
      upsert.run(encodeRecord(record, randomUUID(), store.keyring))
      return 'added'
    }
    const stored = decodeUndamaged(row, store)
    const merged = { ...stored, ...withoutUndefined(record) }
    if (stored !== null && fingerprint(stored) === fingerprint(merged)) return 'unchanged'
    upsert.run(encodeRecord(merged, row.row_id, store.keyring))
    return 'changed'
  }
}

// Importing an account again is how a damaged row is repaired.
function decodeUndamaged(row: FullRow, store: Store): AccountRecord | null {
  try {
    return decodeRecord(row, store.keyring)
  } catch (error) {
    if (error instanceof CodedError || error instanceof SyntaxError) return null
    throw error
  }
}

function withoutUndefined(record: AccountRecord): AccountRecord {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as AccountRecord
}

// In JSON a Secret is `[redacted]`: the values of the secrets are compared separately.
function fingerprint(record: AccountRecord): string {
  const secrets = sealedFields.map((field) => (record[field] ? reveal(record[field]) : null))
  const fields = Object.entries(record).filter(([name]) => name !== 'object')
  return JSON.stringify([secrets, fields.sort(([a], [b]) => (a < b ? -1 : 1))])
}
