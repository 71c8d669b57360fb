/**
 * Keycloak's stored tokens of brokered identity providers (docs/platforms/keycloak.md). Keycloak shows them only to their
 * user, so the user's own token is forwarded and never stored.
 */
import { z } from 'zod'
import {
  account,
  CodedError,
  createClientCredentials,
  httpOptionFields,
  httpTuning,
  isUnreadable,
  listIfWorthwhile,
  nullIfUnknown,
  openHttp,
  readable,
  secret,
  upstreamUrl,
  settle,
  token,
  unixSeconds,
  withoutTrailingSlashes,
} from '../kit.ts'
import type {
  Call,
  ExternalAccount,
  Grouped,
  OAuthAccessToken,
  One,
  Platform,
  TokenKey,
  UnreadableRow,
} from '../kit.ts'
import { openLinks, readByBroker, readByExchange } from './api.ts'
import type { Link, ReadLinks, ReadStored } from './api.ts'
import type { Stored } from './stored.ts'

const client = z.strictObject({
  client_id: z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/, 'expected a client id')
    .describe('The id of a confidential client of the realm.'),
  client_secret: z
    .string()
    .regex(/^[\x21-\x7e]{1,512}$/, 'expected a client secret')
    .transform(secret)
    .describe('The secret of the client.'),
})

const options = z
  .strictObject({
    base_url: upstreamUrl
      .transform(withoutTrailingSlashes)
      .describe('Where Keycloak answers, with its relative path where it has one (`/auth` in older versions).'),
    realm: z
      .string()
      .regex(/^(?!\.{1,2}$)[^\p{C}]{1,255}$/u, 'expected the name of a realm')
      .describe('The name of the realm, as Keycloak shows it; it may hold spaces and any letters.'),
    issuer: z.string().min(1).optional().meta({
      description: 'The `iss` of the tokens of the realm. The token of another issuer is never forwarded.',
      fallback: '`base_url` + `/realms/` + `realm`, percent-encoded',
    }),
    method: z
      .enum(['broker', 'token_exchange'])
      .default('broker')
      .describe(
        'How stored tokens are read: by the broker endpoint, or by the deprecated exchange with `requested_issuer`.',
      ),
    client: client.optional().meta({
      description:
        "The client that the user's token is exchanged for (standard token exchange) before the broker endpoint is asked; for `token_exchange`, the client that asks.",
      fallback: "the user's token itself, which then needs the role `broker.read-token`",
    }),
    admin: client.optional().meta({
      description: 'A client whose service account has `view-users`: lets the graph list what users have linked.',
      fallback: 'accounts cannot be listed',
    }),
    ...httpOptionFields,
  })
  .superRefine((given, context) => {
    if (given.method === 'token_exchange' && given.client === undefined)
      context.addIssue({ code: 'custom', path: ['client'], message: 'the method token_exchange needs a client' })
  })

type KeycloakOptions = z.output<typeof options>

