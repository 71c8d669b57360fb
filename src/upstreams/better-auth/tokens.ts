/** The tokens of up to 1000 keys out of one statement. */
import { CodedError, parsePart, secret, token, valueOrError } from '../kit.ts'
import type { Many, OAuthAccessToken, TokenKey } from '../kit.ts'
import { ownerRow, tokenRow } from './api.ts'
import type { Database, StorableIds, TokenRow } from './api.ts'
import type { ReadStored } from './decrypt.ts'

/** For one statement: bounds the size of an answer, and how long a synchronous read holds the thread. */
export const MAX_KEYS = 1000

/** One string for a key; JSON, so that no two keys share one. */
function idOf(userId: string, provider: string): string {
  return JSON.stringify([userId, provider])
}

/** `decrypt` turns what is stored into the token. */
export function tokensFetcher(
  database: Database,
  storable: StorableIds,
  decrypt: ReadStored,
): Many<TokenKey, readonly OAuthAccessToken[]> {
  const id = ({ userId, provider }: TokenKey): string => idOf(userId, provider)
  return {
    kind: 'many',
    max: MAX_KEYS,
    id,
    async many(keys, call) {
      const users = storable(keys.map(({ userId }) => userId))
      const providers = [...new Set(keys.map(({ provider }) => provider))]
      const query = { operation: 'better-auth.tokens', keys: keys.length, values: [users, providers] } as const
      const rows = users.length === 0 ? [] : await database.select(query, call)
      const byKey = Map.groupBy(rows, (row) => {
        const owner = parsePart(ownerRow, row)
        return idOf(owner.user_id, owner.provider)
      })
      const ids = [...new Set(keys.map(id))]
      const outcomes = ids.map(async (each) => {
        return [each, await valueOrError(() => toTokens(byKey.get(each) ?? [], decrypt))] as const
      })
      return new Map(await Promise.all(outcomes))
    },
  }
}

/** Accounts without a token are left out, unless there is no other. */
async function toTokens(rows: readonly unknown[], decrypt: ReadStored): Promise<readonly OAuthAccessToken[]> {
  const parsed = parsePart(tokenRow.array(), rows)
  const tokens = (await Promise.all(parsed.map((row) => toToken(row, decrypt)))).filter((each) => each !== null)
  if (tokens.length === 0 && parsed.length > 0) throw nothingStored(parsed)
  return tokens
}

async function toToken(row: TokenRow, decrypt: ReadStored): Promise<OAuthAccessToken | null> {
  const value = row.access_token === null ? '' : await decrypt(row.access_token)
  if (value === '') return null
  return token({
    external_account_id: row.id,
    provider_user_id: row.provider_user_id ?? '',
    token: secret(value),
    expires_at: row.expires_at,
    provider: row.provider,
    scopes: row.scope,
    // Stored in plain text even where the others are encrypted.
    id_token: row.id_token === null ? null : secret(row.id_token),
  })
}

/** A sign-in with the provider's ID token leaves a row with that token and no other. */
function nothingStored(rows: readonly TokenRow[]): CodedError {
  const haveIdTokens = rows.every((row) => row.id_token !== null)
  return new CodedError(haveIdTokens ? 'UNSUPPORTED_CREDENTIAL' : 'REAUTHORIZATION_REQUIRED')
}
