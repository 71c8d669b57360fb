/** FusionAuth identity provider links; the contract with sources is `upstreams/fusionauth.md`. */
import { z } from 'zod'
import { reveal, secret } from '../../lib/secret.ts'
import { secureUrl } from '../../lib/url.ts'
import { openHttp } from '../http/client.ts'
import { httpOptionFields, httpTuning } from '../http/options.ts'
import type { Platform } from '../platform.ts'
import { accountsFetcher } from './accounts.ts'
import { openDirectory } from './identity-providers.ts'
import { openLinks } from './links.ts'
import { tokenKinds } from './token-kind.ts'
import { tokensFetcher } from './tokens.ts'

const uuid = z
  .uuid('expected a UUID such as 82339786-3dff-42a6-aac6-1f1ceecb6c46')
  .transform((value) => value.toLowerCase())

const identityProvider = z.strictObject({
  id: uuid.describe('The id of the identity provider in FusionAuth.'),
  token: z
    .enum(tokenKinds)
    .describe('What FusionAuth stores for this provider. Anything but `access_token` is never given to anybody.'),
})

const options = z.strictObject({
  base_url: secureUrl.describe('Where FusionAuth answers.'),
  api_key: z
    .string()
    .regex(/^[\x21-\x7e]{1,512}$/, 'expected a FusionAuth API key')
    .transform(secret)
    .describe('An API key that may read `/api/identity-provider/link` and `/api/user`.'),
  tenant_id: uuid.optional().meta({
    description: 'The tenant, where the instance has several and the key is not bound to one.',
    fallback: 'the only tenant, or the one of the key',
  }),
  identity_providers: z
    .record(z.string().regex(/^[A-Za-z0-9_.-]{1,100}$/, 'expected a provider name such as google'), identityProvider)
    .prefault({})
    .describe('By the name of the provider; without an entry, `facebook` alone has an access token to give.'),
  ...httpOptionFields,
})

type FusionAuthOptions = z.output<typeof options>

/** `tokens` rejects with UNSUPPORTED_CREDENTIAL where FusionAuth stores a refresh token or an ID token. */
export const fusionauth: Platform<FusionAuthOptions> = {
  options,
  docs: {
    title: 'FusionAuth',
    holds: 'One token for each link: an access token at some providers, a refresh token or an ID token at others',
    batch: 'One call for all providers of a user, and one more where there are none: is the user known?',
    refresh: 'No: the platform never refreshes, and states no expiry and no scopes',
    provider_user_id: 'Yes',
    external_accounts: 'Yes, one call for each user',
    unverified: [
      'Whether an unknown user gives a 404 or an empty list: both are looked into',
      'What is stored for Twitter and other types of providers: no token of theirs is given without an entry in `identity_providers`',
      'A limit of the rate of API calls',
    ],
  },
  open({ base_url, api_key, tenant_id, identity_providers, ...options }, { name, observe }) {
    const http = openHttp({
      ...httpTuning(options),
      upstream: name,
      base_url,
      // The key alone: FusionAuth knows no scheme before it.
      headers: () => ({
        authorization: reveal(api_key),
        ...(tenant_id !== undefined && { 'x-fusionauth-tenantid': tenant_id }),
      }),
      observe,
    })
    const directory = openDirectory(identity_providers)
    const links = openLinks(http, name, directory)
    return {
      name,
      platform: 'fusionauth',
      refreshes: false,
      tokens: tokensFetcher(links, directory, name),
      accounts: accountsFetcher(links),
      state: () => http.state(),
      close: () => http.close(),
    }
  },
}
