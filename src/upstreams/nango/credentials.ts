/** The documented shapes of credentials; refresh tokens, client secrets and everything unknown are dropped here. */
import { z } from 'zod'
import { secret } from '../../lib/secret.ts'
import type { Secret } from '../../lib/secret.ts'
import { filledText, isoSeconds } from '../shapes.ts'

/** What an OAuth connection holds. */
export interface OAuthCredentials {
  readonly token: Secret
  readonly token_secret: Secret | null
  readonly id_token: Secret | null
  readonly expires_at: number | null
  readonly scopes: readonly string[] | null
}

// The provider's own answer, in whatever form it was.
const raw = z
  .object({
    scope: z
      .union([z.string(), z.array(z.string())])
      .optional()
      .catch(undefined),
    id_token: filledText.catch(null),
  })
  .nullish()
  .catch(null)

const oauth2 = z
  .object({ type: z.enum(['OAUTH2', 'APP']), access_token: z.string().min(1), expires_at: isoSeconds, raw })
  .transform(({ access_token, expires_at, raw: given }): OAuthCredentials => ({
    token: secret(access_token),
    token_secret: null,
    id_token: given?.id_token ? secret(given.id_token) : null,
    expires_at,
    scopes: splitScopes(given?.scope),
  }))

const oauth1 = z
  .object({ type: z.literal('OAUTH1'), oauth_token: z.string().min(1), oauth_token_secret: filledText })
  .transform(({ oauth_token, oauth_token_secret }): OAuthCredentials => ({
    token: secret(oauth_token),
    token_secret: oauth_token_secret === null ? null : secret(oauth_token_secret),
    id_token: null,
    expires_at: null,
    scopes: null,
  }))

const typed = z.object({ type: z.string().optional() })

const connection = z.object({
  connection_id: z.string(),
  provider_config_key: z.string(),
  credentials: z.unknown(),
})

/** What the answer of one connection says. */
export type ReadConnection =
  | { readonly kind: 'oauth'; readonly credentials: OAuthCredentials }
  /** An API key, a password, a machine's client credentials … */
  | { readonly kind: 'other' }
  /** Empty credentials: our key may not read them. */
  | { readonly kind: 'withheld' }
  | { readonly kind: 'malformed' }

/** Reads the body of `GET /connections/{connection_id}`; `asked` is the connection that was asked for. */
export function readConnection(json: unknown, asked: { connection_id: string; integration: string }): ReadConnection {
  const answered = connection.safeParse(json).data
  const type = typed.safeParse(answered?.credentials).data
  if (answered?.connection_id !== asked.connection_id || answered.provider_config_key !== asked.integration || !type)
    return { kind: 'malformed' }
  if (type.type === undefined) return { kind: 'withheld' }
  if (!['OAUTH2', 'APP', 'OAUTH1'].includes(type.type)) return { kind: 'other' }
  const credentials = z.union([oauth2, oauth1]).safeParse(answered.credentials).data
  return credentials === undefined ? { kind: 'malformed' } : { kind: 'oauth', credentials }
}

/** By spaces or commas, as the provider writes them; null where it says nothing. */
function splitScopes(scope: string | readonly string[] | undefined): readonly string[] | null {
  if (scope === undefined) return null
  return typeof scope === 'string' ? scope.split(/[\s,]+/).filter((each) => each !== '') : scope
}
