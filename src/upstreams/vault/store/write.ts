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
import type { Dialect, Run, SqlValue } from './sql.ts'
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
  ...['state_reason', 'issued_at_ms', 'lifetime_seconds', 'refresh_expires_at', 'next_attempt_ms'],
  ...['last_error_class', 'last_error_code', 'last_error_ms'],
]
/** As long as somebody presents for new tokens what the account keeps, nobody else may. */
const underWay = [
  ...['lease_owner', 'lease_until_ms', 'attempt_started_ms', 'attempt_digest', 'source_digest', 'source_started_ms'],
]

/**
 * Values of a row in the statement: those of its columns, in how many milliseconds its refresh is due, and 1 where it
 * keeps what it presents for new tokens. A statement reads of `excluded` only what is a column: `attempts` has the last.
 */
const WIDTH = columns.length + 2

function statements(dialect: Dialect) {
  const accounts = dialect.table('accounts')
  const seconds = `${dialect.nowMs} / 1000`
  const rowAt = (first: number): string => {
    const value = (index: number): string => `$${String(first + index)}`
    const due = `${dialect.nowMs} + CAST(${value(columns.length)} AS BIGINT)`
    const keeps = value(columns.length + 1)
    return `(${columns.map((_, index) => value(index)).join(', ')}, ${due}, ${keeps}, ${dialect.nowMs}, ${seconds}, ${seconds})`
  }
  const isUnderWay = `excluded.attempts = 1 AND stored.lease_until_ms > ${dialect.nowMs}`
  return {
    /** The rows of a JSON array of primary keys. */
    select: `SELECT stored.* FROM ${dialect.wanted} ${accounts} AS stored WHERE stored.user_id = wanted.value ->> 0
      AND stored.provider = wanted.value ->> 1 AND stored.external_account_id = wanted.value ->> 2`,
    // A row may have been refreshed since it was read: then it is read again.
    upsert: (rows: number): string => `
  INSERT INTO ${accounts} AS stored (${columns.join(', ')}, refresh_due_ms, attempts, state_since_ms, created_at, updated_at)
  VALUES ${Array.from({ length: rows }, (_, row) => rowAt(row * WIDTH + 1)).join(', ')}
  ON CONFLICT (user_id, provider, external_account_id) DO UPDATE
  SET ${columns.map((column) => `${column} = excluded.${column}`).join(', ')},
    ${cleared.map((column) => `${column} = NULL`).join(', ')}, state = 'ACTIVE', attempts = 0,
    ${underWay.map((column) => `${column} = CASE WHEN ${isUnderWay} THEN stored.${column} END`).join(', ')},
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
      const write = prepareWrite(run, store)
      const counts = { added: 0, changed: 0, unchanged: 0 }
      let done = 0
      for await (const batch of batches(records)) {
        for (const outcome of await write(batch, which)) counts[outcome] += 1
        done += batch.length
        onProgress(done)
      }
      return counts
    }),
  )
}

/** Records of one statement: each costs a turn of the thread, or of the network. */
const BATCH = 64
/** Characters of the secrets of one statement: a batch is held in memory several times over. */
const BATCH_CHARACTERS = 1_048_576

/** No batch has an account twice: the second record may change what the first one wrote. */
async function* batches(records: Iterable<AccountRecord> | AsyncIterable<AccountRecord>) {
  let batch: AccountRecord[] = []
  let characters = 0
  let accounts = new Set<string>()
  for await (const record of records) {
    const account = accountOf(record)
    if (batch.length === BATCH || characters > BATCH_CHARACTERS || accounts.has(account)) {
      yield batch
      batch = []
      characters = 0
      accounts = new Set()
    }
    batch.push(record)
    accounts.add(account)
    for (const field of sealedFields) characters += field === 'extras' ? 0 : (revealed(record[field])?.length ?? 0)
  }
  if (batch.length > 0) yield batch
}

function accountOf(record: AccountRecord): string {
  return JSON.stringify(primaryKeyOf(record))
}

/** Writes records of different accounts. Resolves to what became of each. */
export type Write = (records: readonly AccountRecord[], which: Which) => Promise<readonly (keyof WriteCounts)[]>

/** `each`: also where nothing changes, because the tokens are from a consent and the account is well again. */
export function prepareWrite(run: Run, { sql, keyring }: Pick<Store, 'sql' | 'keyring'>): Write {
  const { select, upsert } = statements(sql.dialect)

  return async function write(records, which) {
    const outcomes = new Map<AccountRecord, keyof WriteCounts>()
    // What is left is what a refresh moved the generation of in between: what it wrote is merged, too.
    for (let left = records; left.length > 0; left = left.filter((record) => !outcomes.has(record))) {
      const rows = await run<FullRow>(select, [JSON.stringify(left.map(primaryKeyOf))])
      const rowByAccount = new Map(rows.map((row) => [keyOfRow(row), row]))
      const pending = new Map<string, Pending>()
      for (const record of left) {
        const change = changeOf(record, rowByAccount.get(accountOf(record)), which)
        if (change === null) outcomes.set(record, 'unchanged')
        else pending.set(change.rowId, change)
      }
      for (const part of powersOfTwo([...pending.values()])) {
        const written = await run<Pick<FullRow, 'row_id'>>(
          upsert(part.length),
          part.flatMap(({ values }) => values),
        )
        for (const { row_id: id } of written) {
          const { record, outcome } = pending.get(id) ?? {}
          if (record !== undefined && outcome !== undefined) outcomes.set(record, outcome)
        }
      }
    }
    return records.map((record) => outcomes.get(record) ?? 'unchanged')
  }

  /** null: nothing is to be written. */
  function changeOf(record: AccountRecord, row: FullRow | undefined, which: Which): Pending | null {
    const stored = row === undefined ? null : decodeUndamaged(row)
    const merged = { ...stored, ...withoutUndefined(record) }
    if (which === 'missing' && stored !== null) return null
    if (which === 'changed' && stored !== null && fingerprint(stored) === fingerprint(merged)) return null
    const rowId = row?.row_id ?? randomUUID()
    const encoded = encodeRecord(merged, identify(merged, rowId, (row?.generation ?? 0) + 1), keyring)
    const keeps = stored !== null && presentedBy(stored) === presentedBy(merged) ? 1 : 0
    const values = [...columns.map((column) => encoded[column]), dueAfterImport(merged), keeps]
    return { record, rowId, values, outcome: row === undefined ? 'added' : 'changed' }
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

/** A row that is to be written. */
interface Pending {
  readonly record: AccountRecord
  readonly rowId: string
  readonly values: readonly SqlValue[]
  readonly outcome: keyof WriteCounts
}

/** What an account presents for new tokens: some providers exchange the access token itself. */
function presentedBy({ refresh_token, token }: AccountRecord): string | null {
  return revealed(refresh_token) ?? revealed(token)
}

function keyOfRow({ user_id: user, provider, external_account_id: account }: FullRow): string {
  return JSON.stringify([user, provider, account])
}

/** Parts of 64, 32, 16 … rows, so that databases prepare a handful of statements and no other one for each number. */
function* powersOfTwo<T>(rows: readonly T[]): Generator<readonly T[]> {
  for (let from = 0, size = BATCH; size >= 1; size /= 2)
    for (; rows.length - from >= size; from += size) yield rows.slice(from, from + size)
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
