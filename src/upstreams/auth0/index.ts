/**
 * Auth0, the identities of logins, over the Management API; the contract with sources is `upstreams/auth0.md` part A.
 * Token Vault is another store of Auth0 and another platform here.
 */
import { z } from 'zod'
import { secureUrl } from '../../lib/url.ts'
import { openHttp } from '../http/client.ts'
import { createClientCredentials } from '../http/oauth-client.ts'
import { httpOptionFields, httpTuning } from '../http/options.ts'
import type { Platform } from '../platform.ts'
import { accountsFetcher, tokensFetcher } from './fetchers.ts'
import { clientId, clientSecret, tenantUrl } from './options.ts'
import { openUsers } from './users.ts'

const options = z.strictObject({
  base_url: tenantUrl,
  client_id: clientId.describe('A machine-to-machine client with the scopes `read:users` and `read:user_idp_tokens`.'),
  client_secret: clientSecret,
  audience: secureUrl.optional().meta({
    description: 'The audience of the Management API: `https://{tenant}.{region}.auth0.com/api/v2/`.',
    fallback: '`base_url` + `/api/v2/`; with a custom domain it has to be given',
  }),
  search: z
    .boolean()
    .default(true)
    .describe('Several users with one search, which lags behind by seconds; `false` asks for each by itself.'),
  ...httpOptionFields,
})

type Auth0Options = z.output<typeof options>

/** Read Users of the paid plans: 40 at once, 500 in a minute (auth0.md, rate limits). */
const DEFAULT_RATE = { requests: 40, per_seconds: 5 }

/** `tokens` answers with an empty list for a connection that no identity has. */
export const auth0: Platform<Auth0Options> = {
  options,
  docs: {
    title: 'Auth0 (identities)',
    holds: 'The OAuth 2.0 and OAuth 1.0 tokens of the last login through each connection, without scopes',
    batch: 'All providers of a user in one call; up to 50 users in one search',
    refresh: 'No: a token is replaced when the user logs in again',
    provider_user_id: 'Yes',
    external_accounts: 'Yes, in the same calls',
    unverified: [
      'Whether the search shows tokens: where one is missing, the user alone is asked for',
      'The lifetime `expires_in` of an identity: an expiry is only given for the one identity of a user, from `last_login`',
      'Whether `last_login` also moves when a session is merely continued: the expiry is then too late',
      'The names of the error codes: the status decides',
    ],
  },
  open({ base_url, client_id, client_secret, audience, search, ...options }, { name: upstream, observe }) {
    const tuning = httpTuning(options)
    const authorize = createClientCredentials({
      ...tuning,
      upstream,
      token_url: `${base_url}/oauth/token`,
      client_id,
      client_secret,
      parameters: { audience: audience ?? `${base_url}/api/v2/` },
      observe,
    })
    const http = openHttp({ ...tuning, rate: tuning.rate ?? DEFAULT_RATE, upstream, base_url, authorize, observe })
    const identities = { users: openUsers(http, upstream, { search }), authorize, upstream }
    return {
      name: upstream,
      platform: 'auth0',
      autoRefreshes: false,
      tokens: tokensFetcher(identities),
      accounts: accountsFetcher(identities),
      state: () => http.state(),
      close: async () => {
        await Promise.all([http.close(), authorize.close()])
      },
    }
  },
}
