/** The connections of a user as connected accounts. */
import type { ExternalAccount } from '../../tokens/types.ts'
import type { One } from '../platform.ts'
import type { Connection, ListConnections } from './connections.ts'

/** The fetcher for accounts. The names and addresses that Nango has are those of the user here, not at the provider. */
export function accountsFetcher(connections: ListConnections): One<string, readonly ExternalAccount[]> {
  return {
    kind: 'one',
    one: async (user_id, call) => (await connections(user_id, call)).map(toAccount),
  }
}

function toAccount(connection: Connection): ExternalAccount {
  return {
    id: connection.connection_id,
    provider: connection.integration,
    provider_user_id: '',
    email_address: null,
    username: null,
    first_name: null,
    last_name: null,
    image_url: null,
    label: connection.label,
    approved_scopes: null,
    public_metadata: connection.metadata,
    created_at: connection.created_at,
    updated_at: null,
    needs_reauthorization: connection.isBroken,
  }
}
