/** The documented shape of an identity; refresh tokens and everything unknown are dropped while it is read. */
import { z } from 'zod'
import { secret } from '../../lib/secret.ts'
import type { Secret } from '../../lib/secret.ts'
import { jwtExpiry } from '../kit.ts'
import { filledText, isoSeconds } from '../shapes.ts'

/** One social login that is linked to an identity. */
export interface Link {
  /** The configured id of the provider, not its type. */
  readonly provider: string
  readonly subject: string
  readonly organization: string | null
  /** null: absent, or Kratos could not decrypt it. */
  readonly access_token: Secret | null
  readonly id_token: Secret | null
  /** Whole Unix seconds; known for tokens that are JWTs alone. */
  readonly expires_at: number | null
}

const storedLink = z
  .object({
    provider: z.string().min(1),
    subject: z.string(),
    organization: filledText,
    initial_access_token: filledText,
    initial_id_token: filledText,
  })
  .transform(({ provider, subject, organization, initial_access_token, initial_id_token }): Link => ({
    provider,
    subject,
    organization,
    access_token: initial_access_token === null ? null : secret(initial_access_token),
    id_token: initial_id_token === null ? null : secret(initial_id_token),
    expires_at: initial_access_token === null ? null : jwtExpiry(initial_access_token),
  }))

// `provider:subject`; a subject may hold colons itself.
const identifiers = z
  .array(z.string().regex(/^[^:]+:/))
  .max(1000)
  .nullish()
  .transform((list) =>
    (list ?? []).map((identifier) => {
      const colon = identifier.indexOf(':')
      return { provider: identifier.slice(0, colon), subject: identifier.slice(colon + 1) }
    }),
  )

const oidc = z
  .object({
    identifiers,
    // Empty where the tokens were not asked for.
    config: z.object({ providers: z.array(storedLink).max(1000).nullish() }).nullish(),
    created_at: isoSeconds,
    updated_at: isoSeconds,
  })
  .transform(({ config, ...rest }) => ({ ...rest, stored: config?.providers ?? [] }))

const credentials = z.object({ oidc: oidc.nullish(), saml: z.object({ identifiers }).nullish() })

export const identity = z
  .object({ credentials: credentials.nullish() })
  .transform(({ credentials: held }) => ({ oidc: held?.oidc ?? null, saml: held?.saml?.identifiers ?? [] }))
export type Identity = z.output<typeof identity>

export const identityId = z.object({ id: z.string().min(1) })
export const identityList = z.array(z.unknown())
