/**
 * Who may refresh a row: a lease with an owner and an end by the database's clock, and a generation that every write of
 * tokens moves (docs/adr/0006-leases-and-generations.md). Each function is one statement, which commits by itself: no transaction
 * is open while a provider is asked, and a pooler may give each a session of its own.
 */
import type { Keyring } from '../store/crypto.ts'
import { registerActiveKey } from '../store/keys.ts'
import type { ReadRow } from '../store/read.ts'
import { grantColumns } from '../store/rows.ts'
import type { AccountState, sealSecrets } from '../store/rows.ts'
import type { Sql, SqlValue } from '../store/sql.ts'

type Target = Pick<ReadRow, 'row_id' | 'generation'>

/** The plain columns of a refreshed row; `…_ms` are milliseconds. */
export interface FreshLife {
  readonly expires_at: number | null
  readonly scopes: string | null
  readonly issued_at_ms: number
  readonly lifetime_seconds: number | null
  readonly refresh_expires_at: number | null
  /** Which refresh token these tokens came from, and when it was presented. */
  readonly source_digest: string
  readonly source_started_ms: number
}

export type Fresh = FreshLife & ReturnType<typeof sealSecrets>

/** How an attempt ended that brought no tokens. */
export interface Ending {
  readonly state: AccountState
  readonly reason: string | null
  /** null: nothing failed. */
  readonly failure: { readonly class: string; readonly code: string | null } | null
  /** Whether the refresh token is as unspent as before the attempt. */
  readonly clearsAttempt: boolean
  /** Milliseconds from now. */
  readonly nextAttemptMs: number | null
  readonly dueMs: number | null
}

export interface Leases {
  /** The row as it is under the lease; null: somebody else has it, or it changed since. */
  claim(row: Target, owner: string, leaseMs: number): Promise<ReadRow | null>
  /** Up to `limit` rows of one client that are due; `client` is '' for rows that name none. */
  claimDue(provider: string, client: string, limit: number, owner: string, leaseMs: number): Promise<readonly ReadRow[]>
  /**
   * Writes that the refresh token is about to be presented. The time of the first attempt is kept: a grace counts from
   * there. null: the lease is lost, or ends before `neededMs`.
   */
  begin(row: Target, owner: string, digest: string, neededMs: number): Promise<number | null>
  /**
   * Writes new tokens on the generation that they were made for. false: somebody wrote others. The lease is not asked
   * for: the row holds the refresh token that these tokens came from, so theirs is the only live one.
   */
  commit(row: Target, fresh: Fresh, dueMs: number | null): Promise<boolean>
  /** Ends a lease without new tokens. false: it was lost. */
  release(row: Target, owner: string, ending: Ending): Promise<boolean>
  /** Notes that rows are in use, and when each is due. */
  touch(rows: readonly { readonly rowId: string; readonly dueMs: number | null }[]): Promise<void>
}

const freshColumns = [
  ...['expires_at', 'scopes', 'issued_at_ms', 'lifetime_seconds', 'refresh_expires_at', 'source_digest'],
  ...['source_started_ms', 'key_id', 'wrapped_key', 'token', 'token_secret', 'id_token', 'refresh_token', 'extras'],
] as const satisfies readonly (keyof Fresh)[]

