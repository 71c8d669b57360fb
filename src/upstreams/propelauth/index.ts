/** PropelAuth, over its backend API (docs/platforms/propelauth.md). */
import { z } from 'zod'
import {
  account,
  answerError,
  checkUuid,
  CodedError,
  expiry,
  httpOptionFields,
  httpTuning,
  listedScopes,
  nullIfUnknown,
  openHttp,
  optionalSecret,
  parsePart,
  read,
  reveal,
  secret,
  upstreamUrl,
  shareCalls,
  statusError,
  token,
  unixSeconds,
  settle,
} from '../kit.ts'
import type { Call, ExternalAccount, Http, OAuthAccessToken, One, Platform, Reading, TokenKey } from '../kit.ts'

const options = z.strictObject({
  auth_url: upstreamUrl.describe('The auth URL of the project, such as `https://auth.example.com`.'),
  api_key: z
    .string()
    .regex(/^[\x21-\x7e]{1,512}$/, 'expected an integration API key of PropelAuth')
    .transform(secret)
    .describe('A backend integration API key of the project.'),
  base_url: upstreamUrl.optional().meta({
    description:
      'Where the backend API answers, if not at the auth URL; the official libraries use `https://propelauth-api.com`.',
    fallback: 'the `auth_url`',
  }),
  ...httpOptionFields,
})

type PropelAuthOptions = z.output<typeof options>

/** `tokens` fails with USER_NOT_FOUND where PropelAuth does not know the user. */
export const propelauth: Platform<PropelAuthOptions> = {
  options,
  docs: {
    title: 'PropelAuth',
    holds: 'OAuth 2.0 tokens of the provider that a user signed in with, one account for each provider',
    batch: 'One call for all providers of a user, and one more for each token that has expired',
    refresh: 'By PropelAuth, asked for when the stored token has expired',
    provider_user_id: 'No: `""`',
    external_accounts: 'Yes, one call for each user; ids are made of the user id and the provider',
    unverified: [
      'The unit of `token_expiration`: seconds and milliseconds are told apart by size; a value too small to be a time counts as unknown',
      'The answers of `fresh_token` when a refresh fails: a refusal other than 401, 403, 408 and 429 counts as `REAUTHORIZATION_REQUIRED`',
      'Whether the backend API answers at the auth URL, as documented, or at `https://propelauth-api.com` alone, as in the official libraries: set `base_url`',
      'Whether 404 can mean a user without tokens: it counts as an unknown user, as in the official libraries',
    ],
  },
  open({ auth_url: authUrl, api_key: apiKey, base_url: baseUrl = authUrl, ...tuning }, deps) {
    const http = openHttp({
      ...httpTuning(tuning),
      baseUrl,
      headers: () => ({
        authorization: `Bearer ${reveal(apiKey)}`,
        // Names the project where the host does not.
        'x-propelauth-url': new URL(authUrl).hostname,
      }),
      ...deps,
    })
    // Tokens and accounts of one user that are asked for at the same time are one call.
    const readStored = shareCalls(
      (userId: string, call) => read(http, storedSpec(userId), storedReading, call),
      (userId) => userId,
    )
    return {
      autoRefreshes: true,
      tokens: tokensFetcher(http, readStored),
      accounts: accountsFetcher(readStored),
      rate: http.rate,
      state: () => http.state(),
      close: () => http.close(),
    }
  },
}

/** A value below is the remaining life of a token of unknown age, or nothing: neither says when the token ends. */
const FIRST_TIME = 1e9

const storedEntry = z.object({
  access_token: optionalSecret,
  token_expiration: expiry.transform((value) => (value === null || value < FIRST_TIME ? null : value)),
  authorized_scopes: listedScopes,
})

/** What is stored of one provider, without its refresh token. */
type StoredEntry = z.output<typeof storedEntry>

/**
 * By provider, as they came: each is parsed when it is asked for, so that a malformed entry fails only its provider. The
 * object is the whole answer, and there without entries (docs/platforms/propelauth.md section 2).
 */
type Stored = ReadonlyMap<string, unknown>

