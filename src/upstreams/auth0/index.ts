/**
 * Auth0, the identities of logins, over the Management API: any number of users and providers in few calls
 * (docs/platforms/auth0.md). Token Vault is another store of Auth0 and another platform here.
 */
import { decodeJwt } from 'jose'
import { z } from 'zod'
import {
  account,
  bareProvider,
  CodedError,
  httpOptionFields,
  httpTuning,
  joinIds,
  token,
  readable,
  rowsOf,
  settleOrError,
} from '../kit.ts'
import type { Authorize, Call, ExternalAccount, Many, OAuthAccessToken, Platform, TokenKey } from '../kit.ts'
import { openApi } from './api.ts'
import type { Auth0Api, Identity, User } from './api.ts'
import { clientIdOption, clientSecretOption, managementAudience, openManagement, tenantUrl } from './tenant.ts'

/** Keys of one batch; the users among them are asked for in parts of their own. */
const MAX_KEYS = 1000

const options = z.strictObject({
  base_url: tenantUrl,
  client_id: clientIdOption.describe(
    'A machine-to-machine client with the scopes `read:users` and `read:user_idp_tokens`.',
  ),
  client_secret: clientSecretOption,
  audience: managementAudience,
  search: z
    .boolean()
    .default(true)
    .describe('Several users with one search, which lags behind by seconds; `false` asks for each by itself.'),
  ...httpOptionFields,
})

type Auth0Options = z.output<typeof options>

/** Read Users of the paid plans: 40 at once, 500 in a minute (docs/platforms/auth0.md section 6). */
const DEFAULT_RATE = { requests: 40, perSeconds: 5 }

/** `tokens` answers with an empty list for a connection that no identity has. */
export const auth0: Platform<Auth0Options> = {
  options,
  docs: {
    title: 'Auth0 (identities)',
    holds: 'The OAuth 2.0 and OAuth 1.0 tokens of the last login through each connection, without scopes',
    batch: 'All providers of a user in one call; up to 50 users in one search',
    refresh: 'No: a token is replaced when the user logs in again',
    provider_user_id: 'Yes',
    external_accounts: 'Yes, in the same calls',
    unverified: [
      'Whether the search shows tokens: where one is missing, the user alone is asked for',
      'The lifetime `expires_in` of an identity: an expiry is only given for the one identity of a user, from `last_login`',
      'Whether `last_login` also moves when a session is merely continued: the expiry is then too late',
      'The names of the error codes: the status decides',
    ],
  },
  open({ base_url: baseUrl, search, ...options }, deps) {
    const tuning = { ...httpTuning(options), ...deps }
    const { rate } = httpTuning(options, DEFAULT_RATE)
    const { http, authorize, close } = openManagement(baseUrl, options, tuning, rate)
    const api = openApi(http, { search })
    return {
      autoRefreshes: false,
      ignoresPrefix: true,
      tokens: tokensFetcher(api, authorize),
      accounts: accountsFetcher(api),
      rate: http.rate,
      state: () => http.state(),
      close,
    }
  },
}

/** `authorize` tells whether the client may read tokens at all. */
function tokensFetcher(api: Auth0Api, authorize: Authorize): Many<TokenKey, readonly OAuthAccessToken[]> {
  const id = ({ userId, provider }: TokenKey): string => joinIds(userId, provider)

  /** The search may leave tokens out (UNVERIFIED): where one is missing, the user is read without the search. */
  async function complete(user: User, keys: readonly TokenKey[], call: Call): Promise<User> {
    if (!keys.some(({ provider }) => lacksToken(user, provider))) return user
    const { authorization = '' } = await authorize.headers(call)
    if (lacksTokenScope(authorization))
      throw new CodedError('UPSTREAM_REJECTED', 'The client of this server lacks the scope read:user_idp_tokens.')
    return api.user(user.id, call)
  }

  type Entry = readonly [id: string, readonly OAuthAccessToken[] | Error]
  function answerKey(user: User, key: TokenKey): Entry {
    return [id(key), readTokens(user, key.provider)]
  }

  async function answerUser(keys: readonly TokenKey[], found: User | Error, call: Call): Promise<Entry[]> {
    try {
      if (found instanceof Error) throw found
      const user = await complete(found, keys, call)
      return keys.map((key) => answerKey(user, key))
    } catch (error) {
      if (!(error instanceof Error)) throw error
      return keys.map((key) => [id(key), error] as const)
    }
  }

  return {
    kind: 'many',
    max: MAX_KEYS,
    id,
    async many(keys, call) {
      const byUser = Map.groupBy(keys, ({ userId }) => userId)
      const users = await api.users([...byUser.keys()], call)
      const answers = await Promise.all(
        [...users].map(([userId, found]) => answerUser(byUser.get(userId) ?? [], found, call)),
      )
      return new Map(answers.flat())
    },
  }
}

/** What the user connected through a connection of this name; an error where a token should be and is not. */
function readTokens({ identities }: User, connection: string): readonly OAuthAccessToken[] | CodedError {
  const asked = rowsOf(
    identities,
    (identity) => bareProvider(identity.connection) === connection,
    (name) => bareProvider(name) === connection,
  )
  return settleOrError(asked, toToken)
}

function lacksToken({ identities }: User, connection: string): boolean {
  return readable(identities).some(
    (identity) => bareProvider(identity.connection) === connection && identity.isOAuth && identity.accessToken === null,
  )
}

function toToken(identity: Identity): OAuthAccessToken {
  const { connection, subject, isOAuth, accessToken, tokenSecret, expiresAt, email, profile } = identity
  if (accessToken === null) throw new CodedError(isOAuth ? 'REAUTHORIZATION_REQUIRED' : 'UNSUPPORTED_CREDENTIAL')
  return token({
    external_account_id: accountId(identity),
    provider_user_id: subject,
    token: accessToken,
    expires_at: expiresAt,
    provider: bareProvider(connection),
    public_metadata: profile,
    label: email,
    token_secret: tokenSecret,
  })
}

/** Whether a token of the Management API is known to lack the scope without which the token fields are absent. */
function lacksTokenScope(authorization: string): boolean {
  try {
    const { scope } = decodeJwt(authorization.replace(/^Bearer /, ''))
    return typeof scope === 'string' && !scope.split(' ').includes('read:user_idp_tokens')
  } catch {
    return false
  }
}

/** A user that Auth0 does not know is absent. */
function accountsFetcher(api: Auth0Api): Many<string, readonly ExternalAccount[]> {
  return {
    kind: 'many',
    max: MAX_KEYS,
    id: (userId) => userId,
    async many(userIds, call) {
      const found = await api.users(userIds, call)
      const known = [...found].filter(([, user]) => !(user instanceof CodedError && user.code === 'USER_NOT_FOUND'))
      return new Map(known.map(([userId, user]) => [userId, user instanceof Error ? user : readAccounts(user)]))
    },
  }
}

function readAccounts({ identities }: User): readonly ExternalAccount[] | CodedError {
  return settleOrError(identities, toAccount)
}

/** null: a login without a token, which is no connected account. */
function toAccount(identity: Identity): ExternalAccount | null {
  if (!identity.isOAuth) return null
  return account({
    id: accountId(identity),
    provider: bareProvider(identity.connection),
    provider_user_id: identity.subject,
    email_address: identity.email,
    username: identity.username,
    first_name: identity.firstName,
    last_name: identity.lastName,
    image_url: identity.imageUrl,
    label: identity.email,
    public_metadata: identity.profile,
  })
}

function accountId({ connection, subject }: Identity): string {
  return `${connection}|${subject}`
}
