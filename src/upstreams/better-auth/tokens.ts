/** The tokens of up to 1000 keys out of one statement. */
import { CodedError } from '../../errors.ts'
import { secret } from '../../lib/secret.ts'
import type { Many } from '../platform.ts'
import type { OAuthAccessToken, TokenKey } from '../../tokens/types.ts'
import { bareProvider } from '../../tokens/ids.ts'
import type { Database } from './database.ts'
import type { ReadStored } from './decrypt.ts'
import type { UserIds } from './user-ids.ts'
import { owner, tokenRow, type TokenRow } from './rows.ts'

/** For one statement: bounds the size of an answer, and how long a synchronous read holds the thread. */
export const MAX_KEYS = 1000

/** One string for a key; JSON, so that no two keys share one. */
function idOf(user_id: string, provider: string): string {
  return JSON.stringify([user_id, provider])
}

/** The fetcher for tokens: one statement for each batch. */
export function tokensFetcher(
  database: Database,
  userIds: UserIds,
  read: ReadStored,
): Many<TokenKey, readonly OAuthAccessToken[]> {
  const id = (key: TokenKey): string => idOf(key.user_id, bareProvider(key.provider))
  return {
    kind: 'many',
    max: MAX_KEYS,
    id,
    async many(keys, call) {
      const users = userIds(keys.map(({ user_id }) => user_id))
      const found = new Map<string, readonly OAuthAccessToken[] | Error>(keys.map((key) => [id(key), []]))
      if (users.length === 0) return found
      const providers = [...new Set(keys.map(({ provider }) => bareProvider(provider)))]
      const query = { operation: 'better-auth.tokens', keys: keys.length, values: [users, providers] } as const
      const rows = Map.groupBy(await database.select(query, call), (row) => {
        const { user_id, provider } = owner.parse(row)
        return idOf(user_id, provider)
      })
      await Promise.all(
        [...found.keys()].map(async (each) => {
          found.set(each, await settle(decodeRows(rows.get(each) ?? [], read)))
        }),
      )
      return found
    },
  }
}

/** One key's damage is its own. */
async function settle<T>(promise: Promise<T>): Promise<T | CodedError> {
  try {
    return await promise
  } catch (error) {
    if (error instanceof CodedError) return error
    throw error
  }
}

/** Accounts without a token are left out, unless there is no other. */
async function decodeRows(rows: readonly unknown[], read: ReadStored): Promise<readonly OAuthAccessToken[]> {
  const parsed = rows.map((row) => {
    const { success, data } = tokenRow.safeParse(row)
    if (!success) throw new CodedError('UPSTREAM_PROTOCOL_ERROR')
    return data
  })
  const decoded = await Promise.all(parsed.map((row) => decodeRow(row, read)))
  const tokens = decoded.filter((token) => token !== null)
  if (tokens.length === 0 && parsed.length > 0) throw nothingStored(parsed)
  return tokens
}

async function decodeRow(row: TokenRow, read: ReadStored): Promise<OAuthAccessToken | null> {
  const token = row.access_token === null ? '' : await read(row.access_token)
  if (token === '') return null
  return {
    external_account_id: row.id,
    provider_user_id: row.provider_user_id ?? '',
    token: secret(token),
    expires_at: row.expires_at,
    provider: row.provider,
    public_metadata: {},
    label: null,
    scopes: row.scope,
    token_secret: null,
    // better-auth keeps it in plain text even where it encrypts the others (TRUST finding 9).
    id_token: row.id_token === null ? null : secret(row.id_token),
  }
}

/** A sign-in with the provider's ID token alone leaves a row with that and nothing else. */
function nothingStored(rows: readonly TokenRow[]): CodedError {
  return new CodedError(
    rows.every((row) => row.id_token !== null) ? 'UNSUPPORTED_CREDENTIAL' : 'REAUTHORIZATION_REQUIRED',
  )
}