export function createLeases(sql: Sql, keyring: Keyring): Leases {
  const { run, dialect } = sql
  const { nowMs: now } = dialect
  const accounts = dialect.table('accounts')
  const later = (position: number): string => `${now} + CAST($${String(position)} AS BIGINT)`
  const isFree = `state IN ('ACTIVE', 'AMBIGUOUS') AND (lease_until_ms IS NULL OR lease_until_ms < ${now})
      AND (next_attempt_ms IS NULL OR next_attempt_ms <= ${now})`
  const returning = `RETURNING ${now} AS now_ms, ${grantColumns.join(', ')}`

  // A process that dies leaves the row due for when its lease ends, which is inside most graces.
  const take = `lease_owner = $1, lease_until_ms = ${later(2)}, refresh_due_ms = ${later(2)}`
  const claimSql = `UPDATE ${accounts} SET ${take} WHERE row_id = $3 AND generation = $4 AND ${isFree} ${returning}`
  const claimDueSql = `UPDATE ${accounts} SET ${take} WHERE row_id IN (
      SELECT row_id FROM ${accounts}
      WHERE provider = $3 AND COALESCE(client, '') = $4 AND refresh_due_ms <= ${now} AND ${isFree}
      ORDER BY refresh_due_ms LIMIT $5 ${dialect.skipLocked}) ${returning}`
  const beginSql = `UPDATE ${accounts} SET attempts = attempts + 1, attempt_digest = $1,
      attempt_started_ms = CASE WHEN attempt_digest = $1 THEN COALESCE(attempt_started_ms, ${now}) ELSE ${now} END
    WHERE row_id = $2 AND generation = $3 AND lease_owner = $4 AND lease_until_ms > ${later(5)}
    RETURNING ${now} AS started_ms`
  const commitSql = `UPDATE ${accounts} SET
      ${freshColumns.map((column, index) => `${column} = $${String(index + 4)}`).join(', ')},
      generation = generation + 1, state = 'ACTIVE', state_reason = NULL,
      state_since_ms = CASE WHEN state = 'ACTIVE' THEN state_since_ms ELSE ${now} END,
      lease_owner = NULL, lease_until_ms = NULL, attempt_started_ms = NULL, attempt_digest = NULL, attempts = 0,
      next_attempt_ms = NULL, refresh_due_ms = ${later(3)}, updated_at = ${now} / 1000
    WHERE row_id = $1 AND generation = $2 RETURNING generation`
  const releaseSql = `UPDATE ${accounts} SET lease_owner = NULL, lease_until_ms = NULL, state = $4, state_reason = $5,
      state_since_ms = CASE WHEN state = $4 THEN state_since_ms ELSE ${now} END,
      last_error_class = COALESCE($6, last_error_class),
      last_error_code = CASE WHEN $6 IS NULL THEN last_error_code ELSE $7 END,
      last_error_ms = CASE WHEN $6 IS NULL THEN last_error_ms ELSE ${now} END,
      attempt_started_ms = CASE WHEN $8 = 1 THEN NULL ELSE attempt_started_ms END,
      attempt_digest = CASE WHEN $8 = 1 THEN NULL ELSE attempt_digest END,
      next_attempt_ms = ${later(9)}, refresh_due_ms = ${later(10)}
    WHERE row_id = $1 AND generation = $2 AND lease_owner = $3 RETURNING row_id`
  const due = `${now} + CAST(wanted.value ->> 1 AS BIGINT)`
  const touchSql = `UPDATE ${accounts} SET last_used_ms = ${now},
      refresh_due_ms = CASE WHEN wanted.value ->> 1 IS NULL THEN refresh_due_ms
        WHEN refresh_due_ms IS NULL OR refresh_due_ms > ${due} THEN ${due} ELSE refresh_due_ms END
    FROM ${dialect.wanted} (SELECT 1) AS once
    WHERE row_id = wanted.value ->> 0 AND lease_owner IS NULL`

  return {
    async claim({ row_id: id, generation }, owner, leaseMs) {
      const [row = null] = await run<ReadRow>(claimSql, [owner, leaseMs, id, generation])
      return row
    },
    claimDue: (provider, client, limit, owner, leaseMs) =>
      run<ReadRow>(claimDueSql, [owner, leaseMs, provider, client, limit]),
    async begin({ row_id: id, generation }, owner, digest, neededMs) {
      const [begun] = await run<{ started_ms: number }>(beginSql, [digest, id, generation, owner, neededMs])
      return begun?.started_ms ?? null
    },
    async commit({ row_id: id, generation }, fresh, dueMs) {
      const values = freshColumns.map((column): SqlValue => fresh[column])
      const write = () => run(commitSql, [id, generation, dueMs, ...values])
      const written = await write().catch(async () => {
        // A rotation in another process may have dropped the key, which no row needed.
        await registerActiveKey(run, dialect, keyring)
        return write()
      })
      return written.length > 0
    },
    async release({ row_id: id, generation }, owner, { state, reason, failure, clearsAttempt, nextAttemptMs, dueMs }) {
      const changes = [state, reason, failure?.class ?? null, failure?.code ?? null, clearsAttempt ? 1 : 0]
      const rows = await run(releaseSql, [id, generation, owner, ...changes, whole(nextAttemptMs), whole(dueMs)])
      return rows.length > 0
    },
    async touch(rows) {
      await run(touchSql, [JSON.stringify(rows.map(({ rowId, dueMs }) => [rowId, whole(dueMs)]))])
    },
  }
}

function whole(ms: number | null): number | null {
  return ms === null ? null : Math.ceil(ms)
}
