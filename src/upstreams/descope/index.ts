/** Descope outbound apps; the contract with sources is `upstreams/descope.md`. */
import { z } from 'zod'
import { reveal, secret } from '../../lib/secret.ts'
import { secureUrl } from '../../lib/url.ts'
import { openHttp } from '../http/client.ts'
import { httpOptionFields, httpTuning } from '../http/options.ts'
import type { Platform } from '../platform.ts'
import { accountsFetcher } from './accounts.ts'
import { openApps } from './apps.ts'
import { openTokens } from './latest-token.ts'
import { tokensFetcher } from './tokens.ts'

const options = z.strictObject({
  project_id: z
    .string()
    .regex(/^[A-Za-z0-9]{5,64}$/, 'expected a Descope project id such as P2…')
    .describe('The id of the Descope project, `P…`.'),
  management_key: z
    .string()
    .regex(/^[\x21-\x7e]{1,512}$/, 'expected a Descope management key')
    .transform(secret)
    .describe('A management key of the project.'),
  base_url: secureUrl.optional().meta({
    description: 'Where the Descope API answers.',
    fallback: '`https://api.descope.com`, or that of the region that the project id names',
  }),
  tenant_id: z
    .string()
    .regex(/^[A-Za-z0-9_.:-]{1,255}$/, 'expected a tenant id')
    .optional()
    .meta({
      description: 'Reads the tokens that users connected for this tenant.',
      fallback: 'the tokens without a tenant',
    }),
  ...httpOptionFields,
})

type DescopeOptions = z.output<typeof options>

/** `tokens` answers with an empty list for an app that is not connected. */
export const descope: Platform<DescopeOptions> = {
  options,
  docs: {
    title: 'Descope outbound apps',
    holds: 'OAuth 2.0 tokens of the connected apps, the newest of each; not the tokens of social logins',
    batch: 'One call for each user and app; one metadata call first where three or more are asked for',
    refresh: 'By Descope, when an expired token is asked for',
    provider_user_id: 'Where Descope has it, else `""`',
    external_accounts: 'Yes: one call for the apps of a user, and one for each of them',
    unverified: [
      'The codes for an app that is not connected, for an unknown app and for a failed refresh: the list of apps decides',
      'Whether the subject at the provider (`tokenSub`) is always there',
      'Which rate limit holds for outbound apps: none is kept to unless `rate` says so',
    ],
  },
  open({ project_id, management_key, base_url, tenant_id = null, ...options }, { name, observe }) {
    const http = openHttp({
      ...httpTuning(options),
      upstream: name,
      base_url: base_url ?? baseUrlOf(project_id),
      headers: () => ({
        authorization: `Bearer ${project_id}:${reveal(management_key)}`,
        'x-descope-project-id': project_id,
      }),
      observe,
    })
    const scope = { http, upstream: name, tenant_id }
    const apps = openApps(scope)
    const latest = openTokens(scope, apps)
    return {
      name,
      platform: 'descope',
      autoRefreshes: true,
      tokens: tokensFetcher(scope, apps, latest),
      accounts: accountsFetcher(apps, latest),
      state: () => http.state(),
      close: () => http.close(),
    }
  },
}

/** Long project ids name their region in the characters after the first (go-sdk, `baseURLForProjectID`). */
export function baseUrlOf(project_id: string): string {
  return project_id.length >= 32 ? `https://api.${project_id.slice(1, 5)}.descope.com` : 'https://api.descope.com'
}