/** `tokens` answers with an empty list for an identity provider that the user has not linked. */
export const keycloak: Platform<KeycloakOptions> = {
  options,
  docs: {
    title: 'Keycloak (identity brokering)',
    holds:
      "What identity providers answered at the login: OAuth 2.0 and OAuth 1.0 tokens, ID tokens; for the user's own token alone",
    batch: 'One call for each user and identity provider',
    refresh:
      'By Keycloak, where the stored answer is JSON with a known expiry; an expired token counts as consent needed',
    provider_user_id: 'With `admin`, or out of the ID token; otherwise `""`',
    external_accounts: 'With `admin`: one call for each user',
    unverified: [
      'Since which version the broker endpoint refreshes',
      'What an unknown alias gives: 404 is read as not configured, an HTML page with 502 as an outage',
      '502 with "refresh" in its text: an outage of the provider looks the same, and is read as consent needed',
    ],
  },
  open(given, deps) {
    const { base_url: baseUrl, realm: realmName, issuer, method, client = null, admin } = given
    const realmUrl = `${baseUrl}/realms/${encodeURIComponent(realmName)}`
    const tuning = { ...httpTuning(given), ...deps }
    const http = openHttp({ ...tuning, baseUrl })
    const realm = { http, name: realmName, issuer: issuer ?? realmUrl }
    const authorize =
      admin === undefined
        ? null
        : createClientCredentials({
            ...tuning,
            tokenUrl: `${realmUrl}/protocol/openid-connect/token`,
            clientId: admin.client_id,
            clientSecret: admin.client_secret,
          })
    const adminApi = authorize && openHttp({ ...tuning, baseUrl, authorize })
    const links = adminApi && openLinks(adminApi, realmName)
    const read =
      method === 'token_exchange' && client !== null ? readByExchange(realm, client) : readByBroker(realm, client)
    return {
      autoRefreshes: method === 'broker',
      usesSubjectToken: true,
      tokens: tokensFetcher(read, links),
      accounts: links && accountsFetcher(links),
      rate: http.rate,
      state: () => http.state(),
      close: async () => {
        await Promise.all([http.close(), adminApi?.close(), authorize?.close()])
      },
    }
  },
}

/** `links` is null where this server may not read what users have linked. */
function tokensFetcher(read: ReadStored, links: ReadLinks | null): Grouped<TokenKey, readonly OAuthAccessToken[]> {
  async function askLink(key: TokenKey, call: Call): Promise<Link | null> {
    try {
      return links && linkOf(await links(key.userId, call), key)
    } catch (error) {
      // The token is there; only the name of its account is missing.
      if (error instanceof CodedError) return null
      throw error
    }
  }

  return {
    kind: 'grouped',
    by: ({ userId }) => userId,
    async one(key, call, siblings) {
      const linked = links && (await listIfWorthwhile(siblings, () => links(key.userId, call)))
      const link = linked && linkOf(linked, key)
      // A link that cannot be read may be this one.
      if (linked !== null && link === null && !linked.some(isUnreadable)) return []
      const stored = await read(key, call)
      if (stored === null) return []
      // Keycloak refreshes what it can before it answers: what is expired now stays expired.
      if (stored.expiresAt !== null && stored.expiresAt <= unixSeconds())
        throw new CodedError('REAUTHORIZATION_REQUIRED')
      return [toToken(stored, key, link ?? (await askLink(key, call)))]
    },
  }
}

function linkOf(links: readonly (Link | UnreadableRow)[], { provider }: TokenKey): Link | null {
  return readable(links).find(({ identityProvider }) => identityProvider === provider) ?? null
}

function toToken(stored: Stored, { userId, provider }: TokenKey, link: Link | null): OAuthAccessToken {
  const providerUserId = link?.userId ?? stored.providerUserId
  return token({
    external_account_id: accountId(provider, providerUserId ?? userId),
    provider_user_id: providerUserId ?? '',
    token: stored.token,
    expires_at: stored.expiresAt,
    provider,
    public_metadata: stored.publicMetadata,
    label: link?.userName ?? stored.label,
    scopes: stored.scopes,
    token_secret: stored.tokenSecret,
    id_token: stored.idToken,
  })
}

/** Names an account: Keycloak keeps one link of a user to an identity provider. */
function accountId(alias: string, providerUserId: string): string {
  return `${alias}:${providerUserId}`
}

function accountsFetcher(links: ReadLinks): One<string, readonly ExternalAccount[]> {
  return {
    kind: 'one',
    async one(userId, call) {
      const found = await nullIfUnknown(links(userId, call))
      return found && settle(found, toAccount)
    },
  }
}

function toAccount({ identityProvider: provider, userId, userName }: Link): ExternalAccount {
  return account({
    id: accountId(provider, userId),
    provider,
    provider_user_id: userId,
    username: userName,
    label: userName,
  })
}
