/**
 * Keycloak's stored tokens of brokered identity providers; the contract with sources is `upstreams/keycloak.md`. It
 * shows them to their user alone, so the user's own token is forwarded and never stored.
 */
import { z } from 'zod'
import { secret } from '../../lib/secret.ts'
import { secureUrl } from '../../lib/url.ts'
import { openHttp } from '../http/client.ts'
import { createClientCredentials } from '../http/oauth-client.ts'
import { httpOptionFields, httpTuning } from '../http/options.ts'
import type { Platform } from '../platform.ts'
import { accountsFetcher, openLinks } from './links.ts'
import { byBroker, byExchange, tokensFetcher } from './tokens.ts'

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
    base_url: secureUrl
      .transform((url) => url.replace(/\/+$/, ''))
      .describe('Where Keycloak answers, with its relative path where it has one (`/auth` in older versions).'),
    realm: z
      .string()
      .regex(/^[A-Za-z0-9_.-]{1,100}$/, 'expected the name of a realm')
      .describe('The name of the realm.'),
    issuer: z.string().min(1).optional().meta({
      description: 'The `iss` of the tokens of the realm. The token of another issuer is never forwarded.',
      fallback: '`base_url` + `/realms/` + `realm`',
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
  open(given, { name: upstream, observe }) {
    const { base_url, realm: name, issuer = `${base_url}/realms/${name}`, method, client = null, admin } = given
    const tuning = { ...httpTuning(given), upstream, observe }
    const http = openHttp({ ...tuning, base_url })
    const realm = { http, upstream, name, issuer }
    const authorize =
      admin === undefined
        ? null
        : createClientCredentials({
            ...tuning,
            token_url: `${base_url}/realms/${name}/protocol/openid-connect/token`,
            ...admin,
          })
    const api = authorize === null ? null : openHttp({ ...tuning, base_url, authorize })
    const directory = api === null ? null : openLinks(api, upstream, name)
    const read = method === 'token_exchange' && client !== null ? byExchange(realm, client) : byBroker(realm, client)
    return {
      name: upstream,
      platform: 'keycloak',
      refreshes: method === 'broker',
      usesSubjectToken: true,
      tokens: tokensFetcher(read, directory),
      accounts: directory === null ? null : accountsFetcher(directory),
      state: () => http.state(),
      close: async () => {
        await Promise.all([http.close(), api?.close(), authorize?.close()])
      },
    }
  },
}
