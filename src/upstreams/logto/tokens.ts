/**
 * The fetcher for tokens, and the user tokens that it asks with: the Account API answers only to the user
 * (docs/platforms/logto.md, section 1). They are kept in memory for minutes, so that the next token of a user costs one
 * request in place of three.
 */
import { LRUCache } from 'lru-cache'
import {
  bareProvider,
  CodedError,
  isUnreadable,
  rowsOf,
  settleAccounts,
  shareCalls,
  token,
  unixSeconds,
} from '../kit.ts'
import type { Call, OAuthAccessToken, One, Secret, TokenKey } from '../kit.ts'
import { USER_TOKEN_REFUSED } from './api.ts'
import type { AccessToken, Identity, LogtoApi, StoredToken } from './api.ts'

/** Milliseconds, even where Logto grants more: a caller who may no longer read a user should lose that soon. */
const MAX_LIFE_MS = 300_000
/** Milliseconds before its end from which on a token is not used: the request has to arrive, too. */
const MARGIN_MS = 10_000
const MAX_TOKENS = 10_000

/** A user who has nothing linked at the provider costs one request. */
export function tokensFetcher(api: LogtoApi): One<TokenKey, readonly OAuthAccessToken[]> {
  const userTokens = new LRUCache<string, Secret>({ max: MAX_TOKENS })

  const renew = shareCalls(
    async (userId: string, call: Call) => {
      const { token: fresh, lifeSeconds } = await api.userToken(userId, call)
      const ttl = Math.min(lifeSeconds * 1000 - MARGIN_MS, MAX_LIFE_MS)
      // A ttl of 0 would be none.
      if (ttl > 0) userTokens.set(userId, fresh, { ttl })
      return fresh
    },
    (userId) => userId,
  )

  async function userTokenOf(userId: string, call: Call): Promise<Secret> {
    return userTokens.get(userId) ?? renew(userId, call)
  }

  /** A user token that Logto no longer accepts is renewed once. */
  async function askAs(userId: string, identity: Identity, call: Call): Promise<AccessToken> {
    const userToken = await userTokenOf(userId, call)
    try {
      return await api.accessToken(identity, userToken, call)
    } catch (error) {
      if (!(error instanceof CodedError) || error.extensions.upstream_code !== USER_TOKEN_REFUSED) throw error
      // Another call may have renewed it already.
      if (userTokens.get(userId) === userToken) userTokens.delete(userId)
      return api.accessToken(identity, await userTokenOf(userId, call), call)
    }
  }

  return {
    kind: 'one',
    async one({ userId, provider }, call) {
      const identities = await api.identities(userId, call)
      const asked = rowsOf(
        identities,
        (each) => bareProvider(each.provider) === provider,
        (name) => bareProvider(name) === provider,
      )
      return settleAccounts(
        asked.map(async (identity) => {
          if (isUnreadable(identity)) throw identity.unreadable
          if (needsConsent(identity)) throw new CodedError('REAUTHORIZATION_REQUIRED')
          return toToken(await askAs(userId, identity, call), identity)
        }),
      )
    },
  }
}

function toToken({ token: accessToken, scopes, expiresAt }: AccessToken, identity: Identity): OAuthAccessToken {
  const { provider, providerUserId, stored } = identity
  // What the metadata said before the call: of no use where the token has been refreshed since.
  const foretold = stored === null || isPast(stored) ? null : stored.expiresAt
  return token({
    external_account_id: accountId(identity),
    provider_user_id: providerUserId,
    token: accessToken,
    expires_at: expiresAt ?? foretold,
    provider: bareProvider(provider),
    label: labelOf(identity),
    scopes: scopes ?? stored?.scopes ?? null,
  })
}

/** Whether the token is gone, or expired beyond help: to ask for it then would make Logto delete it. */
export function needsConsent({ stored }: Identity): boolean {
  return stored === null || (isPast(stored) && !stored.canRefresh)
}

function isPast({ expiresAt }: StoredToken): boolean {
  return expiresAt !== null && expiresAt <= unixSeconds()
}

/** Names an account: a user has one identity at a provider. The id of the stored token changes with each consent. */
export function accountId({ provider, providerUserId }: Identity): string {
  return `${provider}:${providerUserId}`
}

export function labelOf({ email, name }: Identity): string | null {
  return email ?? name
}
