/**
 * Auth0 Token Vault as a privileged worker: the user need not be present (docs/platforms/auth0-token-vault.md). Logins
 * are another store of Auth0 and another platform here.
 */
import { createPrivateKey } from 'node:crypto'
import { z } from 'zod'
import { clientIdOption, clientSecretOption, managementAudience, openManagement, tenantUrl } from '../auth0/tenant.ts'
import {
  account,
  httpOptionFields,
  httpTuning,
  nullIfUnknown,
  openHttp,
  paginate,
  pemText,
  settle,
  token,
} from '../kit.ts'
import type { ExternalAccount, OAuthAccessToken, One, Platform, TokenKey, UnreadableRow } from '../kit.ts'
import { createConnectedAccounts, createExchange, fitsAlgorithm, workerAlgorithms } from './api.ts'
import type { ConnectedAccount, ConnectedAccounts, Exchange } from './api.ts'

/** 1,000 accounts of one user: a cursor with more never ends. */
const MAX_PAGES = 20

const management = z.strictObject({
  client_id: clientIdOption.describe('A machine-to-machine client with the scope `read:users`.'),
  client_secret: clientSecretOption,
  audience: managementAudience,
})

/** The key stays an opaque handle of `node:crypto`, which prints nothing of it. */
const privateKey = z.string().transform((pem, context) => {
  try {
    return createPrivateKey(pemText(pem))
  } catch {
    context.addIssue({ code: 'custom', message: 'expected a private key in PEM (PKCS #8)' })
    return z.NEVER
  }
})

const options = z
  .strictObject({
    base_url: tenantUrl,
    client_id: clientIdOption.describe('The client that has `token_vault_privileged_access`.'),
    private_key: privateKey.describe('The private key of its public key credential, PKCS #8 in PEM.'),
    key_id: z
      .string()
      .regex(/^[\x21-\x7e]{1,255}$/, 'expected a key id')
      .optional()
      .meta({ description: 'The `kid` of the credential.', fallback: 'none is sent' }),
    algorithm: z.enum(workerAlgorithms).default('RS256').describe('The algorithm of the credential.'),
    client_secret: clientSecretOption.optional().meta({
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
  .superRefine(({ private_key: key, algorithm }, context) => {
    if (!fitsAlgorithm(key, algorithm))
      context.addIssue({ code: 'custom', path: ['algorithm'], message: 'the private key is not for this algorithm' })
  })

type TokenVaultOptions = z.output<typeof options>

/** `/oauth/token` of the free plan (docs/platforms/auth0-token-vault.md section 6). */
const EXCHANGE_RATE = { requests: 30, perSeconds: 1 }

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
  open({ management: client, ...options }, deps) {
    const { base_url: baseUrl } = options
    const tuning = { ...httpTuning(options), ...deps }
    const http = openHttp({ ...httpTuning(options, EXCHANGE_RATE), baseUrl, ...deps })
    const exchange = createExchange(http, {
      clientId: options.client_id,
      clientSecret: options.client_secret ?? null,
      key: options.private_key,
      keyId: options.key_id ?? null,
      algorithm: options.algorithm,
      audience: `${baseUrl}/`,
      auditContext: options.audit_context,
      organizationId: options.organization_id ?? null,
    })
    const management = client === undefined ? null : openManagement(baseUrl, client, tuning)
    return {
      autoRefreshes: true,
      tokens: tokensFetcher(exchange),
      accounts: management && accountsFetcher(createConnectedAccounts(management.http)),
      rate: http.rate,
      state: () => http.state(),
      close: async () => {
        await Promise.all([http.close(), management?.close()])
      },
    }
  },
}

function tokensFetcher(exchange: Exchange): One<TokenKey, readonly OAuthAccessToken[]> {
  return {
    kind: 'one',
    async one({ userId, provider: connection }, call) {
      const found = await exchange(userId, connection, call)
      if (found === null) return []
      return [
        token({
          external_account_id: accountId(connection, userId),
          token: found.accessToken,
          expires_at: found.expiresAt,
          provider: connection,
          scopes: found.scopes,
        }),
      ]
    },
  }
}

/** null: Auth0 does not know the user. */
function accountsFetcher(readPage: ConnectedAccounts): One<string, readonly ExternalAccount[]> {
  return {
    kind: 'one',
    async one(userId, call) {
      const pages = paginate<ConnectedAccount | UnreadableRow, string | null>(
        null,
        (from) => readPage(userId, from, call),
        {
          maxPages: MAX_PAGES,
        },
      )
      const rows = await nullIfUnknown(pages)
      return rows && toAccounts(rows, userId)
    },
  }
}

function toAccounts(rows: readonly (ConnectedAccount | UnreadableRow)[], userId: string): readonly ExternalAccount[] {
  const seen = new Set<string>()
  return settle(rows, ({ id, connection, scopes, created_at }: ConnectedAccount) => {
    // The first account of a connection has the id that its token has, because the exchange names no account.
    const isFirst = !seen.has(connection)
    seen.add(connection)
    return account({
      id: isFirst ? accountId(connection, userId) : id,
      provider: connection,
      approved_scopes: scopes,
      public_metadata: { connected_account_id: id },
      created_at,
    })
  })
}

/** Neither an account id nor the provider's user id comes with a token: a user has one account of a connection. */
function accountId(connection: string, userId: string): string {
  return `${connection}|${userId}`
}
