/** The documented shape of a connected account; refresh tokens, client data and everything unknown are dropped here. */
import { z } from 'zod'
import { filledText, isoSeconds } from '../shapes.ts'

// The provider's own values beside those of Composio: only what is read here survives.
const values = z.object({
  access_token: filledText.catch(null),
  oauth_token: filledText.catch(null),
  oauth_token_secret: filledText.catch(null),
  id_token: filledText.catch(null),
  scope: z
    .union([z.string().transform((text) => text.split(/[\s,]+/).filter((scope) => scope !== '')), z.array(z.string())])
    .nullish()
    .catch(null)
    .transform((scopes) => scopes ?? null),
})

export const connectedAccount = z
  .object({
    id: z.string().min(1),
    // Announced as going away (upstreams/others.md).
    user_id: filledText,
    status: z.string(),
    alias: filledText,
    toolkit: z.object({ slug: z.string().min(1) }),
    is_disabled: z.boolean().nullish(),
    created_at: isoSeconds.catch(null),
    updated_at: isoSeconds.catch(null),
    state: z.object({ authScheme: filledText, val: values }).nullish().catch(null),
  })
  .transform(({ toolkit, is_disabled, state, ...rest }) => ({
    ...rest,
    toolkit: toolkit.slug.toLowerCase(),
    isActive: rest.status === 'ACTIVE' && is_disabled !== true,
    scheme: state?.authScheme ?? null,
    values: state?.val ?? null,
  }))

export type ConnectedAccount = z.output<typeof connectedAccount>

/** Each item is read by itself, so that one bad item fails its own user. */
export const accountPage = z.object({ items: z.array(z.unknown()).max(1000), next_cursor: filledText })

/** Who and what an item is about, whatever the rest of it is like. */
export const itemOwner = z.object({ user_id: filledText.catch(null) })

export const errorBody = z.object({
  error: z.object({ slug: z.unknown(), request_id: z.unknown() }).partial(),
})
