/** The fetcher for tokens: each key with the user's own token, and the account that it belongs to. */
import { CodedError } from '../../errors.ts'
import { reveal, secret } from '../../lib/secret.ts'
import type { Call, One } from '../platform.ts'
import type { OAuthAccessToken, TokenKey } from '../../tokens/types.ts'
import { bareProvider } from '../../tokens/ids.ts'
import type { LinkedProviders } from '../kit.ts'
import { readBroker } from './broker.ts'
import { exchangeForClient, exchangeForProvider } from './exchange.ts'
import type { Link } from './links.ts'
import { accountId, userToken, type Client, type Realm } from './realm.ts'
import type { Stored } from './stored.ts'

/** Reads what is stored for the user of the key; null: nothing is connected. */
export type ReadStored = (key: TokenKey, alias: string, call: Call) => Promise<Stored | null>

/** By the broker endpoint; with a client, the user's token is exchanged for one of the client first. */
export function byBroker(realm: Realm, client: Client | null): ReadStored {
  if (client === null) return (key, alias, call) => readBroker(realm, userToken(realm, key), alias, call)
  const exchange = exchangeForClient(realm, client)
  return async (key, alias, call) => readBroker(realm, reveal(await exchange(key, call)), alias, call)
}

/** By the deprecated exchange for the provider's own token. */
export function byExchange(realm: Realm, client: Client): ReadStored {
  return (key, alias, call) => exchangeForProvider(realm, client, key, alias, call)
}

/** `directory` is null where this server may not read what users have linked. */
export function tokensFetcher(
  read: ReadStored,
  directory: LinkedProviders<Link> | null,
): One<TokenKey, readonly OAuthAccessToken[]> {
  async function findLink(user_id: string, alias: string, call: Call): Promise<Link | undefined> {
    try {
      return (await directory?.list(user_id, call))?.find(({ identityProvider }) => identityProvider === alias)
    } catch (error) {
      // The token is there; only the name of its account is not.
      if (error instanceof CodedError) return undefined
      throw error
    }
  }

  return {
    kind: 'one',
    async one(key, call) {
      const { user_id } = key
      const alias = bareProvider(key.provider)
      const links = (await directory?.listIfWorthwhile(user_id, call)) ?? null
      if (links?.every(({ identityProvider }) => identityProvider !== alias) === true) return []
      const stored = await read(key, alias, call)
      if (stored === null) return []
      // Keycloak refreshes what it can before it answers; what is expired then stays so.
      if (stored.expires_at !== null && stored.expires_at <= Date.now() / 1000)
        throw new CodedError('REAUTHORIZATION_REQUIRED')
      const link = links?.find(({ identityProvider }) => identityProvider === alias)
      return [toToken(stored, alias, user_id, link ?? (await findLink(user_id, alias, call)))]
    },
  }
}

function toToken(stored: Stored, alias: string, user_id: string, link: Link | undefined): OAuthAccessToken {
  const provider_user_id = link?.userId ?? stored.provider_user_id
  const { token, token_secret, id_token, expires_at, scopes, label, public_metadata } = stored
  return {
    external_account_id: accountId(alias, provider_user_id ?? user_id),
    provider_user_id: provider_user_id ?? '',
    token: secret(token),
    expires_at,
    provider: alias,
    public_metadata,
    label: link?.userName ?? label,
    scopes,
    token_secret: token_secret === null ? null : secret(token_secret),
    id_token: id_token === null ? null : secret(id_token),
  }
}
