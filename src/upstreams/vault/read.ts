/** Batched reads: one constant statement for any number of keys, with the keys in a single JSON parameter. */
import type { StatementSync } from 'node:sqlite'
import { CodedError } from '../../errors.ts'
import { checkProvider } from '../../tokens/ids.ts'
import type { ExternalAccount, OAuthAccessToken, TokenKey } from '../../tokens/types.ts'
import type { UpstreamDeps } from '../platform.ts'
import { decodeProfile, decodeToken } from './rows.ts'
import type { ProfileRow, TokenRow } from './rows.ts'
import type { Store } from './store.ts'

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
/** For each asked key its rows, or the Error of that key alone. */
type Answers<V> = Map<string, readonly V[] | Error>

export interface Reader {
  /** Ids as `tokenKeyId` makes them. */
  tokens(keys: readonly TokenKey[]): Answers<OAuthAccessToken>
  /** Ids are user ids. */
  accounts(userIds: readonly string[]): Answers<ExternalAccount>
}

/** One string for a key; JSON, so that no two keys share one. */
export function tokenKeyId(key: TokenKey): string {
  return JSON.stringify([key.user_id, key.provider])
}

/** Prepares the statements. The reads throw `CodedError` when the database fails as a whole. */
export function createReader(store: Store, deps: UpstreamDeps): Reader {
  const selectTokens = store.database.prepare(selectTokensSql)
  const selectAccounts = store.database.prepare(selectAccountsSql)
  return {
    tokens(keys) {
      const wanted = keys.map((key) => [key.user_id, canonicalProvider(key.provider)])
      const rows = query<TokenRow>(selectTokens, wanted, 'select tokens', deps)
      return answer(keys.map(tokenKeyId), rows, (row) => decodeToken(row, store.keyring))
    },
    accounts(userIds) {
      const rows = query<ProfileRow>(selectAccounts, userIds, 'select accounts', deps)
      return answer(userIds, rows, decodeProfile)
    },
  }
}

// A name that is no provider name finds nothing; it must not take the rest of its batch with it.
function canonicalProvider(provider: string): string {
  try {
    return checkProvider(provider)
  } catch {
    return provider
  }
}

function query<Row>(
  statement: StatementSync,
  keys: readonly unknown[],
  operation: string,
  deps: UpstreamDeps,
): readonly Positioned<Row>[] {
  const start = performance.now()
  const report = (outcome: 'ok' | 'error') => {
    const duration_ms = performance.now() - start
    deps.observe({ upstream: deps.name, operation, keys: keys.length, outcome, duration_ms })
  }
  try {
    const rows = statement.all(JSON.stringify(keys)) as unknown as readonly Positioned<Row>[]
    report('ok')
    return rows
  } catch (cause) {
    report('error')
    throw new CodedError('UPSTREAM_UNAVAILABLE', 'The vault could not be read.', {}, { cause })
  }
}

function answer<Row, V>(ids: readonly string[], rows: readonly Positioned<Row>[], decode: (row: Row) => V): Answers<V> {
  const byPosition = Map.groupBy(rows, (row) => row.position)
  return new Map(ids.map((id, position) => [id, decodeAll(byPosition.get(position) ?? [], decode)]))
}

function decodeAll<Row, V>(rows: readonly Row[], decode: (row: Row) => V): readonly V[] | Error {
  try {
    return rows.map(decode)
  } catch (error) {
    if (error instanceof CodedError) return error
    return new CodedError('INTERNAL_SERVER_ERROR', 'A stored account is damaged.', {}, { cause: error })
  }
}
