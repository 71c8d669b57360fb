/** The connected accounts of a user, for up to 100 users in one call. */
import { account, bareProvider, checkIds, splitOnFailure } from '../kit.ts'
import type { ExternalAccount, Many } from '../kit.ts'
import { MAX_USERS } from './api.ts'
import type { AccountRow, ClerkApi } from './api.ts'

/** By user id; a user that Clerk does not know is absent from the Map. */
export function accountsFetcher(api: ClerkApi): Many<string, readonly ExternalAccount[]> {
  return {
    kind: 'many',
    max: MAX_USERS,
    id: (userId) => userId,
    async many(userIds, call) {
      const { valid, refused } = checkIds(userIds)
      // A leading sign would include or exclude users instead of naming one; no id of Clerk starts with one.
      const ids = valid.filter((id) => !/^[+-]/.test(id))
      if (ids.length === 0) return refused
      const found = await splitOnFailure(ids, (part) => api.users(part, call))
      const answered = [...found].map(([id, rows]) => [id, rows instanceof Error ? rows : rows.map(toAccount)] as const)
      return new Map([...refused, ...answered])
    },
  }
}

function toAccount(row: AccountRow): ExternalAccount {
  return account({
    // The `id` of a google or facebook account is its `idn_…` identification; tokens carry the `eac_…` id.
    id: firstOf(row.external_account_id, row.id) ?? row.id,
    provider: bareProvider(row.provider),
    provider_user_id: firstOf(row.provider_user_id, row.google_id, row.facebook_id) ?? '',
    email_address: row.email_address,
    username: row.username,
    first_name: firstOf(row.first_name, row.given_name),
    last_name: firstOf(row.last_name, row.family_name),
    image_url: firstOf(row.image_url, row.picture),
    label: row.label,
    approved_scopes: row.approved_scopes?.split(/\s+/).filter((scope) => scope !== '') ?? null,
    public_metadata: row.public_metadata,
    created_at: row.created_at,
    updated_at: row.updated_at,
  })
}

/** The first value that says something: Clerk sends empty strings where it knows nothing. */
function firstOf(...values: (string | null)[]): string | null {
  return values.find((value) => value !== null && value !== '') ?? values[0] ?? null
}
