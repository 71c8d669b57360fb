/** Tokens and accounts of many users and toolkits out of the same list. */
import { CodedError } from '../../errors.ts'
import { secret } from '../../lib/secret.ts'
import type { Many } from '../platform.ts'
import type { ExternalAccount, OAuthAccessToken, TokenKey } from '../../tokens/types.ts'
import { bareProvider } from '../../tokens/ids.ts'
import { settleAccounts } from '../kit.ts'
import type { ReadConnections } from './connections.ts'
import type { ConnectedAccount } from './shapes.ts'

/** Keys of one batch; the users among them are asked for in parts of their own. */
const MAX_KEYS = 1000

const oauth2 = new Set<string | null>(['OAUTH2', 'DCR_OAUTH', null])
// `abcd…` with three dots, or one word, where the project or the auth config withholds them (upstreams/others.md).
const mask = /^(\[?redacted\]?|\*+|.{0,8}\.{3})$/i
const slug = /^[A-Za-z0-9_.-]{1,100}$/

export function tokensFetcher(read: ReadConnections, upstream: string): Many<TokenKey, readonly OAuthAccessToken[]> {
  const toolkitOf = ({ provider }: TokenKey): string => bareProvider(provider).toLowerCase()
  const id = (key: TokenKey): string => `${key.user_id} ${toolkitOf(key)}`

  async function pick(key: TokenKey, accounts: readonly ConnectedAccount[] | Error) {
    if (accounts instanceof Error) throw accounts
    const asked = accounts.filter(({ toolkit }) => toolkit === toolkitOf(key))
    return settleAccounts(asked.map(async (account) => Promise.resolve(toToken(account, upstream))))
  }

  return {
    kind: 'many',
    max: MAX_KEYS,
    id,
    async many(keys, call) {
      // A name with a comma would be two names, and no toolkit has one.
      const asked = keys.filter((key) => slug.test(toolkitOf(key)))
      const toolkits = [...new Set(asked.map(toolkitOf))]
      const users = asked.map(({ user_id }) => user_id)
      const found = await read(users, toolkits, call)
      return new Map(
        await Promise.all(
          keys.map(async (key) => [id(key), await pick(key, found.get(key.user_id) ?? []).catch(toError)] as const),
        ),
      )
    },
  }
}

export function accountsFetcher(read: ReadConnections): Many<string, readonly ExternalAccount[]> {
  return {
    kind: 'many',
    max: MAX_KEYS,
    id: (user_id) => user_id,
    async many(user_ids, call) {
      const found = await read(user_ids, null, call)
      return new Map(
        [...found].map(([id, accounts]) => [id, accounts instanceof Error ? accounts : accounts.map(toAccount)]),
      )
    },
  }
}

function toToken(account: ConnectedAccount, upstream: string): OAuthAccessToken {
  const { scheme, values } = account
  const isOAuth1 = scheme === 'OAUTH1' || (scheme === null && values?.oauth_token_secret != null)
  if (!isOAuth1 && !oauth2.has(scheme)) throw new CodedError('UNSUPPORTED_CREDENTIAL', undefined, { upstream })
  const token = (isOAuth1 ? values?.oauth_token : values?.access_token) ?? null
  const token_secret = isOAuth1 ? (values?.oauth_token_secret ?? null) : null
  if (!account.isActive || token === null) throw new CodedError('REAUTHORIZATION_REQUIRED', undefined, { upstream })
  if (mask.test(token) || (token_secret !== null && mask.test(token_secret)))
    throw new CodedError('UPSTREAM_REJECTED', 'The platform masks the tokens of this account.', { upstream })
  const id_token = values?.id_token ?? null
  return {
    external_account_id: account.id,
    provider_user_id: '',
    token: secret(token),
    // `expires_in` has no time that it counts from.
    expires_at: null,
    provider: account.toolkit,
    public_metadata: {},
    label: account.alias,
    scopes: isOAuth1 ? null : (values?.scope ?? null),
    token_secret: token_secret === null ? null : secret(token_secret),
    id_token: id_token === null || mask.test(id_token) ? null : secret(id_token),
  }
}

function toAccount({ id, toolkit, alias, values, ...account }: ConnectedAccount): ExternalAccount {
  return {
    id,
    provider: toolkit,
    provider_user_id: '',
    email_address: null,
    username: null,
    first_name: null,
    last_name: null,
    image_url: null,
    label: alias,
    approved_scopes: values?.scope ?? null,
    public_metadata: {},
    created_at: account.created_at,
    updated_at: account.updated_at,
    needs_reauthorization: !account.isActive,
  }
}

function toError(error: unknown): Error {
  if (error instanceof Error) return error
  throw error
}
