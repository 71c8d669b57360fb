/** The linked accounts of users: without `include_credential`, Kratos names them and gives no token away. */
import type { ExternalAccount } from '../../tokens/types.ts'
import { isUuid } from '../kit.ts'
import type { Many } from '../platform.ts'
import type { Identities } from './identities.ts'
import type { Identity } from './shapes.ts'

const MAX_USERS = 10_000

/** The fetcher for accounts, by user id; a user that Kratos does not know is absent from the Map. */
export function accountsFetcher(identities: Identities): Many<string, readonly ExternalAccount[]> {
  return {
    kind: 'many',
    max: MAX_USERS,
    id: (user_id) => user_id,
    async many(keys, call) {
      // A user of another upstream, whose accounts are asked for in the same breath, is unknown here and no mistake.
      const users = await identities.read(keys.filter(isUuid), { secrets: false }, call)
      return new Map([...users].map(([user_id, user]) => [user_id, user instanceof Error ? user : toAccounts(user)]))
    },
  }
}

function toAccounts({ oidc }: Identity): ExternalAccount[] {
  if (oidc === null) return []
  const { identifiers, created_at, updated_at } = oidc
  return identifiers.map(({ provider, subject }) => ({
    id: `${provider}:${subject}`,
    provider,
    provider_user_id: subject,
    email_address: null,
    username: null,
    first_name: null,
    last_name: null,
    image_url: null,
    label: null,
    approved_scopes: null,
    public_metadata: {},
    created_at,
    updated_at,
  }))
}
