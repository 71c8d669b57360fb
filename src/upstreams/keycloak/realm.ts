/** What the calls to one realm have in common. */
import { decodeJwt } from 'jose'
import { CodedError } from '../../errors.ts'
import { reveal } from '../../lib/secret.ts'
import type { Secret } from '../../lib/secret.ts'
import type { Http } from '../http/client.ts'
import type { TokenKey } from '../../tokens/types.ts'

export interface Client {
  readonly client_id: string
  readonly client_secret: Secret
}

export interface Realm {
  readonly http: Http
  /** The name that stands in errors. */
  readonly upstream: string
  readonly name: string
  /** Compared with the `iss` of what is forwarded. */
  readonly issuer: string
}

/**
 * The user's own token, revealed for the one request that it is forwarded with. UPSTREAM_REJECTED where there is none,
 * because a service asks, or where another issuer signed it: that one is none of Keycloak's business.
 */
export function userToken({ issuer, upstream }: Realm, { credential }: TokenKey): string {
  const token = credential === undefined ? null : reveal(credential.secret)
  if (token === null || issuerOf(token) !== issuer)
    throw new CodedError('UPSTREAM_REJECTED', 'The platform answers to the token that it issued to the user alone.', {
      upstream,
    })
  return token
}

function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss
  } catch {
    return undefined
  }
}

/** Keycloak has one link of a user to an identity provider, so this names an account. */
export function accountId(alias: string, provider_user_id: string): string {
  return `${alias}:${provider_user_id}`
}
