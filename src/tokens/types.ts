/** The records that every platform answers with, the keys that ask for them, and the routes; types only. */
import type { CodedError } from '../errors.ts'
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
  /** The bare name: `google`. */
  readonly provider: string
  readonly public_metadata: JsonObject
  readonly label: string | null
  /** null for OAuth 1.0, and where the platform does not say. */
  readonly scopes: readonly string[] | null
  /** OAuth 1.0 only. */
  readonly token_secret: Secret | null
  readonly id_token: Secret | null
  /** Why the platform could not make the token live longer; null: it did not have to. */
  readonly problem: CodedError | null
  /** null: the platform does not say. */
  readonly health: AccountHealth | null
}

/** How an account is doing, where this process keeps it alive. Times are whole Unix seconds. */
export interface AccountHealth {
  /** Whether the provider has ended the grant, so that nothing follows the token that still lives. */
  readonly isExpiring: boolean
  /** Since when it is so; null: it was never otherwise. */
  readonly since: number | null
  /** The kind of the last failure of a refresh; null: none failed. */
  readonly lastFailure: string | null
  readonly lastFailureAt: number | null
}

/**
 * A token with the subject it belongs to, as the graph hands it out: what access decides about. It is made once for each
 * answer of a platform, and what is made of it is kept with it, for as long as the answer is.
 */
export interface SubjectToken {
  readonly subject: string
  readonly token: OAuthAccessToken
  /** Unix seconds: when this process got it. */
  readonly readAt: number
  /** What the audit records of it, by the set of the fields that leave (`audit/trail.ts`); holds no secret. */
  readonly auditTexts: string[]
  /** Its text in answers by the selection that it was written for, secrets included (`server/execution/run.ts`). */
  readonly texts: Map<object, { readonly text: string; readonly isAscii: boolean }>
}

/** A connected account, without its secrets. */
export interface ExternalAccount {
  /** The id at the platform, as its tokens carry it; unique for one user at one provider only. */
  readonly id: string
  /** The bare name: `google`. */
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
  /** Whether the platform's metadata says that the token is dead until the user consents again. */
  readonly needs_reauthorization: boolean
}

/** One subject at one provider, by the bare name that the platform uses. */
export interface TokenKey {
  readonly userId: string
  readonly provider: string
  /** Only for upstreams that use it (`Upstream.usesSubjectToken`), and only when the subject is the one who asks. */
  readonly credential: SubjectCredential | null
  /** Seconds that the token should still live: for platforms that refresh in this process. */
  readonly minValiditySeconds: number
}

/** The subject's own credential, for platforms that answer to it and to nothing else: forwarded, never stored. */
export interface SubjectCredential {
  readonly secret: Secret
  /** SHA-256 of the credential: answers are shared between requests with the same one only. */
  readonly id: string
}

/** What a caller may add to a key; both are applied here, after the platform answered. */
export interface TokenFilter {
  readonly externalAccountId: string | null
  /** Seconds that the token must still live. */
  readonly minValiditySeconds: number
}

/** What a request asks for; `provider` is the bare name that callers use. */
export interface TokenRequest extends TokenFilter {
  readonly userId: string
  readonly provider: string
}

/** The names of the fields that hold secrets: what `auth/policy.ts` decides about. */
export const secretFields = ['token', 'token_secret', 'id_token'] as const
export type SecretField = (typeof secretFields)[number]

/** Where a provider's tokens are; `as` is the platform's own name for the provider, where it differs. */
export interface Route {
  readonly upstream: string
  readonly as: string | null
}

/** `routes` by the name that the configuration gives; `default` answers for every other provider, if there is one. */
export interface Routing {
  readonly routes: Readonly<Record<string, Route>>
  readonly default: string | null
}

/** What happened to an account. Nothing in it is a secret. */
export interface AccountEvent {
  readonly id: string
  /** As docs/events.md lists them. */
  readonly type: string
  readonly user_id: string
  /** The bare name. */
  readonly provider: string
  readonly external_account_id: string
  readonly generation: number
  /** A short code; null: none. */
  readonly reason: string | null
  /** Milliseconds since 1970. */
  readonly created_at_ms: number
}
