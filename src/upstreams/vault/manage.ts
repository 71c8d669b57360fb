/** Lists and removes stored accounts, without reading a secret. */
import { wireProvider } from '../kit.ts'
import { writeStore } from './store.ts'
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

/** In the order of user, provider and account; an iterator, because the table may be larger than memory. */
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

function bind({ userId, provider, externalAccountId }: AccountFilter) {
  return {
    user_id: userId,
    provider: provider === null ? null : wireProvider(provider),
    external_account_id: externalAccountId,
  }
}
