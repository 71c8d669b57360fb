/** A user as the Management API shows it (upstreams/auth0.md part A). Refresh tokens are left behind here. */
import { z } from 'zod'
import { withoutSecrets } from '../kit.ts'
import { filledText, isoSeconds, metadata } from '../shapes.ts'

const identity = z.object({
  connection: z.string().min(1),
  /** The strategy: `google-oauth2`, `waad`, `auth0` for a password. */
  provider: z.string(),
  user_id: z.union([z.string(), z.number()]).transform(String),
  // Without the scope read:user_idp_tokens these two are absent.
  access_token: filledText,
  access_token_secret: filledText,
  // Seconds, at the time of the login: no SDK type has it, the documentation's example does.
  expires_in: z.number().positive().nullish().catch(null),
  profileData: metadata.transform(withoutSecrets),
})

const user = z.object({
  user_id: z.string().min(1),
  identities: z.array(identity).max(1000),
  last_login: isoSeconds.catch(null),
  email: filledText,
  username: filledText,
  nickname: filledText,
  given_name: filledText,
  family_name: filledText,
  picture: filledText,
})

export type Auth0Identity = z.output<typeof identity>
export type Auth0User = z.output<typeof user>

/** What the two calls ask for: no more of a user than the graph shows. */
export const userFields = Object.keys(user.shape).join(',')

export function parseUser(value: unknown): Auth0User | null {
  return user.safeParse(value).data ?? null
}

const named = z.object({ user_id: z.string().min(1) })

/** The id of a user whose other fields may be anything. */
export function userIdOf(value: unknown): string | null {
  return named.safeParse(value).data?.user_id ?? null
}
