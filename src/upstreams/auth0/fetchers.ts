/** The fetchers over the identities: any number of users and providers in few calls. */
import { CodedError } from '../../errors.ts'
import type { ExternalAccount, OAuthAccessToken, TokenKey } from '../../tokens/types.ts'
import { bareProvider } from '../../tokens/ids.ts'
import type { Authorize } from '../http/client.ts'
import type { Call, Many } from '../platform.ts'
import { lacksToken, lacksTokenScope, readAccounts, readTokens } from './identities.ts'
import type { Auth0User } from './shapes.ts'
import type { Users } from './users.ts'

/** Keys of one batch; the users among them are asked for in parts of their own. */
const MAX_KEYS = 1000

export interface Identities {
  readonly users: Users
  readonly authorize: Authorize
  readonly upstream: string
}

export function tokensFetcher({ users, authorize, upstream }: Identities): Many<TokenKey, readonly OAuthAccessToken[]> {
  const id = ({ user_id, provider }: TokenKey): string => `${user_id} ${provider}`

  /** The search may leave tokens out (UNVERIFIED): where one is missing, the user alone is asked for. */
  async function complete(user: Auth0User, connections: readonly string[], call: Call): Promise<Auth0User> {
    if (!connections.some((connection) => lacksToken(user, connection))) return user
    const { authorization = '' } = await authorize.headers(call)
    if (lacksTokenScope(authorization))
      throw new CodedError('UPSTREAM_REJECTED', 'The client of this server lacks the scope read:user_idp_tokens.', {
        upstream,
      })
    return users.read(user.user_id, call)
  }

  async function answerUser(keys: readonly TokenKey[], found: Auth0User | Error | undefined, call: Call) {
    if (found === undefined || found instanceof Error) throw found ?? new CodedError('USER_NOT_FOUND')
    const connections = keys.map(({ provider }) => bareProvider(provider))
    const user = await complete(found, connections, call)
    return connections.map((connection) => readTokens(user, connection))
  }

  return {
    kind: 'many',
    max: MAX_KEYS,
    id,
    async many(keys, call) {
      const byUser = Map.groupBy(keys, ({ user_id }) => user_id)
      const found = await users.readAll(new Set(byUser.keys()), call)
      const answers = await Promise.all(
        [...byUser].map(async ([user_id, own]) => {
          const values = await answerUser(own, found.get(user_id), call).catch(toError)
          return own.map(
            (key, position) => [id(key), values instanceof Error ? values : (values[position] ?? [])] as const,
          )
        }),
      )
      return new Map(answers.flat())
    },
  }
}

export function accountsFetcher({ users }: Identities): Many<string, readonly ExternalAccount[]> {
  return {
    kind: 'many',
    max: MAX_KEYS,
    id: (user_id) => user_id,
    async many(user_ids, call) {
      const found = await users.readAll(new Set(user_ids), call)
      const known = [...found].filter(([, user]) => !(user instanceof CodedError && user.code === 'USER_NOT_FOUND'))
      return new Map(known.map(([user_id, user]) => [user_id, user instanceof Error ? user : readAccounts(user)]))
    },
  }
}

function toError(error: unknown): Error {
  if (error instanceof Error) return error
  throw error
}
