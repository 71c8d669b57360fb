/** Nango, cloud or self-hosted (docs/platforms/nango.md). */
import { z } from 'zod'
import {
  account,
  bareProvider,
  CodedError,
  httpOptionFields,
  httpTuning,
  isUnreadable,
  openHttp,
  reveal,
  rowsOf,
  secret,
  upstreamUrl,
  settle,
  settleAccounts,
  token,
  valueOrError,
} from '../kit.ts'
import type {
  Call,
  Exported,
  ExternalAccount,
  OAuthAccessToken,
  One,
  Platform,
  TokenKey,
  UnreadableRow,
} from '../kit.ts'
import { openApi } from './api.ts'
import type { Connection, OAuthCredentials, NangoApi } from './api.ts'

/** The limit of most plans; larger ones have up to 275 times as much (docs/platforms/nango.md, section 6). */
const DEFAULT_RATE = { requests: 200, perSeconds: 60 }

const options = z.strictObject({
  secret_key: z
    .string()
    .regex(/^[\x21-\x7e]{1,512}$/, 'expected the secret key of a Nango environment')
    .transform(secret)
    .describe('The secret key of the environment, or an API key that may read credentials.'),
  base_url: upstreamUrl.default('https://api.nango.dev').describe('Where the Nango API answers.'),
  user_tag: z
    .string()
    .regex(/^[a-z0-9_.-]{1,64}$/, 'expected the name of a tag in lower case such as end_user_id')
    .default('end_user_id')
    .describe('The tag of a connection that holds the user id.'),
  ...httpOptionFields,
})

type NangoOptions = z.output<typeof options>

/** Nango knows connections and no users: a user without any has an empty list. */
export const nango: Platform<NangoOptions> = {
  options,
  docs: {
    title: 'Nango',
    holds: 'OAuth 2.0 and OAuth 1.0 tokens of every connection, ID tokens where the provider sent them',
    batch: 'One call for all connections of a user, then one for each connection whose token is asked for',
    refresh: 'By Nango, 15 minutes before the expiry',
    provider_user_id: 'No: `""`',
    external_accounts: 'Yes, one call for each user',
    unverified: [
      'The codes of a refused key: 401 and 403 are judged by the status',
      'Whether a failed refresh (400 `invalid_credentials`) is the end of the grant: taken as such',
    ],
  },
  open({ secret_key: secretKey, base_url: baseUrl, user_tag: userTag, ...options }, deps) {
    const http = openHttp({
      ...httpTuning(options, DEFAULT_RATE),
      baseUrl,
      headers: () => ({ authorization: `Bearer ${reveal(secretKey)}` }),
      ...deps,
    })
    const api = openApi(http, userTag)
    return {
      autoRefreshes: true,
      ignoresPrefix: true,
      tokens: tokensFetcher(api),
      accounts: accountsFetcher(api),
      exportAll: (call) => exportAll(api, call),
      rate: http.rate,
      state: () => http.state(),
      close: () => http.close(),
    }
  },
}

/** Every connection that names its user, with its refresh token. */
async function* exportAll(api: NangoApi, call: Call): AsyncGenerator<readonly Exported[]> {
  for (let page: number | null = 0; page !== null;) {
    const { rows, next } = await api.page(page, call)
    yield await Promise.all(rows.map((row) => exportOne(api, row, call)))
    page = next
  }
}

async function exportOne(api: NangoApi, row: Connection | UnreadableRow, call: Call): Promise<Exported> {
  if (isUnreadable(row)) return { userId: null, provider: row.provider, account: null, code: row.unreadable.code }
  const userId = api.ownerOf(row)
  const provider = bareProvider(row.integration)
  const named = { userId, provider, account: row.id }
  if (userId === null) return { ...named, code: 'USER_NOT_FOUND' }
  const found = await valueOrError(() => api.credentials(row, call, true))
  if (found instanceof Error) return { ...named, code: found.code }
  if (found === null) return { ...named, code: 'REAUTHORIZATION_REQUIRED' }
  return {
    userId,
    token: toToken(row, found),
    refreshToken: found.refreshToken,
    client: row.integration,
    profile: null,
  }
}

function toToken(connection: Connection, credentials: OAuthCredentials): OAuthAccessToken {
  return token({
    external_account_id: connection.id,
    token: credentials.token,
    expires_at: credentials.expiresAt,
    provider: bareProvider(connection.integration),
    public_metadata: connection.metadata,
    label: connection.label,
    scopes: credentials.scopes,
    token_secret: credentials.tokenSecret,
    id_token: credentials.idToken,
  })
}

function tokensFetcher(api: NangoApi): One<TokenKey, readonly OAuthAccessToken[]> {
  /** null: the connection went away after it was listed. */
  async function readToken(connection: Connection | UnreadableRow, call: Call): Promise<OAuthAccessToken | null> {
    if (isUnreadable(connection)) throw connection.unreadable
    if (connection.isBroken) throw new CodedError('REAUTHORIZATION_REQUIRED')
    const credentials = await api.credentials(connection, call)
    return credentials === null ? null : toToken(connection, credentials)
  }

  return {
    kind: 'one',
    async one({ userId, provider }, call) {
      const connections = await api.connections(userId, call)
      const asked = rowsOf(
        connections,
        ({ integration }) => bareProvider(integration) === provider,
        (name) => bareProvider(name) === provider,
      )
      return settleAccounts(asked.map((connection) => readToken(connection, call)))
    },
  }
}

function accountsFetcher(api: NangoApi): One<string, readonly ExternalAccount[]> {
  return { kind: 'one', one: async (userId, call) => settle(await api.connections(userId, call), toAccount) }
}

/** The names and addresses that Nango has are those of the user at the operator's app, not at the provider. */
function toAccount({ id, integration, label, metadata, createdAt, isBroken }: Connection): ExternalAccount {
  return account({
    id,
    provider: bareProvider(integration),
    label,
    public_metadata: metadata,
    created_at: createdAt,
    needs_reauthorization: isBroken,
  })
}
