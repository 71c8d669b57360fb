/** Composio, over its connected accounts; the contract with sources is `upstreams/others.md`. */
import { z } from 'zod'
import { reveal, secret } from '../../lib/secret.ts'
import { secureUrl } from '../../lib/url.ts'
import { openHttp } from '../http/client.ts'
import { httpOptionFields, httpTuning } from '../http/options.ts'
import type { Platform } from '../platform.ts'
import { openConnections } from './connections.ts'
import { accountsFetcher, tokensFetcher } from './fetchers.ts'

const options = z.strictObject({
  api_key: z
    .string()
    .regex(/^[\x21-\x7e]{1,512}$/, 'expected an API key of a Composio project')
    .transform(secret)
    .describe('An API key of the project, whose setting `mask_secret_keys_in_connected_account` has to be off.'),
  base_url: secureUrl.default('https://backend.composio.dev').describe('Where the Composio API answers.'),
  page_size: z
    .int()
    .min(1)
    .max(500)
    .default(50)
    .describe('How many accounts one answer may have; more than 1 MiB is refused and asked for in parts.'),
  ...httpOptionFields,
})

type ComposioOptions = z.output<typeof options>

/** Composio knows accounts and no users: a user without any has an empty list. */
export const composio: Platform<ComposioOptions> = {
  options,
  docs: {
    title: 'Composio',
    holds: 'OAuth 2.0 and OAuth 1.0 tokens of every connected account of an auth config of your own',
    batch: 'One call for 50 users and any number of toolkits, in pages of 50 accounts',
    refresh: 'By Composio, in the background',
    provider_user_id: 'No: `""`',
    external_accounts: 'Yes, 50 users in one call',
    unverified: [
      'The expiry: `expires_in` has no time that it counts from, so that `expires_at` is always null',
      '`user_id` in the answer is announced as going away: each user is then asked for alone',
      'The greatest `limit`: `page_size` is 50, and the cursor is followed whatever came',
      'Whether `FAILED` can follow a connection that worked: it counts as never connected',
      'Codes of errors: an answer is judged by its status',
    ],
  },
  open({ api_key, base_url, page_size, ...options }, { name, observe }) {
    const http = openHttp({
      ...httpTuning(options),
      upstream: name,
      base_url,
      headers: () => ({ 'x-api-key': reveal(api_key) }),
      observe,
    })
    const read = openConnections({ http, upstream: name, page_size })
    return {
      name,
      platform: 'composio',
      autoRefreshes: true,
      tokens: tokensFetcher(read, name),
      accounts: accountsFetcher(read),
      state: () => http.state(),
      close: () => http.close(),
    }
  },
}
