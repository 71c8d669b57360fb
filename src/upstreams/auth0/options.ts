/** Options that both platforms over an Auth0 tenant have. */
import { createPrivateKey } from 'node:crypto'
import { z } from 'zod'
import { secret } from '../../lib/secret.ts'
import { secureUrl } from '../../lib/url.ts'

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

/** The key itself stays an opaque handle of `node:crypto`, which prints nothing of it. */
export const privateKey = z.string().transform((pem, context) => {
  try {
    return createPrivateKey(pem)
  } catch {
    context.addIssue({ code: 'custom', message: 'expected a private key in PEM (PKCS #8)' })
    return z.NEVER
  }
})
