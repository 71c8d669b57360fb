/** Logto's Secret Vault, read as each user by impersonation; the contract with sources is `upstreams/logto.md`. */
import { z } from 'zod'
import { secret } from '../../lib/secret.ts'
import { secureUrl } from '../../lib/url.ts'
import { openHttp } from '../http/client.ts'
import { createClientCredentials } from '../http/oauth-client.ts'
import { httpOptionFields, httpTuning } from '../http/options.ts'
import type { Platform } from '../platform.ts'
import { accountsFetcher, openIdentities } from './identities.ts'
import { createImpersonation } from './impersonation.ts'
import { tokensFetcher } from './tokens.ts'

const clientId = z.string().regex(/^[\x21-\x7e]{1,255}$/, 'expected the id of an application')
const clientSecret = z
  .string()
  .regex(/^[\x21-\x7e]{1,512}$/, 'expected the secret of an application')
  .transform(secret)

const options = z.strictObject({
  base_url: secureUrl
    .transform((url) => url.replace(/\/+$/, ''))
    .describe('Where Logto answers, as `https://acme.logto.app`.'),
  client_id: clientId.describe('A machine-to-machine application with access to the Management API.'),
  client_secret: clientSecret.describe('The secret of the application.'),
  resource: z.string().min(1).max(255).optional().meta({
    description: 'The indicator of the Management API; self-hosted: `https://default.logto.app/api`.',
    fallback: '`base_url` + `/api`',
  }),
  exchange: z
    .strictObject({
      client_id: clientId.describe('An application that is allowed to exchange tokens.'),
      client_secret: clientSecret.describe('The secret of that application.'),
    })
    .optional()
    .meta({
      description: 'The application that exchanges subject tokens for tokens of users.',
      fallback: 'the machine-to-machine application',
    }),
  ...httpOptionFields,
})

type LogtoOptions = z.output<typeof options>

/** `tokens` answers with an empty list for a provider that the user has not linked. */
export const logto: Platform<LogtoOptions> = {
  options,
  docs: {
    title: 'Logto (Secret Vault)',
    holds: 'OAuth 2.0 tokens of social and enterprise connectors with token storage, one for each user and connector',
    batch:
      'One call for each user and provider, one for what the user has linked, and two for a token of the user (kept for five minutes)',
    refresh:
      'By Logto; a token that is expired beyond help is reported without asking for it, because asking deletes it',
    provider_user_id: 'Yes',
    external_accounts: 'Yes, one call for each user',
    unverified: [
      'That an exchange without a resource gives a token for the Account API was read in the code and not run',
      'A linked account without a stored token: the connector may have token storage switched off, and is read as consent needed',
      'The rate limits',
    ],
  },
  open({ exchange, ...given }, { name: upstream, observe }) {
    const { base_url, client_id, client_secret, resource = `${base_url}/api` } = given
    const tuning = { ...httpTuning(given), upstream, observe }
    const token_url = `${base_url}/oidc/token`
    const parameters = { resource, scope: 'all' }
    const authorize = createClientCredentials({ ...tuning, token_url, client_id, client_secret, parameters })
    const api = openHttp({ ...tuning, base_url, authorize })
    const http = openHttp({ ...tuning, base_url })
    const identities = openIdentities(api, upstream)
    const impersonation = createImpersonation({ api, http, upstream, ...(exchange ?? { client_id, client_secret }) })
    return {
      name: upstream,
      platform: 'logto',
      autoRefreshes: true,
      tokens: tokensFetcher({ http, upstream, identities, impersonation }),
      accounts: accountsFetcher(identities),
      state: () => http.state(),
      close: async () => {
        await Promise.all([http.close(), api.close(), authorize.close()])
      },
    }
  },
}
