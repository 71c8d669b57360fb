/** Nango, cloud or self-hosted; the contract with sources is `upstreams/nango.md`. */
import { z } from 'zod'
import { reveal, secret } from '../../lib/secret.ts'
import { secureUrl } from '../../lib/url.ts'
import { openHttp } from '../http/client.ts'
import { httpOptionFields, httpTuning } from '../http/options.ts'
import type { Platform } from '../platform.ts'
import { accountsFetcher } from './accounts.ts'
import { openConnections } from './connections.ts'
import { tokensFetcher } from './tokens.ts'

/** The limit of the plans that are not small; larger ones have up to 275 times as much (nango.md section 4). */
const DEFAULT_RATE = { requests: 200, per_seconds: 60 }

const options = z.strictObject({
  secret_key: z
    .string()
    .regex(/^[\x21-\x7e]{1,512}$/, 'expected the secret key of a Nango environment')
    .transform(secret)
    .describe('The secret key of the environment, or an API key that may read credentials.'),
  base_url: secureUrl.default('https://api.nango.dev').describe('Where the Nango API answers.'),
  user_tag: z
    .string()
    .regex(/^[a-z0-9_.-]{1,64}$/, 'expected the name of a tag in lower case such as end_user_id')
    .default('end_user_id')
    .describe('The tag of a connection that holds the user id.'),
  ...httpOptionFields,
})

type NangoOptions = z.output<typeof options>

/** Nango knows connections and no users: a user without any has an empty list. */
export const nango: Platform<NangoOptions> = {
  options,
  docs: {
    title: 'Nango',
    holds: 'OAuth 2.0 and OAuth 1.0 tokens of every connection, ID tokens where the provider sent them',
    batch: 'One call for all connections of a user, then one for each connection whose token is asked for',
    refresh: 'By Nango, 15 minutes before the expiry',
    provider_user_id: 'No: `""`',
    external_accounts: 'Yes, one call for each user',
    unverified: [
      'The codes of a refused key: 401 and 403 are judged by the status',
      'Whether a failed refresh (400 `invalid_credentials`) is the end of the grant: taken as such',
    ],
  },
  open({ secret_key, base_url, user_tag, ...options }, { name, observe }) {
    const http = openHttp({
      ...httpTuning({ ...options, rate: options.rate ?? DEFAULT_RATE }),
      upstream: name,
      base_url,
      headers: () => ({ authorization: `Bearer ${reveal(secret_key)}` }),
      observe,
    })
    const connections = openConnections(http, name, user_tag)
    return {
      name,
      platform: 'nango',
      autoRefreshes: true,
      tokens: tokensFetcher(http, name, connections),
      accounts: accountsFetcher(connections),
      state: () => http.state(),
      close: () => http.close(),
    }
  },
}
