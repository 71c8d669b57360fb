/** The tokens that Kratos stored at the first login; `include_credential=oidc` is what makes it give them. */
import { CodedError } from '../../errors.ts'
import type { OAuthAccessToken, TokenKey } from '../../tokens/types.ts'
import { bareProvider } from '../../tokens/ids.ts'
import type { Many } from '../platform.ts'
import type { Identities } from './identities.ts'
import type { Identity, Link } from './shapes.ts'

/** Bounds a batch of keys, not a call: many keys share a user, and the identities are asked for in parts. */
const MAX_KEYS = 10_000

/** The fetcher for tokens; `upstream` is the name that stands in errors. */
export function tokensFetcher(identities: Identities, upstream: string): Many<TokenKey, readonly OAuthAccessToken[]> {
  const id = ({ user_id, provider }: TokenKey): string => `${user_id} ${provider}`
  return {
    kind: 'many',
    max: MAX_KEYS,
    id,
    async many(keys, call) {
      const users = await identities.read([...new Set(keys.map(({ user_id }) => user_id))], { secrets: true }, call)
      return new Map(keys.map((key) => [id(key), pick(users.get(key.user_id), key, upstream)]))
    },
  }
}

function pick(user: Identity | Error | undefined, key: TokenKey, upstream: string) {
  if (user === undefined) return new CodedError('USER_NOT_FOUND', undefined, { upstream })
  if (user instanceof Error) return user
  const provider = bareProvider(key.provider)
  const stored = user.oidc?.stored.filter((link) => link.provider === provider) ?? []
  const tokens = stored.flatMap(toToken)
  if (tokens.length > 0) return tokens
  // Linked, and nothing stored: Kratos also writes an empty string where it could not decrypt.
  const isLinked = stored.length > 0 || user.oidc?.identifiers.some((link) => link.provider === provider) === true
  if (isLinked) return new CodedError('REAUTHORIZATION_REQUIRED', undefined, { upstream })
  if (user.saml.some((link) => link.provider === provider))
    return new CodedError('UNSUPPORTED_CREDENTIAL', undefined, { upstream })
  return []
}

function toToken({ provider, subject, organization, access_token, id_token, expires_at }: Link): OAuthAccessToken[] {
  if (access_token === null) return []
  return [
    {
      external_account_id: `${provider}:${subject}`,
      provider_user_id: subject,
      token: access_token,
      expires_at,
      provider,
      public_metadata: organization === null ? {} : { organization },
      label: null,
      scopes: null,
      token_secret: null,
      id_token,
    },
  ]
}