type ReadStored = (userId: string, call: Call) => Promise<Stored>

const storedReading: Reading<Stored> = {
  shape: z.record(z.string(), z.unknown()).transform((entries) => new Map(Object.entries(entries))),
  toError: (answer) => (answer.status === 404 ? answerError('USER_NOT_FOUND', answer) : statusError(answer)),
}

function storedSpec(userId: string) {
  return {
    operation: 'propelauth.oauth_token',
    keys: 1,
    template: '/api/backend/v1/user/{user_id}/oauth_token',
    params: { user_id: checkUuid(userId, 'user_id') },
    user: userId,
  }
}

/** Refusals that say nothing about the grant: they are about this server's key, its rate, or time. */
const ownRefusals = new Set([401, 403, 408, 429])

const freshReading: Reading<StoredEntry | null> = {
  shape: storedEntry.nullable(),
  // Only 401 and 429 are documented; any other refusal is taken for the provider's, which refuses the refresh token.
  toError: (answer) =>
    answer.status < 500 && !ownRefusals.has(answer.status)
      ? answerError('REAUTHORIZATION_REQUIRED', answer)
      : statusError(answer),
}

/** Seconds: a token that lives no longer is refreshed. */
const MARGIN = 60

/** Kind `one` and not `all`, because a refresh answers for one provider; `readStored` is shared. */
function tokensFetcher(http: Http, readStored: ReadStored): One<TokenKey, readonly OAuthAccessToken[]> {
  async function refresh({ userId, provider }: TokenKey, call: Call): Promise<StoredEntry> {
    const spec = {
      operation: 'propelauth.fresh_token',
      keys: 1,
      template: '/api/backend/v1/user/{user_id}/{provider}/fresh_token',
      params: { user_id: userId, provider },
      // PropelAuth refreshes at the provider before it answers (docs/platforms/propelauth.md section 4).
      scope: provider,
      user: userId,
      // A GET that spends a refresh token: a second one could lose the connection.
      idempotent: false,
    }
    const fresh = await read(http, spec, freshReading, call)
    if (fresh === null) throw new CodedError('REAUTHORIZATION_REQUIRED')
    return fresh
  }

  return {
    kind: 'one',
    async one(key, call) {
      const value = (await readStored(key.userId, call)).get(key.provider) ?? null
      if (value === null) return []
      const stored = parsePart(storedEntry, value)
      return [toToken(key, isExpired(stored) ? await refresh(key, call) : stored)]
    },
  }
}

function accountsFetcher(readStored: ReadStored): One<string, readonly ExternalAccount[]> {
  return {
    kind: 'one',
    async one(userId, call) {
      const stored = await nullIfUnknown(readStored(userId, call))
      if (stored === null) return null
      const entries = [...stored].filter(([, value]) => value !== null)
      return settle(entries, ([provider, value]: readonly [string, unknown]) =>
        toAccount(userId, provider, parsePart(storedEntry, value)),
      )
    },
  }
}

function isExpired({ token_expiration: expiresAt }: StoredEntry): boolean {
  return expiresAt !== null && expiresAt - MARGIN <= unixSeconds()
}

/** PropelAuth has no ids of accounts, and one account per user and provider. */
function accountId(userId: string, provider: string): string {
  return `${userId.toLowerCase()}:${provider}`
}

/** Throws REAUTHORIZATION_REQUIRED where no token is stored. */
function toToken({ userId, provider }: TokenKey, entry: StoredEntry): OAuthAccessToken {
  if (entry.access_token === null) throw new CodedError('REAUTHORIZATION_REQUIRED')
  return token({
    external_account_id: accountId(userId, provider),
    token: entry.access_token,
    expires_at: entry.token_expiration,
    provider,
    scopes: entry.authorized_scopes,
  })
}

function toAccount(userId: string, provider: string, entry: StoredEntry): ExternalAccount {
  return account({
    id: accountId(userId, provider),
    provider,
    approved_scopes: entry.authorized_scopes,
    needs_reauthorization: entry.access_token === null,
  })
}
