/** The tokens of up to 1000 keys out of one statement. */
import { z } from 'zod'
import {
  bareProvider,
  CodedError,
  decorativeSecret,
  parsePart,
  requiredSecret,
  settleAccounts,
  token,
  valueOrError,
  wireProvider,
} from '../kit.ts'
import type { Call, Exported, Many, OAuthAccessToken, Secret, TokenKey } from '../kit.ts'
import { EXPORT_PAGE, exportRow, ownerRow, tokenRow } from './api.ts'
import type { Database, StorableIds } from './api.ts'
import { isCiphertext } from './decrypt.ts'
import type { ReadStored } from './decrypt.ts'

/** For one statement: bounds the size of an answer, and how long a synchronous read holds the thread. */
export const MAX_KEYS = 1000

/** One string for a key; JSON, so that no two keys share one. */
function idOf(userId: string, provider: string): string {
  return JSON.stringify([userId, provider])
}

export function tokensFetcher(
  database: Database,
  storable: StorableIds,
  readStored: ReadStored,
): Many<TokenKey, readonly OAuthAccessToken[]> {
  const id = ({ userId, provider }: TokenKey): string => idOf(userId, provider)
  return {
    kind: 'many',
    max: MAX_KEYS,
    id,
    async many(keys, call) {
      const users = storable(keys.map(({ userId }) => userId))
      const providers = [...new Set(keys.flatMap(({ provider }) => [provider, wireProvider(provider)]))]
      const query = { operation: 'better-auth.tokens', keys: keys.length, values: [users, providers] } as const
      const rows = users.length === 0 ? [] : await database.select(query, call)
      const byKey = Map.groupBy(rows, (row) => {
        // The statement compares both: a row without them is of no key.
        const owner = ownerRow.safeParse(row).data
        return owner === undefined ? '' : idOf(owner.user_id, bareProvider(owner.provider))
      })
      const ids = [...new Set(keys.map(id))]
      const outcomes = ids.map(async (each) => {
        return [each, await valueOrError(() => toTokens(byKey.get(each) ?? [], readStored))] as const
      })
      return new Map(await Promise.all(outcomes))
    },
  }
}

/** Accounts without a token are left out, unless there is no other; a row that cannot be read is an error of its own. */
function toTokens(rows: readonly unknown[], readStored: ReadStored): Promise<readonly OAuthAccessToken[]> {
  return settleAccounts(rows.map((row) => toToken(row, readStored)))
}

/** Every account, with its refresh token. */
export async function* exportAll(
  database: Database,
  readStored: ReadStored,
  call: Call,
): AsyncGenerator<readonly Exported[]> {
  for (let after = '', isLast = false; !isLast;) {
    const query = { operation: 'better-auth.export', keys: EXPORT_PAGE, values: [[after]] } as const
    const rows = await database.select(query, call)
    yield await Promise.all(rows.map((row) => exportOne(row, readStored)))
    const last = lastId.safeParse(rows.at(-1)).data?.id
    isLast = last === undefined || rows.length < EXPORT_PAGE
    after = last ?? after
  }
}

const lastId = z.object({ id: z.string() })

async function exportOne(given: unknown, readStored: ReadStored): Promise<Exported> {
  const { user_id: userId = null, provider = null } = ownerRow.safeParse(given).data ?? {}
  const account = lastId.safeParse(given).data?.id ?? null
  const found = await valueOrError(async () => {
    const { refresh_token: stored, user_id: owner } = parsePart(exportRow, given)
    const refreshToken = stored === null || stored === '' ? null : parsePart(requiredSecret, await readStored(stored))
    return { userId: owner, token: await toToken(given, readStored), refreshToken, client: null, profile: null }
  })
  if (!(found instanceof Error)) return found
  return { userId, provider: provider === null ? null : bareProvider(provider), account, code: found.code }
}

async function toToken(given: unknown, readStored: ReadStored): Promise<OAuthAccessToken> {
  const row = parsePart(tokenRow, given)
  const value = row.access_token === null ? '' : await readStored(row.access_token)
  // A sign-in with the provider's ID token leaves a row with that token and no other.
  if (value === '') throw new CodedError(row.id_token === null ? 'REAUTHORIZATION_REQUIRED' : 'UNSUPPORTED_CREDENTIAL')
  return token({
    external_account_id: row.id,
    provider_user_id: row.provider_user_id ?? '',
    token: parsePart(requiredSecret, value),
    expires_at: row.expires_at,
    provider: bareProvider(row.provider),
    scopes: row.scope,
    id_token: await readIdToken(row.id_token, readStored),
  })
}

/** Newer versions encrypt it, too (better-auth#10766); null where it cannot be opened: ciphertext is no ID token. */
async function readIdToken(stored: string | null, readStored: ReadStored): Promise<Secret | null> {
  if (stored === null || !isCiphertext(stored)) return decorativeSecret.parse(stored)
  const value = await valueOrError(() => readStored(stored))
  return value instanceof CodedError || isCiphertext(value) ? null : decorativeSecret.parse(value)
}
