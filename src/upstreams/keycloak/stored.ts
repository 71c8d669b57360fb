/**
 * What Keycloak stored at the login: the provider's own answer, in whatever form it had (upstreams/keycloak.md part A).
 * The refresh token in it is left behind here.
 */
import { decodeJwt } from 'jose'
import { z } from 'zod'
import type { JsonObject } from '../../lib/json.ts'
import { filledText, scopeList } from '../shapes.ts'

/** The parts of a token record that the stored answer holds. */
export interface Stored {
  readonly token: string
  readonly token_secret: string | null
  readonly id_token: string | null
  /** Whole Unix seconds. */
  readonly expires_at: number | null
  readonly scopes: readonly string[] | null
  /** The id at the provider, where the answer names it. */
  readonly provider_user_id: string | null
  readonly label: string | null
  readonly public_metadata: JsonObject
}

/** `expires_in` is not read: it counts from a login that nobody dates. Keycloak's own key is absolute. */
const oauth2 = z.object({
  access_token: z.string().min(1),
  accessTokenExpiration: z.coerce.number().positive().nullish().catch(null),
  scope: scopeList.catch(null),
  id_token: filledText,
})

const oauth1 = z.object({
  oauth_token: z.string().min(1),
  oauth_token_secret: filledText,
  user_id: z.union([z.string(), z.number()]).transform(String).nullish(),
  screen_name: filledText,
})

/** null: it is none of the forms that are described. */
export function readStored(value: unknown): Stored | null {
  const modern = oauth2.safeParse(value).data
  if (modern !== undefined) {
    const { access_token, accessTokenExpiration, scope, id_token } = modern
    return {
      token: access_token,
      token_secret: null,
      id_token,
      expires_at: accessTokenExpiration == null ? null : Math.floor(accessTokenExpiration),
      scopes: scope,
      provider_user_id: subjectOf(id_token),
      label: null,
      public_metadata: {},
    }
  }
  const old = oauth1.safeParse(value).data
  if (old === undefined) return null
  return {
    token: old.oauth_token,
    token_secret: old.oauth_token_secret,
    id_token: null,
    expires_at: null,
    scopes: null,
    provider_user_id: old.user_id ?? null,
    label: old.screen_name,
    public_metadata: old.screen_name === null ? {} : { screen_name: old.screen_name },
  }
}

/** The form-encoded answer of older providers (`access_token=…&scope=repo`). */
export function readStoredForm(text: string): Stored | null {
  return readStored(Object.fromEntries(new URLSearchParams(text.trim())))
}

/** A SAML provider has an assertion in its place. */
export function isAssertion(text: string): boolean {
  return /^\s*(<\?xml[^>]*>\s*)?<([A-Za-z0-9]+:)?(Response|Assertion|EncryptedAssertion)\b/.test(text)
}

/** The `sub` is the user's id at the provider; only the provider itself could check the signature, and told us. */
function subjectOf(id_token: string | null): string | null {
  try {
    return id_token === null ? null : (decodeJwt(id_token).sub ?? null)
  } catch {
    return null
  }
}
