/** WorkOS Pipes; the contract with sources is `upstreams/workos.md`. */
import { z } from 'zod'
import { reveal, secret } from '../../lib/secret.ts'
import { secureUrl } from '../../lib/url.ts'
import { openHttp } from '../http/client.ts'
import { httpOptionFields, httpTuning } from '../http/options.ts'
import type { Platform } from '../platform.ts'
import { accountsFetcher } from './accounts.ts'
import { openDirectory } from './directory.ts'
import { tokensFetcher } from './tokens.ts'

const options = z.strictObject({
  api_key: z
    .string()
    .regex(/^[\x21-\x7e]{1,512}$/, 'expected a WorkOS API key such as sk_live_…')
    .transform(secret)
    .describe('The API key of the WorkOS environment, `sk_…`.'),
  base_url: secureUrl.default('https://api.workos.com').describe('Where the WorkOS API answers.'),
  organization_id: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,255}$/, 'expected an organization id such as org_01H…')
    .optional()
    .meta({
      description: 'Reads the connections that users made for this organization, rather than those of their own.',
      fallback: 'the connections without an organization',
    }),
  ...httpOptionFields,
})

type WorkosOptions = z.output<typeof options>

/** `tokens` answers with an empty list for an account that is not connected. */
export const workos: Platform<WorkosOptions> = {
  options,
  docs: {
    title: 'WorkOS Pipes',
    holds: 'OAuth 2.0 tokens, one for each user and provider, or for each organization besides',
    batch: 'One call for each user and provider; one metadata call first where three or more are asked for',
    refresh: 'By WorkOS',
    provider_user_id: 'No: `""`',
    external_accounts: 'Yes, one call for each user, without names and e-mail addresses',
    unverified: [
      'What an unknown user gives on the token call: a 404 is told apart by the metadata call',
      'Which account the token call selects where a user connected several at one provider',
      'The rate limits',
    ],
  },
  open({ api_key, base_url, organization_id = null, ...options }, { name, observe }) {
    const http = openHttp({
      ...httpTuning(options),
      upstream: name,
      base_url,
      headers: () => ({ authorization: `Bearer ${reveal(api_key)}` }),
      observe,
    })
    const scope = { http, upstream: name, organization_id }
    const directory = openDirectory(scope)
    return {
      name,
      platform: 'workos',
      autoRefreshes: true,
      tokens: tokensFetcher(scope, directory),
      accounts: accountsFetcher(scope, directory),
      state: () => http.state(),
      close: () => http.close(),
    }
  },
}
