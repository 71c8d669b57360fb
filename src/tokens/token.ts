/** The records that every platform answers with, the keys that ask for them, and the rules about both. */
import { badUserInput } from '../errors.ts'
import type { JsonObject } from '../lib/json.ts'
import type { Secret } from '../lib/secret.ts'

/** The documented object of the Clerk Backend API, less its constant `object` field. */
export interface OAuthAccessToken {
  readonly external_account_id: string
  /** `''` where the platform does not disclose it. */
  readonly provider_user_id: string
  readonly token: Secret
  /** Whole Unix seconds; null: unknown or never. */
  readonly expires_at: number | null
  readonly provider: string
  readonly public_metadata: JsonObject
  readonly label: string | null
  /** null for OAuth 1.0. */
  readonly scopes: readonly string[] | null
  /** OAuth 1.0 only. */
  readonly token_secret: Secret | null
  readonly id_token: Secret | null
}

/** A connected account, without its secrets. */
export interface ExternalAccount {
  readonly id: string
  readonly provider: string
  readonly provider_user_id: string
  readonly email_address: string | null
  readonly username: string | null
  readonly first_name: string | null
  readonly last_name: string | null
  readonly image_url: string | null
  readonly label: string | null
  readonly approved_scopes: readonly string[] | null
  readonly public_metadata: JsonObject
  /** Whole Unix seconds. */
  readonly created_at: number | null
  /** Whole Unix seconds. */
  readonly updated_at: number | null
  /** Where the platform's metadata says so: the token is dead until the user consents again. */
  readonly needs_reauthorization?: boolean
}

/** One subject at one provider; `provider` is the name that the platform uses. */
export interface TokenKey {
  readonly user_id: string
  readonly provider: string
  /** Only for upstreams that need it (`Upstream.forwards`), and only when the subject is the one who asks. */
  readonly credential?: SubjectCredential
}

/** The subject's own credential, for platforms that answer to nobody else: forwarded, never stored. */
export interface SubjectCredential {
  readonly secret: Secret
  /** SHA-256 of the credential: answers are shared between requests with the same one alone. */
  readonly id: string
}

/** What a caller may add to a key; both are decided here, after the platform answered. */
export interface TokenFilter {
  readonly external_account_id: string | null
  /** Seconds that the token must still live. */
  readonly min_validity_seconds: number
}

/** The names of the fields that hold secrets: what `auth/access` decides about. */
export const secretFields = ['token', 'token_secret', 'id_token'] as const
export type SecretField = (typeof secretFields)[number]

const MAX_ID_LENGTH = 255
// TRUST S9: what cannot leave a path segment, a header or a log line. The platforms' own ids all fit.
const idCharacters = /^[A-Za-z0-9_.:|@-]+$/
const providerCharacters = /^[A-Za-z0-9_.-]+$/
const onlyDots = /^\.+$/

/** The id itself, or BAD_USER_INPUT that names the argument and never echoes the value. */
export function checkId(value: string, argument: string): string {
  if (value.length === 0) throw badUserInput(`${argument} is empty.`)
  if (value.length > MAX_ID_LENGTH)
    throw badUserInput(
      `${argument} has ${String(value.length)} characters; at most ${String(MAX_ID_LENGTH)} are allowed.`,
    )
  if (!idCharacters.test(value) || onlyDots.test(value))
    throw badUserInput(`${argument} may hold letters, digits and _ . : | @ - only, and not only dots.`)
  return value
}

/** `google` and `oauth_google` mean the same provider: `oauth_google`. */
export function canonicalProvider(name: string): string {
  return name.startsWith('oauth_') ? name : `oauth_${name}`
}

/** The canonical name, or BAD_USER_INPUT that names the argument and never echoes the value. */
export function checkProvider(value: string, argument = 'provider'): string {
  const name = canonicalProvider(value)
  const bare = name.slice('oauth_'.length)
  if (bare.length === 0 || bare.length > 100 || !providerCharacters.test(bare) || onlyDots.test(bare))
    throw badUserInput(
      `${argument} must be a provider name such as "oauth_google" or "google": 1 to 100 letters, digits and _ . - only.`,
    )
  return name
}

/** Whether the token lives for at least `min_validity_seconds` more; an unknown expiry counts as living. */
export function isLive(token: OAuthAccessToken, min_validity_seconds: number, nowSeconds: number): boolean {
  return token.expires_at === null || token.expires_at - min_validity_seconds > nowSeconds
}

/** Absolute Unix time of unknown unit → whole seconds: a value above 1e11 is milliseconds (clerk.md section 2). */
export function toUnixSeconds(value: number): number {
  return Math.floor(Math.abs(value) > 1e11 ? value / 1000 : value)
}
