/** Our client of a local Keycloak, opened through the options that an operator writes, asked with a user's token. */
import { secret } from '../../src/lib/secret.ts'
import { keycloak } from '../../src/upstreams/keycloak/index.ts'
import type { One } from '../../src/upstreams/platform.ts'
import type { ExternalAccount, OAuthAccessToken, TokenKey } from '../../src/tokens/types.ts'
import type { KeycloakServer } from '../servers/keycloak.ts'
import { call } from './support.ts'

export function openKeycloak({ url: base_url, realm }: KeycloakServer, given: object = {}) {
  const options = keycloak.options.parse({ base_url, realm, ...given })
  const upstream = keycloak.open(options, { name: 'upstream-test', observe: () => undefined })
  const tokens = upstream.tokens as One<TokenKey, readonly OAuthAccessToken[]>
  const accounts = upstream.accounts as One<string, readonly ExternalAccount[]> | null
  return {
    upstream,
    /** `bearer` is the user's own token; left out: a service asks. */
    tokens: (user_id: string, provider: string, bearer?: string) =>
      tokens.one(
        { user_id, provider, ...(bearer !== undefined && { credential: { secret: secret(bearer), id: bearer } }) },
        call(),
      ),
    accounts: (user_id: string) => accounts!.one(user_id, call()),
    [Symbol.asyncDispose]: () => upstream.close(),
  }
}
