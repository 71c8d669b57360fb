/**
 * Who the user is at the provider, by the record of the provider: in the answer to the code, in its ID token, or by a
 * request with the new token.
 */
import { parseJson, reveal } from '../../kit.ts'
import type { Secret } from '../../kit.ts'
import { asMembers, valueAtPath } from '../answer-members.ts'
import type { Members } from '../answer-members.ts'
import type { OAuthClient } from '../clients/clients.ts'
import type { TokenEndpoint } from '../clients/token-endpoint.ts'

export interface Identity {
  /** The id of the user, or of the account that the grant is for. */
  readonly id: string
  readonly label: string | null
}

/** What an ID token has to say. */
export interface Expected {
  readonly nonce: string
  /** null: the record does not say who it is from. */
  readonly issuer: string | null
  readonly nowSeconds: number
}

export interface Answered {
  readonly accessToken: Secret
  readonly tokenSecret: Secret | null
  readonly idToken: Secret | null
  /** Of the answer to the code. */
  readonly members: Members
  readonly kept: Readonly<Record<string, string>>
}

/** Seconds by which clocks may differ. */
const LEEWAY_SECONDS = 300

/**
 * Null: the provider does not say. Its ID token came straight from the token endpoint over TLS, so that its signature may
 * go unchecked (OpenID Connect Core section 3.1.3.7, 6).
 */
export async function readIdentity(
  { provider }: OAuthClient,
  endpoint: Pick<TokenEndpoint, 'identify'>,
  answered: Answered,
  timeoutMs: number,
): Promise<Identity | null> {
  const { identity } = provider
  const { idToken, members, kept } = answered
  const claims = idToken === null ? null : claimsOf(idToken)
  // An issuer that a configuration describes has ID tokens, whose `sub` is the user (section 2).
  if (identity === null) return claims === null ? null : identityIn(claims, 'sub', 'email')
  const source =
    identity.from === 'answer'
      ? members
      : identity.from === 'id_token'
        ? claims
        : await endpoint.identify(answered, kept, timeoutMs)
  return source === null ? null : identityIn(source, identity.id, identity.label)
}

function identityIn(members: Members, idPath: string, labelPath: string | null): Identity | null {
  const id = textOf(valueAtPath(members, idPath))
  return id === null ? null : { id, label: labelPath === null ? null : textOf(valueAtPath(members, labelPath)) }
}

function textOf(value: unknown): string | null {
  if (typeof value === 'number') return String(value)
  return typeof value === 'string' && value !== '' && value.length <= 512 ? value : null
}

/**
 * What is wrong with an ID token (section 3.1.3.7): that it is for another client, of another issuer, over, or of another
 * request. null: nothing, or there is none.
 */
export function findFault(
  { clientId }: Pick<OAuthClient, 'clientId'>,
  idToken: Secret | null,
  { nonce, issuer, nowSeconds }: Expected,
): string | null {
  if (idToken === null) return null
  const claims = claimsOf(idToken)
  if (claims === null) return 'id_token'
  const audience = Array.isArray(claims.aud) ? (claims.aud as unknown[]) : [claims.aud]
  if (!audience.includes(clientId)) return 'id_token_audience'
  if (issuer !== null && claims.iss !== issuer) return 'id_token_issuer'
  if (typeof claims.exp === 'number' && claims.exp + LEEWAY_SECONDS < nowSeconds) return 'id_token_expired'
  return claims.nonce === undefined || claims.nonce === nonce ? null : 'id_token_nonce'
}

function claimsOf(token: Secret): Members | null {
  const [, payload = ''] = reveal(token).split('.')
  return asMembers(parseJson(Buffer.from(payload, 'base64url')))
}
