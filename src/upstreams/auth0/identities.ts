/** The identities of a user as tokens and as accounts (field map in upstreams/auth0.md). */
import { decodeJwt } from 'jose'
import { CodedError } from '../../errors.ts'
import type { JsonObject } from '../../lib/json.ts'
import { secret } from '../../lib/secret.ts'
import type { ExternalAccount, OAuthAccessToken } from '../../tokens/types.ts'
import type { Auth0Identity, Auth0User } from './shapes.ts'

/** Strategies whose identities never hold an OAuth token: passwords, passwordless and SAML. */
const withoutTokens = new Set(['auth0', 'email', 'sms', 'samlp'])

/** What the user connected through a connection of this name; an error where a token should be and is not. */
export function readTokens(user: Auth0User, connection: string): readonly OAuthAccessToken[] | CodedError {
  const identities = user.identities.filter((identity) => identity.connection === connection)
  const tokens = identities.flatMap((identity) => toToken(user, identity))
  if (tokens.length > 0 || identities.length === 0) return tokens
  return new CodedError(identities.every(isUnsupported) ? 'UNSUPPORTED_CREDENTIAL' : 'REAUTHORIZATION_REQUIRED')
}

/** Whether an identity of the connection should have a token and has none. */
export function lacksToken(user: Auth0User, connection: string): boolean {
  return user.identities.some(
    (identity) => identity.connection === connection && identity.access_token === null && !isUnsupported(identity),
  )
}

export function readAccounts(user: Auth0User): readonly ExternalAccount[] {
  return user.identities.filter((identity) => !isUnsupported(identity)).map((identity) => toAccount(user, identity))
}

function toToken(user: Auth0User, identity: Auth0Identity): OAuthAccessToken[] {
  const { connection, user_id, access_token, access_token_secret, profileData } = identity
  if (access_token === null) return []
  return [
    {
      external_account_id: accountId(identity),
      provider_user_id: user_id,
      token: secret(access_token),
      expires_at: expiryOf(user, identity),
      provider: connection,
      public_metadata: profileData,
      label: emailOf(user, identity),
      scopes: null,
      token_secret: access_token_secret === null ? null : secret(access_token_secret),
      id_token: null,
    },
  ]
}

function toAccount(user: Auth0User, identity: Auth0Identity): ExternalAccount {
  const { connection, user_id, profileData } = identity
  const root = isPrimary(user, identity)
  const of = (name: string, own: string | null) => textOf(profileData, name) ?? (root ? own : null)
  return {
    id: accountId(identity),
    provider: connection,
    provider_user_id: user_id,
    email_address: emailOf(user, identity),
    username: of('username', user.username) ?? of('nickname', user.nickname),
    first_name: of('given_name', user.given_name),
    last_name: of('family_name', user.family_name),
    image_url: of('picture', user.picture),
    label: emailOf(user, identity),
    approved_scopes: null,
    public_metadata: profileData,
    created_at: null,
    updated_at: null,
  }
}

function isUnsupported({ provider }: Auth0Identity): boolean {
  return withoutTokens.has(provider)
}

function accountId({ connection, user_id }: Auth0Identity): string {
  return `${connection}|${user_id}`
}

/** The first identity is the one that the user's own fields are about; the others carry theirs in `profileData`. */
function isPrimary(user: Auth0User, identity: Auth0Identity): boolean {
  return user.identities[0] === identity
}

function emailOf(user: Auth0User, identity: Auth0Identity): string | null {
  return textOf(identity.profileData, 'email') ?? (isPrimary(user, identity) ? user.email : null)
}

function textOf(profile: JsonObject, name: string): string | null {
  const value = Object.hasOwn(profile, name) ? profile[name] : undefined
  return typeof value === 'string' && value !== '' ? value : null
}

/**
 * `expires_in` is the lifetime at the login, never the time that is left. The login is known for the only identity of
 * a user: for one of several nobody says which of them logged in last.
 */
function expiryOf({ last_login, identities }: Auth0User, { expires_in }: Auth0Identity): number | null {
  if (expires_in == null || last_login === null || identities.length > 1) return null
  return last_login + Math.floor(expires_in)
}

/** Whether a Management API token is known to lack the scope without which the token fields are absent. */
export function lacksTokenScope(authorization: string): boolean {
  try {
    const { scope } = decodeJwt(authorization.replace(/^Bearer /, ''))
    return typeof scope === 'string' && !scope.split(' ').includes('read:user_idp_tokens')
  } catch {
    return false
  }
}
