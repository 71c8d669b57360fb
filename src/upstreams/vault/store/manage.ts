/** Lists stored accounts, without reading a secret; which accounts a command is about. */
import { wireProvider } from '../../kit.ts'
import type { Dialect, SqlValue } from './sql.ts'
import type { Store } from './store.ts'

/** Which accounts; null does not restrict. */
export interface AccountFilter {
  readonly userId: string | null
  /** The bare name: `google`. */
  readonly provider: string | null
  readonly externalAccountId: string | null
}

/** A row of the list. Times are whole Unix seconds. */
export interface ListedAccount {
  readonly user_id: string
  /** As in the row: `oauth_google`. */
  readonly provider: string
  readonly external_account_id: string
  readonly provider_user_id: string
  readonly expires_at: number | null
  /** A JSON array, or null. */
  readonly scopes: string | null
  readonly label: string | null
  readonly client: string | null
  readonly state: string
  readonly state_reason: string | null
  /** 1 or 0. */
  readonly has_refresh_token: number
  readonly key_id: string
  readonly created_at: number
  readonly updated_at: number
}

/** Rows of one statement: the table may be larger than memory. */
const PAGE = 1000

/** The condition on accounts for a filter; `bindFilter` makes its first three values. */
export const matches = `
  (CAST($1 AS TEXT) IS NULL OR user_id = $1)
    AND (CAST($2 AS TEXT) IS NULL OR provider = $2)
    AND (CAST($3 AS TEXT) IS NULL OR external_account_id = $3)`

function listStatement({ table }: Dialect): string {
  return `
  SELECT user_id, provider, external_account_id, provider_user_id, expires_at, scopes, label, client, state, state_reason,
    CASE WHEN refresh_token IS NULL THEN 0 ELSE 1 END AS has_refresh_token, key_id, created_at, updated_at
  FROM ${table('accounts')}
  WHERE ${matches} AND (user_id, provider, external_account_id) > ($4, $5, $6)
  ORDER BY user_id, provider, external_account_id LIMIT ${String(PAGE)}`
}

/** In the order of user, provider and account. */
export async function* iterateAccounts({ sql }: Store, filter: AccountFilter): AsyncGenerator<ListedAccount> {
  const statement = listStatement(sql.dialect)
  let after: readonly [string, string, string] = ['', '', '']
  for (;;) {
    const rows = await sql.run<ListedAccount>(statement, [...bindFilter(filter), ...after])
    yield* rows
    const last = rows.at(-1)
    if (last === undefined || rows.length < PAGE) return
    after = [last.user_id, last.provider, last.external_account_id]
  }
}

export function bindFilter({ userId, provider, externalAccountId }: AccountFilter): readonly SqlValue[] {
  return [userId, provider === null ? null : wireProvider(provider), externalAccountId]
}
