/** Clerk, over its Backend API; the contract with sources is `upstreams/clerk.md`. */
import { z } from 'zod'
import { reveal, secret } from '../../lib/secret.ts'
import { secureUrl } from '../../lib/url.ts'
import { openHttp } from '../http/client.ts'
import { httpOptionFields, httpTuning } from '../http/options.ts'
import type { Platform } from '../platform.ts'
import { accountsFetcher } from './accounts.ts'
import { tokensFetcher } from './tokens.ts'

const options = z.strictObject({
  secret_key: z
    .string()
    .regex(/^[\x21-\x7e]{1,512}$/, 'expected a Clerk secret key such as sk_live_…')
    .transform(secret)
    .describe('The Secret Key of the Clerk instance, `sk_live_…` or `sk_test_…`.'),
  base_url: secureUrl.default('https://api.clerk.com/v1').describe('Where the Backend API answers, version included.'),
  api_version: z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2}$/, 'expected a date such as 2026-05-12')
    .default('2026-05-12')
    .describe('Sent as `Clerk-API-Version`, so that a new default at Clerk changes nothing here.'),
  ...httpOptionFields,
})

type ClerkOptions = z.output<typeof options>

/** `tokens` answers with an empty list for an account that is not connected; `accounts` leaves unknown users out. */
export const clerk: Platform<ClerkOptions> = {
  options,
  docs: {
    title: 'Clerk',
    holds: 'OAuth 2.0 and OAuth 1.0 tokens of every connected account, ID tokens where the provider issues them',
    batch: 'One call for each user and provider; external accounts of up to 100 users in one call',
    refresh: 'By Clerk, when an expired token is asked for',
    provider_user_id: 'Yes',
    external_accounts: 'Yes',
  },
  open({ secret_key, base_url, api_version, ...options }, { name, observe }) {
    const http = openHttp({
      ...httpTuning(options),
      rate: options.rate ?? documentedRate(reveal(secret_key)),
      upstream: name,
      base_url,
      headers: () => ({ authorization: `Bearer ${reveal(secret_key)}`, 'clerk-api-version': api_version }),
      observe,
    })
    return {
      name,
      platform: 'clerk',
      autoRefreshes: true,
      tokens: tokensFetcher(http, name),
      accounts: accountsFetcher(http, name),
      state: () => http.state(),
      close: () => http.close(),
    }
  },
}

/** Per instance, whoever uses its key (upstreams/clerk.md section 6). */
function documentedRate(secret_key: string): { requests: number; per_seconds: number } {
  return { requests: secret_key.startsWith('sk_test_') ? 100 : 1000, per_seconds: 10 }
}
