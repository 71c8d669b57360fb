/**
 * What Keycloak stored at the login: the provider's own answer, in the provider's form and not in one of Keycloak's
 * (docs/platforms/keycloak.md, sections 2 and 7). The refresh token in it is dropped here.
 */
import { decodeJwt } from 'jose'
import { z } from 'zod'
import {
  decorativeId,
  decorativeSecret,
  filledText,
  optionalSecret,
  requiredSecret,
  reveal,
  scopeList,
  time,
} from '../kit.ts'
import type { JsonObject, Secret } from '../kit.ts'

/** The parts of a token record that the stored answer holds. */
export interface Stored {
  readonly token: Secret
  readonly tokenSecret: Secret | null
  readonly idToken: Secret | null
  /** Whole Unix seconds. */
  readonly expiresAt: number | null
  readonly scopes: readonly string[] | null
  /** The id at the provider, where the answer names it. */
  readonly providerUserId: string | null
  readonly label: string | null
  readonly publicMetadata: JsonObject
}

/** A stored answer that says no more than this. */
export function bareToken(token: Secret): Stored {
  return {
    token,
    tokenSecret: null,
    idToken: null,
    expiresAt: null,
    scopes: null,
    providerUserId: null,
    label: null,
    publicMetadata: {},
  }
}

/** `expires_in` is not read: it counts from a login of unknown time. Keycloak's own key is absolute. */
const oauth2 = z
  .object({
    access_token: requiredSecret,
    // What the provider wrote under this name is no expiry that the token would be refused for.
    accessTokenExpiration: time,
    scope: scopeList,
    id_token: decorativeSecret,
  })
  .transform(({ access_token: token, accessTokenExpiration, scope, id_token: idToken }): Stored => ({
    ...bareToken(token),
    idToken,
    expiresAt: accessTokenExpiration,
    scopes: scope,
    providerUserId: idToken === null ? null : subjectOf(reveal(idToken)),
  }))

const oauth1 = z
  .object({
    oauth_token: requiredSecret,
    oauth_token_secret: optionalSecret,
    user_id: decorativeId,
    screen_name: filledText,
  })
  .transform(({ oauth_token: token, oauth_token_secret: tokenSecret, user_id: userId, screen_name }): Stored => ({
    ...bareToken(token),
    tokenSecret,
    providerUserId: userId,
    label: screen_name,
    publicMetadata: screen_name === null ? {} : { screen_name },
  }))

export const storedAnswer = z.union([oauth2, oauth1])

/** Whether the text is the assertion of a SAML provider. */
export function isAssertion(text: string): boolean {
  return /^\s*(<\?xml[^>]*>\s*)?<([A-Za-z0-9]+:)?(Response|Assertion|EncryptedAssertion)\b/.test(text)
}

/** The `sub`, which is the user's id at the provider. Keycloak checked the signature at the login. */
function subjectOf(idToken: string): string | null {
  try {
    return decodeJwt(idToken).sub ?? null
  } catch {
    return null
  }
}
