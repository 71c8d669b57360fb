/** Tokens and accounts out of what is stored; an expired token is refreshed by a second call for it alone. */
import { CodedError } from '../../errors.ts'
import type { ExternalAccount, OAuthAccessToken, TokenKey } from '../../tokens/types.ts'
import { bareProvider } from '../../tokens/ids.ts'
import type { Http } from '../http/client.ts'
import { answerError, statusError } from '../http/errors.ts'
import type { Call, One } from '../platform.ts'
import { accountId, readEntry, toToken, type Entry, type ReadStored } from './stored.ts'

/** Seconds: a token that lives no longer is refreshed. */
const MARGIN = 60

/** Not `all`: what a refresh answers is about one provider. The stored entries of a user are still one call. */
export function tokensFetcher(
  http: Http,
  upstream: string,
  read: ReadStored,
): One<TokenKey, readonly OAuthAccessToken[]> {
  async function refresh(user_id: string, provider: string, call: Call): Promise<Entry> {
    const answer = await http.request(
      {
        operation: 'propelauth.fresh_token',
        keys: 1,
        template: '/api/backend/v1/user/{user_id}/{provider}/fresh_token',
        params: { user_id, provider },
        // A GET that spends a refresh token: to send it twice could lose the connection.
        idempotent: false,
      },
      call,
    )
    const { status, json } = answer
    if (status < 300 && json !== null) return readEntry(json, upstream)
    // Only 401 and 429 are documented; any other refusal is the provider's, to whom the refresh token is no use.
    if (status < 500 && ![401, 403, 408, 429].includes(status))
      throw answerError('REAUTHORIZATION_REQUIRED', answer, { upstream })
    throw statusError(answer, { upstream })
  }

  return {
    kind: 'one',
    async one(key, call) {
      const provider = bareProvider(key.provider)
      const value = (await read(key.user_id, call)).get(provider) ?? null
      if (value === null) return []
      const stored = readEntry(value, upstream)
      const entry = isExpired(stored) ? await refresh(key.user_id, provider, call) : stored
      return [toToken(key.user_id, provider, entry)]
    },
  }
}

/** No call of its own where tokens of the same user are asked for at the same time. */
export function accountsFetcher(upstream: string, read: ReadStored): One<string, readonly ExternalAccount[]> {
  return {
    kind: 'one',
    async one(user_id, call) {
      try {
        const stored = await read(user_id, call)
        const entries = [...stored].filter(([, value]) => value !== null)
        return entries.map(([provider, value]) => toAccount(user_id, provider, readEntry(value, upstream)))
      } catch (error) {
        if (error instanceof CodedError && error.code === 'USER_NOT_FOUND') return null
        throw error
      }
    },
  }
}

function isExpired({ token_expiration }: Entry): boolean {
  return token_expiration !== null && token_expiration - MARGIN <= Date.now() / 1000
}

function toAccount(user_id: string, provider: string, { access_token, authorized_scopes }: Entry): ExternalAccount {
  return {
    id: accountId(user_id, provider),
    provider,
    provider_user_id: '',
    email_address: null,
    username: null,
    first_name: null,
    last_name: null,
    image_url: null,
    label: null,
    approved_scopes: authorized_scopes,
    public_metadata: {},
    created_at: null,
    updated_at: null,
    needs_reauthorization: access_token === null,
  }
}
