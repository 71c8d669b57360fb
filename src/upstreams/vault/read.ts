/** Batched reads: one constant statement for any number of keys, with the keys in a single JSON parameter. */
import { CodedError, settleOrError, waitMs, wireProvider } from '../kit.ts'
import type { Call, ExternalAccount, OAuthAccessToken, SqliteThread, TokenKey, UpstreamDeps } from '../kit.ts'
import type { Keyring } from './crypto.ts'
import { decodeProfile, decodeToken } from './rows.ts'
import type { ProfileRow, TokenRow } from './rows.ts'

// CROSS JOIN makes SQLite read the keys first and then find each by the primary key
// (https://www.sqlite.org/optoverview.html#manual_control_of_query_plans_using_cross_join).
export const selectTokensSql = `
  SELECT wanted.key AS position, row_id, user_id, provider, external_account_id, provider_user_id, expires_at,
    public_metadata, label, scopes, key_id, wrapped_key, token, token_secret, id_token
  FROM json_each(?) AS wanted CROSS JOIN accounts
  WHERE user_id = wanted.value ->> 0 AND provider = wanted.value ->> 1
  ORDER BY position, created_at, external_account_id`

export const selectAccountsSql = `
  SELECT wanted.key AS position, user_id, provider, external_account_id, provider_user_id, public_metadata, label,
    scopes, email_address, username, first_name, last_name, image_url, created_at, updated_at
  FROM json_each(?) AS wanted CROSS JOIN accounts
  WHERE user_id = wanted.value
  ORDER BY position, created_at, external_account_id, provider`

type Positioned<Row> = Row & { readonly position: number }
/** By key id: the rows, or the Error of this key. */
type Answers<V> = Map<string, readonly V[] | Error>

export interface Reader {
  /** Ids as `tokenKeyId` makes them. */
  tokens(keys: readonly TokenKey[], call: Call): Promise<Answers<OAuthAccessToken>>
  /** Ids are user ids. */
  accounts(userIds: readonly string[], call: Call): Promise<Answers<ExternalAccount>>
}

/** Milliseconds that a read waits for another process that holds the lock. */
const MAX_WAIT_MS = 5000

/** One string for a key; JSON, so that no two keys share one. */
export function tokenKeyId(key: TokenKey): string {
  return JSON.stringify([key.userId, key.provider])
}

/** The reads reject with `CodedError` when the database fails as a whole, or stays locked until just before the deadline. */
export function createReader(thread: SqliteThread, keyring: Keyring, observe: UpstreamDeps['observe']): Reader {
  async function query<Row>(
    operation: string,
    sql: string,
    keys: readonly unknown[],
    call: Call,
  ): Promise<readonly Positioned<Row>[]> {
    const start = performance.now()
    const report = (outcome: 'ok' | 'error') => {
      observe({ operation, keys: keys.length, outcome, durationMs: performance.now() - start })
    }
    try {
      const rows = await thread.all(sql, [JSON.stringify(keys)], waitMs(call, MAX_WAIT_MS))
      report('ok')
      return rows as unknown as readonly Positioned<Row>[]
    } catch (cause) {
      report('error')
      throw new CodedError('UPSTREAM_UNAVAILABLE', 'The vault could not be read.', {}, { cause })
    }
  }

  return {
    async tokens(keys, call) {
      const wanted = keys.map(({ userId, provider }) => [userId, wireProvider(provider)])
      const rows = await query<TokenRow>('select tokens', selectTokensSql, wanted, call)
      return answer(keys.map(tokenKeyId), rows, (row) => decodeToken(row, keyring))
    },
    async accounts(userIds, call) {
      const rows = await query<ProfileRow>('select accounts', selectAccountsSql, userIds, call)
      return answer(userIds, rows, decodeProfile)
    },
  }
}

function answer<Row, V>(ids: readonly string[], rows: readonly Positioned<Row>[], decode: (row: Row) => V): Answers<V> {
  const byPosition = Map.groupBy(rows, (row) => row.position)
  return new Map(ids.map((id, position) => [id, decodeAll(byPosition.get(position) ?? [], decode)]))
}

/** A damaged row hides no other of its key. */
function decodeAll<Row, V>(rows: readonly Row[], decode: (row: Row) => V): readonly V[] | Error {
  return settleOrError(rows, (row: Row) => {
    try {
      return decode(row)
    } catch (error) {
      if (error instanceof CodedError) throw error
      throw new CodedError('INTERNAL_SERVER_ERROR', 'A stored account is damaged.', {}, { cause: error })
    }
  })
}
