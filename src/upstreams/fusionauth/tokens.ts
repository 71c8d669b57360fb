/** The access tokens among the links of a user. */
import { CodedError } from '../../errors.ts'
import type { OAuthAccessToken, TokenKey } from '../../tokens/types.ts'
import { bareProvider } from '../../tokens/ids.ts'
import type { All } from '../platform.ts'
import type { IdentityProviders } from './identity-providers.ts'
import type { Link, ReadLinks } from './links.ts'

/** The fetcher for tokens; `upstream` is the name that stands in errors. */
export function tokensFetcher(
  links: ReadLinks,
  directory: IdentityProviders,
  upstream: string,
): All<TokenKey, readonly OAuthAccessToken[], Link> {
  return {
    kind: 'all',
    parent: ({ user_id }) => user_id,
    all: links,
    pick({ provider }, rows) {
      const name = bareProvider(provider)
      const asked = rows.filter((link) => link.provider === name || link.identity_provider_id === name.toLowerCase())
      if (asked.length === 0 && !directory.knows(name))
        throw new CodedError('PROVIDER_NOT_CONFIGURED', undefined, { upstream })
      const tokens = asked.flatMap(toToken)
      if (tokens.length > 0 || asked.length === 0) return tokens
      const isDead = asked.some(({ token }) => token.kind === 'access_token')
      throw new CodedError(isDead ? 'REAUTHORIZATION_REQUIRED' : 'UNSUPPORTED_CREDENTIAL', undefined, { upstream })
    },
  }
}

function toToken({ id, provider, provider_user_id, label, data, token }: Link): OAuthAccessToken[] {
  if (token.kind !== 'access_token' || token.token === null) return []
  return [
    {
      external_account_id: id,
      provider_user_id,
      token: token.token,
      expires_at: token.expires_at,
      provider,
      public_metadata: data,
      label,
      scopes: null,
      token_secret: null,
      id_token: null,
    },
  ]
}
