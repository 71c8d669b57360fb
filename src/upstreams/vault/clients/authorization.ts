/** The request that the user's browser takes to the provider (RFC 6749 section 4.1.1). Pure functions. */
import type { OAuthClient } from './clients.ts'

export interface AuthorizationStart {
  readonly redirectUri: string
  /** Everything that is asked for, without what the record adds. */
  readonly scopes: readonly string[]
  readonly state: string
  /** S256 of our verifier. */
  readonly challenge: string
  readonly nonce: string
  readonly loginHint: string | null
}

/** The scopes that are sent: those asked for, and those without which there is no refresh token. */
export function requestedScopes({ provider }: Pick<OAuthClient, 'provider'>, scopes: readonly string[]) {
  return [...new Set([...scopes, ...provider.scopes.offline])]
}

/** Whether the provider takes a code challenge (RFC 7636). One that ignores it may as well have it. */
export function usesPkce({ provider }: Pick<OAuthClient, 'provider'>): boolean {
  return provider.pkce !== 'breaks'
}

export function authorizationParameters(client: OAuthClient, start: AuthorizationStart): URLSearchParams {
  const { provider, clientId, userScopes } = client
  const { separator, user_param: userParam } = provider.scopes
  const scopes = requestedScopes(client, start.scopes)
  const parameters = new URLSearchParams({
    ...provider.authorize_params,
    response_type: 'code',
    [provider.client_id_param]: clientId,
    redirect_uri: start.redirectUri,
    state: start.state,
  })
  if (scopes.length > 0) parameters.set('scope', scopes.join(separator))
  if (userParam !== null && userScopes.length > 0) parameters.set(userParam, userScopes.join(separator))
  if (scopes.includes('openid')) parameters.set('nonce', start.nonce)
  if (start.loginHint !== null) parameters.set('login_hint', start.loginHint)
  if (usesPkce(client)) {
    parameters.set('code_challenge', start.challenge)
    parameters.set('code_challenge_method', 'S256')
  }
  return parameters
}

/** Of OpenID Connect: providers give them other names, or leave them out of what they say was granted. */
const implied: ReadonlySet<string> = new Set(['openid', 'profile', 'email', 'offline_access'])

/** Those that were asked for and not granted; granted null: all of them were (RFC 6749 section 5.1). */
export function missingScopes(
  { provider }: Pick<OAuthClient, 'provider'>,
  asked: readonly string[],
  granted: readonly string[] | null,
): readonly string[] {
  if (granted === null) return []
  const known = new Set([...granted, ...provider.scopes.offline])
  return asked.filter((scope) => !known.has(scope) && !implied.has(scope))
}
