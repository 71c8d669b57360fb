/** PropelAuth, over its backend API; the contract with sources is `upstreams/others.md`. */
import { z } from 'zod'
import { reveal, secret } from '../../lib/secret.ts'
import { secureUrl } from '../../lib/url.ts'
import { openHttp } from '../http/client.ts'
import { httpOptionFields, httpTuning } from '../http/options.ts'
import type { Platform } from '../platform.ts'
import { accountsFetcher, tokensFetcher } from './fetchers.ts'
import { openStored } from './stored.ts'

const options = z.strictObject({
  auth_url: secureUrl.describe('The auth URL of the project, such as `https://auth.example.com`.'),
  api_key: z
    .string()
    .regex(/^[\x21-\x7e]{1,512}$/, 'expected an integration API key of PropelAuth')
    .transform(secret)
    .describe('A backend integration API key of the project.'),
  base_url: secureUrl.optional().meta({
    description:
      'Where the backend API answers, if not at the auth URL; the official libraries use `https://propelauth-api.com`.',
    fallback: 'the `auth_url`',
  }),
  ...httpOptionFields,
})

type PropelAuthOptions = z.output<typeof options>

/** `tokens` fails with USER_NOT_FOUND where PropelAuth does not know the user. */
export const propelauth: Platform<PropelAuthOptions> = {
  options,
  docs: {
    title: 'PropelAuth',
    holds: 'OAuth 2.0 tokens of the provider that a user signed in with, one account for each provider',
    batch: 'One call for all providers of a user, and one more for each token that has expired',
    refresh: 'By PropelAuth, asked for when the stored token has expired',
    provider_user_id: 'No: `""`',
    external_accounts: 'Yes, one call for each user; ids are made of the user id and the provider',
    unverified: [
      'The unit of `token_expiration`: seconds and milliseconds are told apart by size; a value too small to be a time counts as unknown',
      'The answers of `fresh_token` when a refresh fails: a refusal other than 401, 403, 408 and 429 counts as `REAUTHORIZATION_REQUIRED`',
      'Whether the backend API answers at the auth URL, as documented, or at `https://propelauth-api.com` alone, as in the official libraries: set `base_url`',
      'Whether 404 can mean a user without tokens: it counts as an unknown user, as in the official libraries',
    ],
  },
  open({ auth_url, api_key, base_url = auth_url, ...options }, { name, observe }) {
    const http = openHttp({
      ...httpTuning(options),
      upstream: name,
      base_url,
      headers: () => ({
        authorization: `Bearer ${reveal(api_key)}`,
        // Names the project where the host does not.
        'x-propelauth-url': new URL(auth_url).hostname,
      }),
      observe,
    })
    const stored = openStored(http, name)
    return {
      name,
      platform: 'propelauth',
      autoRefreshes: true,
      tokens: tokensFetcher(http, name, stored),
      accounts: accountsFetcher(name, stored),
      state: () => http.state(),
      close: () => http.close(),
    }
  },
}
