/** Clerk, over its Backend API (docs/platforms/clerk.md). */
import { z } from 'zod'
import {
  account,
  bareProvider,
  checkIds,
  CodedError,
  httpOptionFields,
  httpTuning,
  isUnreadable,
  openHttp,
  paginate,
  reveal,
  secret,
  upstreamUrl,
  settle,
  settleOrError,
  splitOnFailure,
  token,
  valueOrError,
  wireProvider,
} from '../kit.ts'
import type {
  Call,
  Exported,
  ExternalAccount,
  Many,
  OAuthAccessToken,
  One,
  Platform,
  TokenKey,
  UnreadableRow,
} from '../kit.ts'
import { MAX_USERS, openApi } from './api.ts'
import type { AccountRow, ClerkApi, TokenRow } from './api.ts'

/** 10,000 accounts of one user: a pager with more never ends. */
const MAX_PAGES = 20

const options = z.strictObject({
  secret_key: z
    .string()
    .regex(/^[\x21-\x7e]{1,512}$/, 'expected a Clerk secret key such as sk_live_…')
    .transform(secret)
    .describe('The Secret Key of the Clerk instance, `sk_live_…` or `sk_test_…`.'),
  base_url: upstreamUrl
    .default('https://api.clerk.com/v1')
    .describe('Where the Backend API answers, version included.'),
  api_version: z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2}$/, 'expected a date such as 2026-05-12')
    .default('2026-05-12')
    .describe('Sent as `Clerk-API-Version`, so that a new default at Clerk changes nothing here.'),
  ...httpOptionFields,
})

type ClerkOptions = z.output<typeof options>

/** `tokens` answers with an empty list for an account that is not connected; `accounts` leaves unknown users out. */
export const clerk: Platform<ClerkOptions> = {
  options,
  docs: {
    title: 'Clerk',
    holds: 'OAuth 2.0 and OAuth 1.0 tokens of every connected account, ID tokens where the provider issues them',
    batch: 'One call for each user and provider; external accounts of up to 100 users in one call',
    refresh: 'By Clerk, when an expired token is asked for',
    provider_user_id: 'Yes',
    external_accounts: 'Yes',
  },
  open({ secret_key: secretKey, base_url: baseUrl, api_version: apiVersion, ...options }, deps) {
    const http = openHttp({
      ...httpTuning(options, documentedRate(reveal(secretKey))),
      baseUrl,
      headers: () => ({ authorization: `Bearer ${reveal(secretKey)}`, 'clerk-api-version': apiVersion }),
      ...deps,
    })
    const api = openApi(http)
    const tokens = tokensFetcher(api)
    return {
      autoRefreshes: true,
      uniqueAccountIds: true,
      ignoresPrefix: true,
      tokens,
      accounts: accountsFetcher(api),
      exportAll: (call) => exportAll(api, tokens, call),
      rate: http.rate,
      state: () => http.state(),
      close: () => http.close(),
    }
  },
}

/** The limit of an instance, which all users of its keys share (docs/platforms/clerk.md section 6). */
function documentedRate(secretKey: string): { requests: number; perSeconds: number } {
  return { requests: secretKey.startsWith('sk_test_') ? 100 : 1000, perSeconds: 10 }
}

/** Every connected account of every user; Clerk keeps refresh tokens to itself. */
async function* exportAll(
  api: ClerkApi,
  tokens: One<TokenKey, readonly OAuthAccessToken[]>,
  call: Call,
): AsyncGenerator<readonly Exported[]> {
  async function exportUser(userId: string, rows: readonly AccountRow[] | CodedError): Promise<readonly Exported[]> {
    if (rows instanceof CodedError) return [{ userId, provider: null, account: null, code: rows.code }]
    const accounts = rows.filter(({ isConnection }) => isConnection).map(toAccount)
    const providers = [...new Set(accounts.map(({ provider }) => provider))]
    const found = await Promise.all(
      providers.map(async (provider): Promise<readonly Exported[]> => {
        const key = { userId, provider, credential: null, minValiditySeconds: 0 }
        const own = await valueOrError(() => tokens.one(key, call))
        if (own instanceof Error) return [{ userId, provider, account: null, code: own.code }]
        return (own ?? []).map((each) => {
          const profile = accounts.find(({ id }) => id === each.external_account_id) ?? null
          return { userId, token: each, refreshToken: null, client: null, profile }
        })
      }),
    )
    return found.flat()
  }

  for (let offset = 0, isLast = false; !isLast; offset += MAX_USERS) {
    const page = await api.page(offset, call)
    yield (await Promise.all([...page.accounts].map(([userId, rows]) => exportUser(userId, rows)))).flat()
    ;({ isLast } = page)
  }
}

