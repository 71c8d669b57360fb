/** Clerk, over its Backend API (docs/platforms/clerk.md). */
import { z } from 'zod'
import { httpOptionFields, httpTuning, openHttp, reveal, secret, secureUrl } from '../kit.ts'
import type { Platform } from '../kit.ts'
import { accountsFetcher } from './accounts.ts'
import { openApi } from './api.ts'
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
  open({ secret_key: secretKey, base_url, api_version: apiVersion, ...options }, { name, observe }) {
    const http = openHttp({
      ...httpTuning(options),
      rate: options.rate ?? documentedRate(reveal(secretKey)),
      base_url,
      headers: () => ({ authorization: `Bearer ${reveal(secretKey)}`, 'clerk-api-version': apiVersion }),
      observe,
    })
    const api = openApi(http)
    return {
      name,
      platform: 'clerk',
      autoRefreshes: true,
      tokens: tokensFetcher(api),
      accounts: accountsFetcher(api),
      state: () => http.state(),
      close: () => http.close(),
    }
  },
}

/** The limit of an instance, which all users of its keys share (docs/platforms/clerk.md section 6). */
function documentedRate(secretKey: string): { requests: number; per_seconds: number } {
  return { requests: secretKey.startsWith('sk_test_') ? 100 : 1000, per_seconds: 10 }
}
