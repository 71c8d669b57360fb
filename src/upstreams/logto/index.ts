/** Logto's Secret Vault, read as each user by impersonation (docs/platforms/logto.md). */
import { z } from 'zod'
import {
  account,
  bareProvider,
  createClientCredentials,
  httpOptionFields,
  httpTuning,
  nullIfUnknown,
  openHttp,
  secret,
  upstreamUrl,
  withoutTrailingSlashes,
  settle,
} from '../kit.ts'
import type { ExternalAccount, One, Platform } from '../kit.ts'
import { openApi } from './api.ts'
import type { Identity, LogtoApi } from './api.ts'
import { accountId, labelOf, needsConsent, tokensFetcher } from './tokens.ts'

const clientId = z.string().regex(/^[\x21-\x7e]{1,255}$/, 'expected the id of an application')
const clientSecret = z
  .string()
  .regex(/^[\x21-\x7e]{1,512}$/, 'expected the secret of an application')
  .transform(secret)

const options = z.strictObject({
  base_url: upstreamUrl.transform(withoutTrailingSlashes).describe('Where Logto answers, as `https://acme.logto.app`.'),
  client_id: clientId.describe('A machine-to-machine application with access to the Management API.'),
  client_secret: clientSecret.describe('The secret of the application.'),
  resource: z.string().min(1).max(255).optional().meta({
    description: 'The indicator of the Management API; self-hosted: `https://default.logto.app/api`.',
    fallback: '`base_url` + `/api`',
  }),
  exchange: z
    .strictObject({
      client_id: clientId.describe('An application that is allowed to exchange tokens.'),
      client_secret: clientSecret.describe('The secret of that application.'),
    })
    .optional()
    .meta({
      description: 'The application that exchanges subject tokens for tokens of users.',
      fallback: 'the machine-to-machine application',
    }),
  ...httpOptionFields,
})

type LogtoOptions = z.output<typeof options>

/** `tokens` answers with an empty list for a provider that the user has not linked. */
export const logto: Platform<LogtoOptions> = {
  options,
  docs: {
    title: 'Logto (Secret Vault)',
    holds: 'OAuth 2.0 tokens of social and enterprise connectors with token storage, one for each user and connector',
    batch:
      'One call for each user and provider, one for what the user has linked, and two for a token of the user (kept for five minutes)',
    refresh:
      'By Logto; a token that is expired beyond help is reported without asking for it, because asking deletes it',
    provider_user_id: 'Yes',
    external_accounts: 'Yes, one call for each user',
    unverified: [
      'That an exchange without a resource gives a token for the Account API was read in the code and not run',
      'A linked account without a stored token: the connector may have token storage switched off, and is read as consent needed',
      'The rate limits',
    ],
  },
  open({ exchange, ...given }, deps) {
    const { base_url: baseUrl, resource = `${baseUrl}/api` } = given
    const tuning = { ...httpTuning(given), ...deps }
    const application = { client_id: given.client_id, client_secret: given.client_secret }
    const authorize = createClientCredentials({
      ...tuning,
      clientId: given.client_id,
      clientSecret: given.client_secret,
      tokenUrl: `${baseUrl}/oidc/token`,
      parameters: { resource, scope: 'all' },
    })
    const management = openHttp({ ...tuning, baseUrl, authorize })
    const http = openHttp({ ...tuning, baseUrl })
    const api = openApi({ management, http, exchange: exchange ?? application })
    return {
      autoRefreshes: true,
      ignoresPrefix: true,
      tokens: tokensFetcher(api),
      accounts: accountsFetcher(api),
      rate: http.rate,
      state: () => http.state(),
      close: async () => {
        await Promise.all([http.close(), management.close(), authorize.close()])
      },
    }
  },
}

function accountsFetcher(api: LogtoApi): One<string, readonly ExternalAccount[]> {
  return {
    kind: 'one',
    async one(userId, call) {
      const found = await nullIfUnknown(api.identities(userId, call))
      return found && settle(found, toAccount)
    },
  }
}

/** `public_metadata` is empty: the `details` of Logto hold the provider's raw profile, which is personal data. */
function toAccount(identity: Identity): ExternalAccount {
  const { provider, providerUserId, email, avatar, stored } = identity
  return account({
    id: accountId(identity),
    provider: bareProvider(provider),
    provider_user_id: providerUserId,
    email_address: email,
    image_url: avatar,
    label: labelOf(identity),
    approved_scopes: stored?.scopes ?? null,
    created_at: stored?.createdAt ?? null,
    updated_at: stored?.updatedAt ?? null,
    needs_reauthorization: needsConsent(identity),
  })
}
