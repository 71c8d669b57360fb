/**
 * Accounts that are given up. An account leaves `accounts` and its tokens enter `revocations` in one transaction, so that
 * no crash forgets a grant that lives on at the provider. What has ended keeps its outcome and no secret.
 */
import { randomUUID } from 'node:crypto'
import { findClient } from '../clients/clients.ts'
import type { RowIdentity } from '../store/crypto.ts'
import { registerActiveKey } from '../store/keys.ts'
import { bindFilter, matches } from '../store/manage.ts'
import type { AccountFilter } from '../store/manage.ts'
import { grantColumns, sealSecrets } from '../store/rows.ts'
import type { GrantRow, RowSecrets } from '../store/rows.ts'
import { writing } from '../store/sql.ts'
import type { Run, SqlValue } from '../store/sql.ts'
import type { Store } from '../store/store.ts'
import type { Revocation } from './request.ts'

/**
 * PENDING: the provider is asked, again and again for a day. UNSUPPORTED: it takes no revocation, or no client is
 * configured. SHARED: another account here lives on the same grant, which stays. FAILED: a day was not enough.
 */
export type RevocationState = 'PENDING' | 'REVOKED' | 'UNSUPPORTED' | 'SHARED' | 'FAILED'

export interface RemovedAccount {
  /** Of the revocation. */
  readonly id: string
  readonly state: RevocationState
  /** What ends at the provider with its tokens. */
  readonly effect: Revocation['effect']
}

/** A revocation that is due. What was kept of the account opens as the account did. */
export type PendingRow = RowIdentity &
  Pick<GrantRow, 'client' | 'key_id' | 'wrapped_key' | 'token' | 'refresh_token' | 'extras'> & {
    readonly id: string
    readonly attempts: number
    /** By the clock of the database, as `now_ms`. */
    readonly created_at_ms: number
    readonly now_ms: number
  }

/** New tokens of a refresh that ended after its account was removed. */
export type LateTokens = RowIdentity & Pick<GrantRow, 'key_id' | 'wrapped_key' | 'token' | 'refresh_token' | 'extras'>

export interface Outbox {
  /** Up to `limit` revocations that are due, for `leaseMs` milliseconds; `id`: that one, which was never asked for. */
  claim(limit: number, leaseMs: number, id?: string): Promise<readonly PendingRow[]>
  /** Ends it with an outcome, and wipes its secrets. */
  end(id: string, state: Exclude<RevocationState, 'PENDING'>, code: string | null): Promise<void>
  /** Waits so many milliseconds. */
  retry(id: string, pauseMs: number, code: string): Promise<void>
  /** null: there is none of that id. */
  stateOf(id: string): Promise<RevocationState | null>
  /** Takes over the tokens of an account that was removed meanwhile. false: no revocation knows the account. */
  addLate(tokens: LateTokens): Promise<boolean>
}

/** Milliseconds in which the caller who removed an account asks first, to hear what came of it. */
const HEAD_START_MS = 5000

const identity = ['row_id', 'user_id', 'provider', 'external_account_id', 'generation'] as const
const secrets = ['key_id', 'wrapped_key', 'token', 'refresh_token', 'extras'] as const

/**
 * Removes every account that matches. `everywhere`: revokes although another account here has the same grant, which ends
 * with it. Rejects with `Error` for the operator.
 */
export function removeAccounts(
  store: Store,
  filter: AccountFilter,
  everywhere = false,
): Promise<readonly RemovedAccount[]> {
  const { sql, keyring } = store
  return writing(sql, () =>
    sql.transaction(async (run) => {
      await registerActiveKey(run, sql.dialect, keyring)
      const rows = await run<GrantRow>(
        `DELETE FROM ${sql.dialect.table('accounts')} WHERE ${matches} RETURNING ${grantColumns.join(', ')}`,
        bindFilter(filter),
      )
      const add = prepareAdd(run, store)
      const removed: RemovedAccount[] = []
      for (const row of rows) removed.push(await add(row, everywhere))
      return removed
    }),
  )
}

/** Revokes tokens that became no account. Where another account lives on the same grant, it stays. */
export function revokeTokens(
  store: Store,
  row: Omit<RowIdentity, 'row_id' | 'generation'> & Pick<GrantRow, 'client' | 'provider_user_id'>,
  secrets: RowSecrets,
): Promise<RemovedAccount> {
  const { sql, keyring } = store
  const identity = { ...row, row_id: randomUUID(), generation: 1 }
  return writing(sql, () =>
    sql.transaction(async (run) => {
      await registerActiveKey(run, sql.dialect, keyring)
      return prepareAdd(run, store)({ ...identity, ...sealSecrets(secrets, identity, keyring) }, false)
    }),
  )
}

type Given = RowIdentity & Pick<GrantRow, 'client' | 'provider_user_id' | (typeof secrets)[number]>

