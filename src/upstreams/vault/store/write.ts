/** Writes records, all or none of them; a record that is already stored changes nothing. */
import { randomUUID } from 'node:crypto'
import { CodedError, reveal } from '../../kit.ts'
import type { Secret } from '../../kit.ts'
import { dueAfterImport } from '../refresh/due.ts'
import { sealedFields } from './crypto.ts'
import { checkKeys, registerActiveKey } from './keys.ts'
import type { AccountRecord } from './record.ts'
import { decodeRecord, encodeRecord, identify, primaryKeyOf } from './rows.ts'
import type { FullRow } from './rows.ts'
import { writing } from './sql.ts'
import type { Dialect, Run } from './sql.ts'
import type { Store } from './store.ts'

export interface WriteCounts {
  readonly added: number
  readonly changed: number
  readonly unchanged: number
}

const columns = [
  ...['row_id', 'user_id', 'provider', 'external_account_id', 'generation', 'provider_user_id', 'expires_at'],
  ...['public_metadata', 'label', 'scopes', 'email_address', 'username', 'first_name', 'last_name', 'image_url'],
  ...['client', 'key_id', 'wrapped_key', 'token', 'token_secret', 'id_token', 'refresh_token', 'extras'],
] as const

/** What is known of the life of tokens begins anew with tokens from outside. */
const cleared = [
  ...['state_reason', 'issued_at_ms', 'lifetime_seconds', 'refresh_expires_at', 'lease_owner', 'lease_until_ms'],
  ...['attempt_started_ms', 'attempt_digest', 'source_digest', 'source_started_ms', 'next_attempt_ms'],
  ...['last_error_class', 'last_error_code', 'last_error_ms'],
]

function statements(dialect: Dialect) {
  const accounts = dialect.table('accounts')
  const seconds = `${dialect.nowMs} / 1000`
  const due = `${dialect.nowMs} + CAST($${String(columns.length + 1)} AS BIGINT)`
  return {
    select: `SELECT * FROM ${accounts} WHERE user_id = $1 AND provider = $2 AND external_account_id = $3`,
    // The row may have been refreshed since it was read: then it is read again.
    upsert: `
  INSERT INTO ${accounts} AS stored (${columns.join(', ')}, refresh_due_ms, state_since_ms, created_at, updated_at)
  VALUES (${columns.map((_, index) => `$${String(index + 1)}`).join(', ')}, ${due}, ${dialect.nowMs}, ${seconds}, ${seconds})
  ON CONFLICT (user_id, provider, external_account_id) DO UPDATE
  SET ${columns.map((column) => `${column} = excluded.${column}`).join(', ')},
    ${cleared.map((column) => `${column} = NULL`).join(', ')}, state = 'ACTIVE', attempts = 0,
    refresh_due_ms = excluded.refresh_due_ms, state_since_ms = excluded.state_since_ms, updated_at = excluded.updated_at
  WHERE stored.generation = excluded.generation - 1
  RETURNING row_id`,
  }
}

/** Adds the accounts that are not there, in one transaction: what the vault has may have been refreshed since. */
export function addAccounts(store: Store, records: readonly AccountRecord[]): Promise<WriteCounts> {
  return writeAll(store, records, 'missing', () => undefined)
}

/**
 * One transaction, which is rolled back where `records` throws. `onProgress` gets the number of records written so far,
 * after each.
 */
export function writeAccounts(
  store: Store,
  records: Iterable<AccountRecord> | AsyncIterable<AccountRecord>,
  onProgress: (done: number) => void = () => undefined,
): Promise<WriteCounts> {
  return writeAll(store, records, 'changed', onProgress)
}

/** Which records are written: those that change something, those of accounts that are not there, or each. */
type Which = 'changed' | 'missing' | 'each'

function writeAll(
  store: Store,
  records: Iterable<AccountRecord> | AsyncIterable<AccountRecord>,
  which: Which,
  onProgress: (done: number) => void,
): Promise<WriteCounts> {
  const { sql, keyring } = store
  return writing(sql, () =>
    sql.transaction(async (run) => {
      // Checked again: another process may have rotated the keys since this one opened the vault.
      await checkKeys(run, sql.dialect, keyring)
      await registerActiveKey(run, sql.dialect, keyring)
      const writeOne = prepareWrite(run, store)
      const counts = { added: 0, changed: 0, unchanged: 0 }
      let written = 0
      for await (const record of records) {
        counts[await writeOne(record, which)] += 1
        onProgress(++written)
      }
      return counts
    }),
  )
}

/** `each`: also where nothing changes, because the tokens are from a consent and the account is well again. */
export function prepareWrite(
  run: Run,
  { sql, keyring }: Pick<Store, 'sql' | 'keyring'>,
): (record: AccountRecord, which: Which) => Promise<keyof WriteCounts> {
  const { select, upsert } = statements(sql.dialect)

  return async function writeOne(record, which) {
    const [row] = await run<FullRow>(select, primaryKeyOf(record))
    const stored = row === undefined ? null : decodeUndamaged(row)
    const merged = { ...stored, ...withoutUndefined(record) }
    if (which === 'missing' && stored !== null) return 'unchanged'
    if (which === 'changed' && stored !== null && fingerprint(stored) === fingerprint(merged)) return 'unchanged'
    const identity = identify(merged, row?.row_id ?? randomUUID(), (row?.generation ?? 0) + 1)
    const encoded = encodeRecord(merged, identity, keyring)
    const values = columns.map((column) => encoded[column])
    const written = await run(upsert, [...values, dueAfterImport(merged)])
    // A refresh moved the generation in between: what it wrote is merged, too.
    if (written.length === 0) return writeOne(record, which)
    return row === undefined ? 'added' : 'changed'
  }

  // Importing an account again is how a damaged row is repaired.
  function decodeUndamaged(row: FullRow): AccountRecord | null {
    try {
      return decodeRecord(row, keyring)
    } catch (error) {
      if (error instanceof CodedError || error instanceof SyntaxError) return null
      throw error
    }
  }
}

function withoutUndefined(record: AccountRecord): AccountRecord {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as AccountRecord
}

// In JSON a Secret is `[redacted]`: the values of the secrets are compared separately.
function fingerprint(record: AccountRecord): string {
  const secrets = sealedFields.map((field) => (field === 'extras' ? null : revealed(record[field])))
  const fields = Object.entries(record).filter(([name]) => name !== 'object')
  return JSON.stringify([secrets, fields.sort(([a], [b]) => (a < b ? -1 : 1))])
}

function revealed(value: Secret | null | undefined): string | null {
  return value ? reveal(value) : null
}
