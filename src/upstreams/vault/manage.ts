/** What the operator does with stored accounts without reading a secret: lists and removes them. */
import { writeStore } from './store.ts'
import type { Store } from './store.ts'

/** Which accounts; a part that is left out does not restrict. */
export interface AccountFilter {
  readonly user_id?: string | undefined
  /** A canonical name: `oauth_google`. */
  readonly provider?: string | undefined
  readonly external_account_id?: string | undefined
}

/** What the list shows of an account. Times are whole Unix seconds. */
export interface ListedAccount {
  readonly user_id: string
  readonly provider: string
  readonly external_account_id: string
  readonly provider_user_id: string
  readonly expires_at: number | null
  /** A JSON array, or null. */
  readonly scopes: string | null
  readonly label: string | null
  readonly client: string | null
  /** 1 or 0. */
  readonly has_refresh_token: number
  readonly key_id: string
  readonly created_at: number
  readonly updated_at: number
}

const whereSql = `
  WHERE (:user_id IS NULL OR user_id = :user_id)
    AND (:provider IS NULL OR provider = :provider)
    AND (:external_account_id IS NULL OR external_account_id = :external_account_id)`

/** One after the other, in the order of user, provider and account; the table may be larger than memory. */
export function iterateAccounts(store: Store, filter: AccountFilter): Iterable<ListedAccount> {
  const statement = store.database.prepare(
    `SELECT user_id, provider, external_account_id, provider_user_id, expires_at, scopes, label, client,
       refresh_token IS NOT NULL AS has_refresh_token, key_id, created_at, updated_at
     FROM accounts ${whereSql} ORDER BY user_id, provider, external_account_id`,
  )
  return statement.iterate(bind(filter)) as unknown as Iterable<ListedAccount>
}

/** Returns how many accounts were removed. */
export function deleteAccounts(store: Store, filter: AccountFilter): number {
  const statement = store.database.prepare(`DELETE FROM accounts ${whereSql}`)
  return writeStore(store, () => Number(statement.run(bind(filter)).changes))
}

function bind(filter: AccountFilter) {
  return {
    user_id: filter.user_id ?? null,
    provider: filter.provider ?? null,
    external_account_id: filter.external_account_id ?? null,
  }
}
