/** The connected accounts of up to 1000 users out of one statement. */
import { account, bareProvider, parsePart, unixSeconds, settleOrError } from '../kit.ts'
import type { ExternalAccount, Many } from '../kit.ts'
import { accountRow, ownerRow } from './api.ts'
import type { AccountRow, Database, StorableIds } from './api.ts'
import { MAX_KEYS } from './tokens.ts'

/** The table has accounts and no users: an unknown user has an empty list. */
export function accountsFetcher(database: Database, storable: StorableIds): Many<string, readonly ExternalAccount[]> {
  return {
    kind: 'many',
    max: MAX_KEYS,
    id: (userId) => userId,
    async many(userIds, call) {
      const users = storable(userIds)
      const query = { operation: 'better-auth.accounts', keys: userIds.length, values: [users] } as const
      const rows = users.length === 0 ? [] : await database.select(query, call)
      const byUser = Map.groupBy(rows, (row) => ownerRow.safeParse(row).data?.user_id)
      return new Map(
        userIds.map((userId) => {
          const found = settleOrError(byUser.get(userId) ?? [], (row) => toAccount(parsePart(accountRow, row)))
          return [userId, found] as const
        }),
      )
    },
  }
}

function toAccount(row: AccountRow): ExternalAccount {
  const isExpired = row.expires_at !== null && row.expires_at <= unixSeconds()
  return account({
    id: row.id,
    provider: bareProvider(row.provider),
    provider_user_id: row.provider_user_id ?? '',
    approved_scopes: row.scope,
    created_at: row.created_at,
    updated_at: row.updated_at,
    needs_reauthorization: !row.has_access_token || (isExpired && !row.has_refresh_token),
  })
}
