/** Options that both platforms over an Auth0 tenant have. */
import { z } from 'zod'
import { secureUrl } from '../../secure-url.ts'
import { secret } from '../../tokens/secret.ts'

/** Without slashes at its end, so that paths can follow. */
export const tenantUrl = secureUrl
  .transform((url) => url.replace(/\/+$/, ''))
  .describe('The domain of the tenant, as `https://acme.eu.auth0.com`; a custom domain works, too.')

export const clientId = z.string().regex(/^[\x21-\x7e]{1,255}$/, 'expected a client id')

export const clientSecret = z
  .string()
  .regex(/^[\x20-\x7e]{1,512}$/, 'expected a client secret')
  .transform(secret)
  .describe('The secret of the client.')