function tokensFetcher(api: ClerkApi): One<TokenKey, readonly OAuthAccessToken[]> {
  /** Whether all that the user has at the provider are flows that never ended: not connected, as the list says. */
  async function isUnfinished(userId: string, provider: string, call: Call): Promise<boolean> {
    if (!canBeListed(userId)) return false
    const found = await valueOrError(async () => (await api.users([userId], call)).get(userId) ?? [])
    const own = found instanceof Error ? [] : found.filter((row) => bareProvider(row.provider) === provider)
    return own.length > 0 && !own.some(({ isConnection }) => isConnection)
  }

  async function readTokens(userId: string, provider: string, call: Call): Promise<readonly OAuthAccessToken[]> {
    try {
      const rows = await paginate(
        0,
        async (offset) => {
          const page = await api.tokens(userId, wireProvider(provider), offset, call)
          const end = offset + page.rows.length
          return { rows: page.rows, next: page.isLast(end) ? null : end }
        },
        // An account that is connected between two pages moves the others by one, so that one of them comes twice.
        {
          maxPages: MAX_PAGES,
          idOf: (row: TokenRow | UnreadableRow) => (isUnreadable(row) ? null : row.external_account_id),
        },
      )
      return settle(rows, (row: TokenRow) => toToken(row, provider))
    } catch (error) {
      // Of an account without any token, only the list of accounts says whether it was ever connected.
      const isTokenless = error instanceof CodedError && error.extensions.upstream_code === NO_TOKEN
      if (isTokenless && (await isUnfinished(userId, provider, call))) return []
      throw error
    }
  }

  return {
    kind: 'one',
    one: ({ userId, provider }, call) => readTokens(userId, provider, call),
  }
}

const NO_TOKEN = 'oauth_missing_access_token'

/** A leading sign would include or exclude users instead of naming one; no id of Clerk starts with one. */
function canBeListed(userId: string): boolean {
  return !/^[+-]/.test(userId)
}

function toToken(row: TokenRow, asked: string): OAuthAccessToken {
  // A row of another provider must not be handed out under a grant for this one.
  if (bareProvider(row.provider) !== asked) throw new CodedError('UPSTREAM_PROTOCOL_ERROR')
  return token({
    external_account_id: row.external_account_id,
    provider_user_id: row.provider_user_id ?? '',
    token: row.token,
    expires_at: row.expires_at,
    provider: asked,
    public_metadata: row.public_metadata,
    label: row.label,
    scopes: row.scopes,
    token_secret: row.token_secret,
    id_token: row.id_token,
  })
}

/** By user id; a user that Clerk does not know is absent from the Map. */
function accountsFetcher(api: ClerkApi): Many<string, readonly ExternalAccount[]> {
  return {
    kind: 'many',
    max: MAX_USERS,
    id: (userId) => userId,
    async many(userIds, call) {
      const { valid, refused } = checkIds(userIds)
      const ids = valid.filter(canBeListed)
      if (ids.length === 0) return refused
      const found = await splitOnFailure(ids, (part) => api.users(part, call))
      const answered = [...found].map(
        ([id, rows]) =>
          [
            id,
            rows instanceof Error ? rows : settleOrError(rows, (row) => (row.isConnection ? toAccount(row) : null)),
          ] as const,
      )
      return new Map([...refused, ...answered])
    },
  }
}

function toAccount(row: AccountRow): ExternalAccount {
  return account({
    // The `id` of a google or facebook account is its `idn_…` identification; tokens carry the `eac_…` id.
    id: firstOf(row.external_account_id ?? null, row.id) ?? row.id,
    provider: bareProvider(row.provider),
    provider_user_id: firstOf(row.provider_user_id, row.google_id, row.facebook_id) ?? '',
    email_address: row.email_address,
    username: row.username,
    first_name: firstOf(row.first_name, row.given_name),
    last_name: firstOf(row.last_name, row.family_name),
    image_url: firstOf(row.image_url, row.picture),
    label: row.label,
    approved_scopes: row.approved_scopes,
    public_metadata: row.public_metadata,
    created_at: row.created_at,
    updated_at: row.updated_at,
  })
}

/** The first value that says something: Clerk sends empty strings where it knows nothing. */
function firstOf(...values: (string | null)[]): string | null {
  return values.find((value) => value !== null && value !== '') ?? values[0] ?? null
}
