/** The links of a user as connected accounts. */
import { CodedError } from '../../errors.ts'
import type { ExternalAccount } from '../../tokens/types.ts'
import { isUuid } from '../kit.ts'
import type { One } from '../platform.ts'
import type { Link, ReadLinks } from './links.ts'

/** The fetcher for accounts; null for a user that FusionAuth does not know, or cannot: its ids are UUIDs. */
export function accountsFetcher(links: ReadLinks): One<string, readonly ExternalAccount[]> {
  return {
    kind: 'one',
    async one(user_id, call) {
      if (!isUuid(user_id)) return null
      try {
        return (await links(user_id, call)).map(toAccount)
      } catch (error) {
        if (error instanceof CodedError && error.code === 'USER_NOT_FOUND') return null
        throw error
      }
    },
  }
}

function toAccount({ id, provider, provider_user_id, label, data, created_at, updated_at }: Link): ExternalAccount {
  return {
    id,
    provider,
    provider_user_id,
    email_address: null,
    username: null,
    first_name: null,
    last_name: null,
    image_url: null,
    label,
    approved_scopes: null,
    public_metadata: data,
    created_at,
    updated_at,
  }
}
