/** Composio, over its connected accounts (docs/platforms/composio.md). */
import { z } from 'zod'
import {
  account,
  CodedError,
  httpOptionFields,
  httpTuning,
  joinIds,
  openHttp,
  reveal,
  rowsOf,
  secret,
  upstreamUrl,
  settleOrError,
  token,
} from '../kit.ts'
import type { ExternalAccount, Many, OAuthAccessToken, Platform, Secret, TokenKey, UnreadableRow } from '../kit.ts'
import { accountLister } from './api.ts'
import type { ConnectedAccount, ListAccounts } from './api.ts'

/** Keys of one batch; the users among them are asked for in calls of 50. */
const MAX_KEYS = 1000

const options = z.strictObject({
  api_key: z
    .string()
    .regex(/^[\x21-\x7e]{1,512}$/, 'expected an API key of a Composio project')
    .transform(secret)
    .describe('An API key of the project, whose setting `mask_secret_keys_in_connected_account` has to be off.'),
  base_url: upstreamUrl.default('https://backend.composio.dev').describe('Where the Composio API answers.'),
  page_size: z
    .int()
    .min(1)
    .max(500)
    .default(50)
    .describe('How many accounts one answer may have; more than 1 MiB is refused and asked for in parts.'),
  ...httpOptionFields,
})

type ComposioOptions = z.output<typeof options>

/** Composio knows accounts and no users: a user without any has an empty list. */
export const composio: Platform<ComposioOptions> = {
  options,
  docs: {
    title: 'Composio',
    holds: 'OAuth 2.0 and OAuth 1.0 tokens of every connected account of an auth config of your own',
    batch: 'One call for 50 users and any number of toolkits, in pages of 50 accounts',
    refresh: 'By Composio, in the background',
    provider_user_id: 'No: `""`',
    external_accounts: 'Yes, 50 users in one call',
    unverified: [
      'The expiry: `expires_in` has no time that it counts from, so that `expires_at` is always null',
      '`user_id` in the answer is announced as going away: each user is then asked for alone',
      'The greatest `limit`: `page_size` is 50, and the cursor is followed whatever came',
      'Whether `FAILED` can follow a connection that worked: it counts as never connected',
      'Codes of errors: an answer is judged by its status',
    ],
  },
  open({ api_key: apiKey, base_url: baseUrl, page_size: pageSize, ...tuning }, deps) {
    const http = openHttp({
      ...httpTuning(tuning),
      baseUrl,
      headers: () => ({ 'x-api-key': reveal(apiKey) }),
      ...deps,
    })
    const listAccounts = accountLister(http, pageSize)
    return {
      autoRefreshes: true,
      tokens: tokensFetcher(listAccounts),
      accounts: accountsFetcher(listAccounts),
      rate: http.rate,
      state: () => http.state(),
      close: () => http.close(),
    }
  },
}

function tokensFetcher(listAccounts: ListAccounts): Many<TokenKey, readonly OAuthAccessToken[]> {
  const toolkitOf = ({ provider }: TokenKey): string => provider.toLowerCase()
  const id = (key: TokenKey): string => joinIds(key.userId, toolkitOf(key))

  function pick(key: TokenKey, accounts: readonly (ConnectedAccount | UnreadableRow)[] | Error) {
    if (accounts instanceof Error) return accounts
    const name = toolkitOf(key)
    const asked = rowsOf(
      accounts,
      ({ toolkit }) => toolkit === name,
      (toolkit) => toolkit === name,
    )
    return settleOrError(asked, (each: ConnectedAccount) => toToken(each, key.provider))
  }

  return {
    kind: 'many',
    max: MAX_KEYS,
    id,
    async many(keys, call) {
      // Names go into a list between commas. One with a comma is no toolkit: nothing is connected.
      const asked = keys.filter((key) => !toolkitOf(key).includes(','))
      const toolkits = [...new Set(asked.map(toolkitOf))]
      const users = asked.map(({ userId }) => userId)
      const found = await listAccounts(users, toolkits, call)
      return new Map(keys.map((key) => [id(key), pick(key, found.get(key.userId) ?? [])]))
    },
  }
}

function accountsFetcher(listAccounts: ListAccounts): Many<string, readonly ExternalAccount[]> {
  return {
    kind: 'many',
    max: MAX_KEYS,
    id: (userId) => userId,
    async many(userIds, call) {
      const found = await listAccounts(userIds, null, call)
      return new Map(
        [...found].map(([id, rows]) => [id, rows instanceof Error ? rows : settleOrError(rows, toAccount)]),
      )
    },
  }
}

/** Schemes of OAuth 2.0; null: the platform does not say. */
const oauth2 = new Set<string | null>(['OAUTH2', 'DCR_OAUTH', null])
// `abcd...`, asterisks or one word, where the project or the auth config withholds secrets.
const mask = /^(\[?redacted\]?|\*+|.{0,8}\.{3})$/i

function isMasked(value: Secret): boolean {
  return mask.test(reveal(value))
}

function toToken({ id, label, isActive, scheme, values }: ConnectedAccount, provider: string): OAuthAccessToken {
  const isOAuth1 = scheme === 'OAUTH1' || (scheme === null && values?.oauth_token_secret != null)
  if (!isOAuth1 && !oauth2.has(scheme)) throw new CodedError('UNSUPPORTED_CREDENTIAL')
  const value = (isOAuth1 ? values?.oauth_token : values?.access_token) ?? null
  const tokenSecret = isOAuth1 ? (values?.oauth_token_secret ?? null) : null
  if (!isActive || value === null) throw new CodedError('REAUTHORIZATION_REQUIRED')
  if (isMasked(value) || (tokenSecret !== null && isMasked(tokenSecret)))
    throw new CodedError('UPSTREAM_REJECTED', 'The platform masks the tokens of this account.')
  const idToken = values?.id_token ?? null
  return token({
    external_account_id: id,
    token: value,
    provider,
    label,
    scopes: isOAuth1 ? null : (values?.scope ?? null),
    token_secret: tokenSecret,
    id_token: idToken === null || isMasked(idToken) ? null : idToken,
  })
}

function toAccount({ id, toolkit, label, isActive, createdAt, updatedAt, values }: ConnectedAccount): ExternalAccount {
  return account({
    id,
    provider: toolkit,
    label,
    approved_scopes: values?.scope ?? null,
    created_at: createdAt,
    updated_at: updatedAt,
    needs_reauthorization: !isActive,
  })
}
