/** The connected accounts of up to 1000 users out of one statement. */
import { CodedError } from '../../errors.ts'
import type { ExternalAccount } from '../../tokens/types.ts'
import type { Many } from '../platform.ts'
import type { Database } from './database.ts'
import { accountRow, owner } from './rows.ts'
import { MAX_KEYS } from './tokens.ts'
import type { UserIds } from './user-ids.ts'

/** The fetcher for accounts. The table has accounts and no users: one that nobody knows has none. */
export function accountsFetcher(database: Database, userIds: UserIds): Many<string, readonly ExternalAccount[]> {
  return {
    kind: 'many',
    max: MAX_KEYS,
    id: (user_id) => user_id,
    async many(keys, call) {
      const users = userIds(keys)
      const query = { operation: 'better-auth.accounts', keys: keys.length, values: [users] } as const
      const rows = users.length === 0 ? [] : await database.select(query, call)
      const byUser = Map.groupBy(rows, (row) => owner.parse(row).user_id)
      return new Map(keys.map((key) => [key, decode(byUser.get(key) ?? [])]))
    },
  }
}

function decode(rows: readonly unknown[]): readonly ExternalAccount[] | Error {
  const parsed = accountRow.array().safeParse(rows)
  return parsed.success ? parsed.data : new CodedError('UPSTREAM_PROTOCOL_ERROR')
}
