/**
 * Copies the accounts of one vault into another, with other keys or another database. It may run while the source is in use
 * and be run again: a row is written where the target's generation is older. The last run, with the source at rest, makes
 * them equal.
 */
import type { RowIdentity } from './crypto.ts'
import { openSecrets, sealSecrets } from './rows.ts'
import type { FullRow } from './rows.ts'
import { registerActiveKey } from './keys.ts'
import { writing } from './sql.ts'
import type { Dialect, SqlValue } from './sql.ts'
import { openSpool } from '../refresh/spool.ts'
import type { Store } from './store.ts'

export interface Copied {
  readonly written: number
  /** Rows that the target has as they are, or newer. */
  readonly unchanged: number
  /** Rows that do not open; they stay in the source alone. */
  readonly damaged: readonly RowIdentity[]
  /** Rows of the target that the source does not have; those that were removed, where that was asked for. */
  readonly extra: number
}

export interface CopyOptions {
  /** Removes accounts from the target that the source does not have. */
  readonly prune: boolean
  /** Gets the number of rows read so far. */
  readonly onProgress?: (done: number) => void
}

const PAGE = 500

/** Whatever a lease is for stays behind; an open attempt goes along, because the refresh token may be spent. */
const plain = [
  ...['row_id', 'user_id', 'provider', 'external_account_id', 'generation', 'provider_user_id', 'expires_at'],
  ...['public_metadata', 'label', 'scopes', 'email_address', 'username', 'first_name', 'last_name', 'image_url'],
  ...['client', 'state', 'state_reason', 'state_since_ms', 'issued_at_ms', 'lifetime_seconds', 'refresh_expires_at'],
  ...['attempt_started_ms', 'attempt_digest', 'source_digest', 'source_started_ms', 'attempts', 'next_attempt_ms'],
  ...['refresh_due_ms', 'last_error_class', 'last_error_code', 'last_error_ms', 'last_used_ms', 'created_at'],
  ...['updated_at', 'scopes_requested'],
] as const satisfies readonly (keyof FullRow)[]
const sealed = ['key_id', 'wrapped_key', 'token', 'token_secret', 'id_token', 'refresh_token', 'extras'] as const
const columns = [...plain, ...sealed]

/**
 * Rejects with `Error` for the operator; also where new tokens wait in the spool of the source on this machine, because the
 * rows of the source hold refresh tokens that are spent.
 */
export async function copyAccounts(
  from: Store,
  to: Store,
  { prune, onProgress = () => undefined }: CopyOptions,
): Promise<Copied> {
  checkSpool(from)
  const upsert = upsertStatement(to.sql.dialect)
  const select = `SELECT * FROM ${from.sql.dialect.table('accounts')} WHERE row_id > $1 ORDER BY row_id LIMIT ${String(PAGE)}`
  const events = to.sql.dialect.table('events')
  const forget = `DELETE FROM ${events} WHERE seq > $2
    AND row_id IN (SELECT wanted.value ->> 0 FROM ${to.sql.dialect.wanted} (SELECT 1) AS once)`
  const damaged: RowIdentity[] = []
  let written = 0
  let done = 0
  for (let after = ''; ;) {
    const rows = await from.sql.run<FullRow>(select, [after])
    const last = rows.at(-1)
    if (last === undefined) break
    after = last.row_id
    written += await writing(to.sql, () =>
      to.sql.transaction(async (run) => {
        await registerActiveKey(run, to.sql.dialect, to.keyring)
        const [before] = await run<{ seq: number }>(`SELECT COALESCE(MAX(seq), 0) AS seq FROM ${events}`)
        let count = 0
        for (const row of rows) {
          const values = valuesOf(row, from, to)
          if (values === null) damaged.push(row)
          else count += (await run(upsert, values)).length
        }
        // What moved has not happened: the application knows these accounts.
        await run(forget, [JSON.stringify(rows.map(({ row_id: id }) => [id])), before?.seq ?? 0])
        return count
      }),
    )
    done += rows.length
    onProgress(done)
  }
  return { written, unchanged: done - written - damaged.length, damaged, extra: await findExtra(from, to, prune) }
}

function checkSpool({ spoolFolder, sql }: Store): void {
  const spool = openSpool(spoolFolder)
  const files = spool.entries().length + spool.unreadable.length
  if (files > 0)
    throw new Error(
      `New tokens of ${String(files)} accounts wait in ${spoolFolder}, because the vault at ${sql.place} could not take them. ` +
        'Start the server over it, which stores them, and copy then.',
    )
}

/** Looks for the rows of the target in the source, page by page; counts those that it does not have, or removes them. */
async function findExtra(from: Store, to: Store, prune: boolean): Promise<number> {
  const { dialect } = to.sql
  const page = `SELECT row_id FROM ${dialect.table('accounts')} WHERE row_id > $1 ORDER BY row_id LIMIT ${String(PAGE)}`
  const known = `SELECT row_id FROM ${from.sql.dialect.wanted} ${from.sql.dialect.table('accounts')}
    WHERE row_id = wanted.value ->> 0`
  const remove = `DELETE FROM ${dialect.table('accounts')} WHERE row_id = $1`
  let extra = 0
  for (let after = ''; ;) {
    const rows = await to.sql.run<Pick<FullRow, 'row_id'>>(page, [after])
    const last = rows.at(-1)
    if (last === undefined) return extra
    after = last.row_id
    const ids = rows.map(({ row_id: id }) => id)
    const found = await from.sql.run<Pick<FullRow, 'row_id'>>(known, [JSON.stringify(ids.map((id) => [id]))])
    const held = new Set(found.map(({ row_id: id }) => id))
    const missing = ids.filter((id) => !held.has(id))
    extra += missing.length
    if (prune) for (const id of missing) await writing(to.sql, () => to.sql.run(remove, [id]))
  }
}

/** The row sealed under the keys of the target; null: it does not open. */
function valuesOf(row: FullRow, from: Store, to: Store): readonly SqlValue[] | null {
  try {
    const fresh = sealSecrets(openSecrets(row, from.keyring), row, to.keyring)
    const isOpen = row.attempt_started_ms !== null && row.state === 'ACTIVE'
    const copied = { ...row, ...fresh, ...(isOpen && { state: 'AMBIGUOUS' as const }) }
    return columns.map((column) => copied[column])
  } catch {
    return null
  }
}

/**
 * An account that was removed and connected again has another row id, and counts from the beginning: the source is right. Of
 * two rows of one generation, the one whose state changed last is the newer.
 */
function upsertStatement({ table }: Dialect): string {
  const named = columns.map((column) => `${column} = excluded.${column}`).join(', ')
  return `
  INSERT INTO ${table('accounts')} AS stored (${columns.join(', ')})
  VALUES (${columns.map((_, index) => `$${String(index + 1)}`).join(', ')})
  ON CONFLICT (user_id, provider, external_account_id) DO UPDATE SET ${named}, lease_owner = NULL, lease_until_ms = NULL
  WHERE stored.row_id <> excluded.row_id OR stored.generation < excluded.generation
    OR (stored.generation = excluded.generation AND COALESCE(stored.state_since_ms, 0) <= COALESCE(excluded.state_since_ms, 0)
      AND (stored.state <> excluded.state OR stored.attempt_started_ms IS DISTINCT FROM excluded.attempt_started_ms))
  RETURNING 1 AS written`
}
