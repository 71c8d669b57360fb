/** WorkOS Pipes: one token for each user and provider, or for each organization besides (docs/platforms/workos.md). */
import { z } from 'zod'
import {
  account,
  CodedError,
  httpOptionFields,
  httpTuning,
  isUnreadable,
  listIfWorthwhile,
  nullIfUnknown,
  openHttp,
  reveal,
  secret,
  upstreamUrl,
  settle,
  token,
} from '../kit.ts'
import type { ExternalAccount, Grouped, OAuthAccessToken, One, Platform, TokenKey } from '../kit.ts'
import { isConnected, openApi, providerOf } from './api.ts'
import type { DataProvider, WorkosApi } from './api.ts'

const options = z.strictObject({
  api_key: z
    .string()
    .regex(/^[\x21-\x7e]{1,512}$/, 'expected a WorkOS API key such as sk_live_…')
    .transform(secret)
    .describe('The API key of the WorkOS environment, `sk_…`.'),
  base_url: upstreamUrl.default('https://api.workos.com').describe('Where the WorkOS API answers.'),
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
  open({ api_key: apiKey, base_url: baseUrl, organization_id: organizationId = null, ...options }, deps) {
    const http = openHttp({
      ...httpTuning(options),
      baseUrl,
      headers: () => ({ authorization: `Bearer ${reveal(apiKey)}` }),
      ...deps,
    })
    const api = openApi(http, organizationId)
    return {
      autoRefreshes: true,
      tokens: tokensFetcher(api, organizationId),
      accounts: accountsFetcher(api, organizationId),
      rate: http.rate,
      state: () => http.state(),
      close: () => http.close(),
    }
  },
}

function tokensFetcher(api: WorkosApi, organizationId: string | null): Grouped<TokenKey, readonly OAuthAccessToken[]> {
  return {
    kind: 'grouped',
    by: ({ userId }) => userId,
    async one({ userId, provider: slug }, call, siblings) {
      const providers = await listIfWorthwhile(siblings, () => api.providers(userId, call))
      if (providers !== null) {
        const known = providerOf(providers, slug)
        if (known === undefined) throw new CodedError('PROVIDER_NOT_CONFIGURED')
        if (!isUnreadable(known) && !isConnected(known)) return []
      }
      const found = await api.token(slug, userId, call)
      if (found === null) return []
      return [
        token({
          external_account_id: accountId(slug, userId, organizationId),
          token: found.token,
          expires_at: found.expiresAt,
          provider: slug,
          public_metadata: { organization_id: organizationId, missing_scopes: found.missingScopes },
          label: organizationId,
          scopes: found.scopes,
        }),
      ]
    },
  }
}

/** null: WorkOS does not know the user. */
function accountsFetcher(api: WorkosApi, organizationId: string | null): One<string, readonly ExternalAccount[]> {
  return {
    kind: 'one',
    async one(userId, call) {
      const providers = await nullIfUnknown(api.providers(userId, call))
      return providers && settle(providers, (each: DataProvider) => toAccount(each, userId, organizationId))
    },
  }
}

/** null: the user has not connected the provider. */
function toAccount(
  { slug, connected_account: connected }: DataProvider,
  userId: string,
  organizationId: string | null,
): ExternalAccount | null {
  if (connected == null || !isConnected({ slug, connected_account: connected })) return null
  const { id, scopes, state, created_at, updated_at } = connected
  return account({
    id: accountId(slug, userId, organizationId),
    provider: slug,
    label: organizationId,
    approved_scopes: scopes,
    public_metadata: { organization_id: organizationId, connected_account_id: id, state },
    created_at,
    updated_at,
    needs_reauthorization: state === 'needs_reauthorization',
  })
}

/** Pipes has no id in its token answer; one user has one connection at a provider in a scope (section 7). */
function accountId(slug: string, userId: string, organizationId: string | null): string {
  return organizationId === null ? `${slug}:${userId}` : `${slug}:${userId}:${organizationId}`
}
