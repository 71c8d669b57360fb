/** FusionAuth identity provider links (docs/platforms/fusionauth.md). */
import { z } from 'zod'
import {
  account,
  CodedError,
  httpOptionFields,
  httpTuning,
  isUuid,
  nullIfUnknown,
  openHttp,
  reveal,
  rowsOf,
  secret,
  upstreamUrl,
  settle,
  token,
} from '../kit.ts'
import type { All, ExternalAccount, OAuthAccessToken, One, Platform, TokenKey, UnreadableRow } from '../kit.ts'
import { openLinks } from './api.ts'
import type { Link, ReadLinks } from './api.ts'
import { knownProviders, tokenKinds } from './providers.ts'
import type { Providers } from './providers.ts'

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
  base_url: upstreamUrl.describe('Where FusionAuth answers.'),
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
  open({ api_key: apiKey, tenant_id: tenantId, identity_providers: configured, ...options }, deps) {
    const http = openHttp({
      ...httpTuning(options),
      baseUrl: options.base_url,
      headers: () => ({
        // The key without a scheme before it.
        authorization: reveal(apiKey),
        ...(tenantId !== undefined && { 'x-fusionauth-tenantid': tenantId }),
      }),
      ...deps,
    })
    const providers = knownProviders(configured)
    const links = openLinks(http, providers)
    return {
      autoRefreshes: false,
      ignoresPrefix: true,
      tokens: tokensFetcher(links, providers),
      accounts: accountsFetcher(links),
      rate: http.rate,
      state: () => http.state(),
      close: () => http.close(),
    }
  },
}

function tokensFetcher(
  links: ReadLinks,
  providers: Providers,
): All<TokenKey, readonly OAuthAccessToken[], Link | UnreadableRow> {
  return {
    kind: 'all',
    parent: ({ userId }) => userId,
    all: links,
    pick({ provider }, rows) {
      const id = provider.toLowerCase()
      const asked = rowsOf(
        rows,
        (link) => link.provider === provider || link.identityProviderId === id,
        (name) => name === provider || name === id,
      )
      if (asked.length === 0 && !providers.knows(provider)) throw new CodedError('PROVIDER_NOT_CONFIGURED')
      return settle(asked, (link: Link) => toToken(link, provider))
    },
  }
}

/** `provider`: as it was asked for, by its name or its id. */
function toToken(link: Link, provider: string): OAuthAccessToken {
  const { id, providerUserId, label, data, holdsAccessToken, accessToken, expiresAt } = link
  if (accessToken === null)
    throw new CodedError(holdsAccessToken ? 'REAUTHORIZATION_REQUIRED' : 'UNSUPPORTED_CREDENTIAL')
  return token({
    external_account_id: id,
    provider_user_id: providerUserId,
    token: accessToken,
    expires_at: expiresAt,
    provider,
    public_metadata: data,
    label,
  })
}

/** An id that is no UUID belongs to a user of another upstream, who is unknown here: that is not an error. */
function accountsFetcher(links: ReadLinks): One<string, readonly ExternalAccount[]> {
  return {
    kind: 'one',
    async one(userId, call) {
      if (!isUuid(userId)) return null
      const found = await nullIfUnknown(links(userId, call))
      return found && settle(found, toAccount)
    },
  }
}

function toAccount({ id, provider, providerUserId, label, data, createdAt, updatedAt }: Link): ExternalAccount {
  return account({
    id,
    provider,
    provider_user_id: providerUserId,
    label,
    public_metadata: data,
    created_at: createdAt,
    updated_at: updatedAt,
  })
}
