/** The connected accounts of a user, out of the directory. */
import { CodedError } from '../../errors.ts'
import type { ExternalAccount } from '../../tokens/types.ts'
import type { LinkedProviders } from '../kit.ts'
import type { One } from '../platform.ts'
import { isConnected, type DataProvider } from './directory.ts'
import { accountId, type WorkosScope } from './scope.ts'

/** The fetcher for accounts; null for a user that WorkOS does not know. */
export function accountsFetcher(
  scope: WorkosScope,
  directory: LinkedProviders<DataProvider>,
): One<string, readonly ExternalAccount[]> {
  return {
    kind: 'one',
    async one(user_id, call) {
      try {
        const providers = await directory.list(user_id, call)
        return providers.filter(isConnected).flatMap((provider) => toAccount(provider, scope, user_id))
      } catch (error) {
        if (error instanceof CodedError && error.code === 'USER_NOT_FOUND') return null
        throw error
      }
    },
  }
}

function toAccount({ slug, connected_account }: DataProvider, scope: WorkosScope, user_id: string): ExternalAccount[] {
  if (connected_account == null) return []
  const { id, scopes, state, created_at, updated_at } = connected_account
  const { organization_id } = scope
  return [
    {
      id: accountId(scope, slug, user_id),
      provider: slug,
      provider_user_id: '',
      email_address: null,
      username: null,
      first_name: null,
      last_name: null,
      image_url: null,
      label: organization_id,
      approved_scopes: scopes ?? null,
      public_metadata: { organization_id, connected_account_id: id, state: state ?? null },
      created_at,
      updated_at,
      needs_reauthorization: state === 'needs_reauthorization',
    },
  ]
}
