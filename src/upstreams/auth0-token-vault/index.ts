/**
 * Auth0 Token Vault as a privileged worker: the user need not be there. The contract with sources is
 * `upstreams/auth0.md` part C. Logins are another store of Auth0 and another platform here.
 */
import { z } from 'zod'
import { secureUrl } from '../../lib/url.ts'
import { accountsFetcher } from '../auth0/connected-accounts.ts'
import { tokensFetcher } from '../auth0/exchange.ts'
import { clientId, clientSecret, privateKey, tenantUrl } from '../auth0/options.ts'
import { fitsAlgorithm, workerAlgorithms } from '../auth0/worker.ts'
import { openHttp } from '../http/client.ts'
import { createClientCredentials } from '../http/oauth-client.ts'
import { httpOptionFields, httpTuning } from '../http/options.ts'
import type { Platform } from '../platform.ts'

const management = z.strictObject({
  client_id: clientId.describe('A machine-to-machine client with the scope `read:users`.'),
  client_secret: clientSecret,
  audience: secureUrl.optional().meta({
    description: 'The audience of the Management API: `https://{tenant}.{region}.auth0.com/api/v2/`.',
    fallback: '`base_url` + `/api/v2/`; with a custom domain it has to be given',
  }),
})

const options = z
  .strictObject({
    base_url: tenantUrl,
    client_id: clientId.describe('The client that has `token_vault_privileged_access`.'),
    private_key: privateKey.describe('The private key of its public key credential, PKCS #8 in PEM.'),
    key_id: z
      .string()
      .regex(/^[\x21-\x7e]{1,255}$/, 'expected a key id')
      .optional()
      .meta({ description: 'The `kid` of the credential.', fallback: 'none is sent' }),
    algorithm: z.enum(workerAlgorithms).default('RS256').describe('The algorithm of the credential.'),
    client_secret: clientSecret.optional().meta({
      description: 'For a client that proves itself with a secret.',
      fallback: 'the private key signs for the client, too (`private_key_jwt`)',
    }),
    audit_context: z
      .string()
      .regex(/^[\x20-\x7e]{1,256}$/, 'expected 1 to 256 printable ASCII characters')
      .default('tokengraph')
      .describe("Stands in Auth0's log of every exchange."),
    organization_id: z
      .string()
      .regex(/^org_[A-Za-z0-9]{1,60}$/, 'expected an organization id such as org_…')
      .optional()
      .meta({ description: 'Sent as `org_id`.', fallback: 'none is sent' }),
    management: management.optional().meta({
      description: 'Lets the graph list what users connected (`external_accounts`).',
      fallback: 'accounts cannot be listed',
    }),
    ...httpOptionFields,
  })
  .superRefine(({ private_key, algorithm }, context) => {
    if (!fitsAlgorithm(private_key, algorithm))
      context.addIssue({ code: 'custom', path: ['algorithm'], message: 'the private key is not for this algorithm' })
  })

type TokenVaultOptions = z.output<typeof options>

/** `/oauth/token` of the free plan (auth0.md, rate limits). */
const EXCHANGE_RATE = { requests: 30, per_seconds: 1 }

/** `tokens` answers with an empty list where the vault has nothing for the connection. */
export const auth0TokenVault: Platform<TokenVaultOptions> = {
  options,
  docs: {
    title: 'Auth0 Token Vault (privileged worker)',
    holds:
      'OAuth 2.0 tokens of accounts that users connected by the Connected Accounts flow; logins are not among them',
    batch: 'One call for each user and connection',
    refresh: 'By Auth0',
    provider_user_id: 'No: `""`',
    external_accounts: 'With `management`: one call for each user',
    unverified: [
      'The error codes of the exchange: they come from public integrations; an unknown one is read by its status',
      'What an unknown user gives: it looks like nothing connected',
      '`access_denied`: a connection that is not granted to the client, or an address that is not on its list',
      'Which account the exchange selects where a user connected several at one connection',
    ],
  },
  open({ management, ...options }, { name: upstream, observe }) {
    const { base_url, client_id, private_key, key_id = null, algorithm, client_secret = null } = options
    const tuning = httpTuning(options)
    const audience = `${base_url}/`
    const worker = {
      client_id,
      audience,
      audit_context: options.audit_context,
      organization_id: options.organization_id ?? null,
    }
    const http = openHttp({ ...tuning, rate: tuning.rate ?? EXCHANGE_RATE, upstream, base_url, observe })
    const authorize =
      management === undefined
        ? null
        : createClientCredentials({
            ...tuning,
            upstream,
            token_url: `${base_url}/oauth/token`,
            client_id: management.client_id,
            client_secret: management.client_secret,
            parameters: { audience: management.audience ?? `${base_url}/api/v2/` },
            observe,
          })
    const api = authorize === null ? null : openHttp({ ...tuning, upstream, base_url, authorize, observe })
    return {
      name: upstream,
      platform: 'auth0-token-vault',
      autoRefreshes: true,
      tokens: tokensFetcher({ http, upstream, worker, key: { key: private_key, algorithm, key_id }, client_secret }),
      accounts: api === null ? null : accountsFetcher(api, upstream),
      state: () => http.state(),
      close: async () => {
        await Promise.all([http.close(), api?.close(), authorize?.close()])
      },
    }
  },
}
