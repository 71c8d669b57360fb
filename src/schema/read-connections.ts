/** The connections of a user: at one provider by its tokens, at all of them by what the platforms list. */
import { CodedError } from '../errors.ts'
import type { AccountList } from '../tokens/accounts.ts'
import { checkProvider } from '../tokens/ids.ts'
import { authorizeAccounts, checkListLength, EVERY_OTHER, requestAt } from './fields.ts'
import type { GraphContext } from './graph-context.ts'
import { connectionByAccounts, connectionByTokens, failedConnection } from './connection.ts'
import type { Connection } from './connection.ts'
import { readRequest } from './oauth-access-token.ts'

/** The connection of one subject at the provider that the caller names, by its tokens. */
export async function readConnection(
  context: GraphContext,
  subject: string,
  provider: string,
  requiredScopes: readonly string[],
): Promise<Connection> {
  const name = checkProvider(provider)
  checkListLength(requiredScopes, 'required_scopes')
  return connectionByName(context, subject, name, requiredScopes)
}

/** The same for a bare name, which a caller or a platform gave: what a platform lists is never refused as an argument. */
async function connectionByName(
  context: GraphContext,
  subject: string,
  name: string,
  requiredScopes: readonly string[] = [],
): Promise<Connection> {
  try {
    return connectionByTokens(name, await readRequest(context, requestAt(subject, name)), requiredScopes)
  } catch (error) {
    return failedConnection(name, error, requiredScopes)
  }
}

/** The connections at the named providers, each by its tokens. */
export function readNamedConnections(
  context: GraphContext,
  subject: string,
  providers: readonly string[],
): Promise<Connection>[] {
  checkListLength(providers, 'providers')
  const names = new Set(providers.map((name) => checkProvider(name, 'providers')))
  return [...names].map((name) => connectionByName(context, subject, name))
}

/**
 * The connections at every provider served or connected. What the platforms list costs one call or less for each
 * user; tokens are read where they are asked for, where nobody can list accounts, and where they cost no call.
 */
export async function readEveryConnection(
  context: GraphContext,
  subject: string,
  wantsTokens: boolean,
): Promise<readonly Promise<Connection>[]> {
  const readable = authorizeAccounts(context, subject)
  const lists = await context.load.accounts(subject)

  async function connectionAt(provider: string): Promise<Connection> {
    const list = listFor(context, lists, provider)
    if (provider === EVERY_OTHER) return unlisted(list)
    if (list === undefined || list.inProcess) return connectionByName(context, subject, provider)
    const { accounts } = list
    if (accounts === null || accounts instanceof CodedError)
      return failedConnection(provider, accounts ?? new CodedError('USER_NOT_FOUND'), [])
    const own = accounts.filter((account) => account.provider === provider)
    if (own.length > 0 && wantsTokens) return connectionByName(context, subject, provider)
    return connectionByAccounts(provider, own)
  }

  const names = readable === 'all' ? knownProviders(context, lists) : servedProviders(context, readable)
  return [...new Set(names)].map(connectionAt)
}

/** What the upstream that answers for the provider says; undefined: it cannot list accounts, or nobody answers. */
function listFor({ providers }: GraphContext, lists: readonly AccountList[], provider: string) {
  const served = providers.find(({ id }) => id === provider) ?? providers.find(({ id }) => id === EVERY_OTHER)
  return lists.find(({ upstream }) => upstream === served?.upstream)
}

/** Every routed provider, and whatever the user connected at the upstream that answers for the rest. */
function knownProviders(context: GraphContext, lists: readonly AccountList[]): readonly string[] {
  const connected = lists.flatMap(({ accounts }) =>
    accounts === null || accounts instanceof CodedError ? [] : accounts.map(({ provider }) => provider),
  )
  const named = context.providers.map(({ id }) => id).filter((id) => id !== EVERY_OTHER)
  return [...named, ...connected, ...(hasUnlisted(context, lists) ? [EVERY_OTHER] : [])]
}

/** Whether there may be connections whose providers nobody can name: to leave them out would say that there are none. */
function hasUnlisted(context: GraphContext, lists: readonly AccountList[]): boolean {
  if (!context.providers.some(({ id }) => id === EVERY_OTHER)) return false
  const list = listFor(context, lists, EVERY_OTHER)
  return list === undefined || list.accounts instanceof CodedError
}

function unlisted(list: AccountList | undefined): Connection {
  const failure = list?.accounts instanceof CodedError ? list.accounts : new CodedError('PROVIDER_NOT_CONFIGURED')
  return failedConnection(EVERY_OTHER, failure, [])
}

/** A grant names its providers: those that anybody answers for. */
function servedProviders({ providers }: GraphContext, readable: ReadonlySet<string>): readonly string[] {
  const hasDefault = providers.some(({ id }) => id === EVERY_OTHER)
  return [...readable].filter((name) => hasDefault || providers.some(({ id }) => id === name))
}
