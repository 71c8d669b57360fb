/** Ory Kratos and Ory Network; the contract with sources is `upstreams/ory-kratos.md`. */
import { z } from 'zod'
import { reveal, secret } from '../../lib/secret.ts'
import { secureUrl } from '../../lib/url.ts'
import { openHttp } from '../http/client.ts'
import { httpOptionFields, httpTuning } from '../http/options.ts'
import type { Platform } from '../platform.ts'
import { accountsFetcher } from './accounts.ts'
import { openIdentities } from './identities.ts'
import { tokensFetcher } from './tokens.ts'

/** The documented maximum: Kratos refuses more. */
const MAX_IDS = 500

const options = z.strictObject({
  base_url: secureUrl.describe(
    'Where the admin API answers, without `/admin`: `https://SLUG.projects.oryapis.com` at Ory Network.',
  ),
  api_key: z
    .string()
    .regex(/^[\x21-\x7e]{1,512}$/, 'expected an Ory API key such as ory_pat_…')
    .transform(secret)
    .optional()
    .meta({
      description: 'The API key of the Ory Network project, `ory_pat_…`; a self-hosted Kratos has none.',
      fallback: 'no key is sent',
    }),
  batch_size: z
    .int()
    .min(1)
    .max(MAX_IDS)
    .default(MAX_IDS)
    .describe('How many users one call asks for; fewer where a proxy before Kratos refuses long URLs.'),
  ...httpOptionFields,
})

type KratosOptions = z.output<typeof options>

/** A user that Kratos does not know is an error of the token key, and absent from the accounts. */
export const kratos: Platform<KratosOptions> = {
  options,
  docs: {
    title: 'Ory Kratos',
    holds: 'The OAuth 2.0 tokens that came with the first login or the link; later logins do not update them',
    batch: 'One call for up to 500 users and all of their providers',
    refresh: 'No: the platform never refreshes, and states no expiry and no scopes',
    provider_user_id: 'Yes',
    external_accounts: 'Yes, up to 500 users in one call, without names and e-mail addresses',
    unverified: ['The names of the rate limit headers of Ory Network, and its limits'],
  },
  open({ api_key, base_url, batch_size, ...options }, { name, observe }) {
    const http = openHttp({
      ...httpTuning(options),
      upstream: name,
      base_url,
      ...(api_key !== undefined && { headers: () => ({ authorization: `Bearer ${reveal(api_key)}` }) }),
      observe,
    })
    const identities = openIdentities({ http, upstream: name, batch_size })
    return {
      name,
      platform: 'kratos',
      autoRefreshes: false,
      tokens: tokensFetcher(identities, name),
      accounts: accountsFetcher(identities),
      state: () => http.state(),
      close: () => http.close(),
    }
  },
}