/** Returns what adds the revocation of tokens, and decides whether the provider is asked. */
function prepareAdd(run: Run, { sql: { dialect }, clients }: Store) {
  const [accounts, revocations] = [dialect.table('accounts'), dialect.table('revocations')]
  const columns = ['id', ...identity, 'client', 'state', ...secrets]
  const insert = `INSERT INTO ${revocations} (${columns.join(', ')}, created_at_ms, next_attempt_ms, ended_at_ms)
    VALUES (${columns.map((_, index) => `$${String(index + 1)}`).join(', ')}, ${dialect.nowMs}, ${dialect.nowMs} + ${String(HEAD_START_MS)},
      CASE WHEN $8 = 'PENDING' THEN NULL ELSE ${dialect.nowMs} END)`
  const shared = `SELECT 1 FROM ${accounts} WHERE provider = $1 AND provider_user_id = $2 AND provider_user_id <> ''
    AND COALESCE(client, '') = $3 LIMIT 1`

  async function stateFor(row: Given, effect: Revocation['effect'], everywhere: boolean): Promise<RevocationState> {
    const client = findClient(clients, row)
    if (client === null || (client.provider.revoke === null && !client.isDiscovered)) return 'UNSUPPORTED'
    if (everywhere || effect === 'token') return 'PENDING'
    const others = await run(shared, [row.provider, row.provider_user_id, row.client ?? ''])
    return others.length > 0 ? 'SHARED' : 'PENDING'
  }

  return async (row: Given, everywhere: boolean): Promise<RemovedAccount> => {
    const id = randomUUID()
    const effect = findClient(clients, row)?.provider.revoke?.effect ?? 'grant'
    const state = await stateFor(row, effect, everywhere)
    const kept: SqlValue[] = secrets.map((column) => (state === 'PENDING' ? row[column] : null))
    await run(insert, [id, ...identity.map((column) => row[column]), row.client, state, ...kept])
    return { id, state, effect }
  }
}

export function createOutbox({ sql, keyring }: Store): Outbox {
  const { run, dialect } = sql
  const { nowMs: now } = dialect
  const revocations = dialect.table('revocations')
  const due = `state = 'PENDING' AND next_attempt_ms <= ${now}`
  const returning = `RETURNING id, ${identity.join(', ')}, client, ${secrets.join(', ')}, attempts, created_at_ms, ${now} AS now_ms`
  const claimSql = `UPDATE ${revocations} SET attempts = attempts + 1, next_attempt_ms = ${now} + CAST($1 AS BIGINT)
    WHERE id IN (SELECT id FROM ${revocations} WHERE ${due} ORDER BY next_attempt_ms LIMIT $2 ${dialect.skipLocked})
    ${returning}`
  const claimFirstSql = `UPDATE ${revocations} SET attempts = 1, next_attempt_ms = ${now} + CAST($1 AS BIGINT)
    WHERE id = $2 AND state = 'PENDING' AND attempts = 0 ${returning}`
  const wiped = secrets.map((column) => `${column} = NULL`).join(', ')
  const endSql = `UPDATE ${revocations} SET state = $2, code = $3, ended_at_ms = ${now}, ${wiped}
    WHERE id = $1 AND state = 'PENDING'`
  const retrySql = `UPDATE ${revocations} SET next_attempt_ms = ${now} + CAST($2 AS BIGINT), code = $3
    WHERE id = $1 AND state = 'PENDING'`
  // What became of the grant of the account is decided anew: it lives again.
  const lateSql = `INSERT INTO ${revocations} (id, ${identity.join(', ')}, ${secrets.join(', ')}, client, state, created_at_ms, next_attempt_ms)
    SELECT ${['id', ...identity, ...secrets].map((name, index) => cast(name, index + 1)).join(', ')}, client,
      'PENDING', ${now}, ${now}
    FROM ${revocations} WHERE row_id = $2 AND state <> 'SHARED' LIMIT 1 RETURNING 1 AS added`

  return {
    async claim(limit, leaseMs, id) {
      if (id !== undefined) return run<PendingRow>(claimFirstSql, [leaseMs, id])
      // No write, and no lock, where nothing is due.
      const found = await sql.read(`SELECT 1 FROM ${revocations} WHERE ${due} LIMIT 1`, [], 1000)
      return found.length === 0 ? [] : run<PendingRow>(claimSql, [leaseMs, limit])
    },
    async end(id, state, code) {
      await run(endSql, [id, state, code])
    },
    async retry(id, pauseMs, code) {
      await run(retrySql, [id, Math.ceil(pauseMs), code])
    },
    async stateOf(id) {
      const [found] = await run<{ state: RevocationState }>(`SELECT state FROM ${revocations} WHERE id = $1`, [id])
      return found?.state ?? null
    },
    async addLate(tokens) {
      await registerActiveKey(run, dialect, keyring)
      const added = await run(lateSql, [
        randomUUID(),
        ...identity.map((column) => tokens[column]),
        ...secrets.map((column) => tokens[column]),
      ])
      return added.length > 0
    },
  }

  /** PostgreSQL takes a value in a list of SELECT for text where nothing says otherwise. */
  function cast(name: string, position: number): string {
    const value = `$${String(position)}`
    if (name === 'generation') return `CAST(${value} AS BIGINT)`
    const isBlob = name !== 'key_id' && (secrets as readonly string[]).includes(name)
    return isBlob && dialect.name === 'postgres' ? `CAST(${value} AS BYTEA)` : value
  }
}
