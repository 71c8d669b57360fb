/** The connected accounts of a user: what each upstream says of them, by the names that callers use. */
import { CodedError, withDetails } from '../errors.ts'
import type { CachedUpstream, Caller } from './cached-upstream.ts'
import type { ExternalAccount, Routing } from './types.ts'

/** What one upstream says of one user. */
export interface AccountList {
  /** The name of the upstream. */
  readonly upstream: string
  /** Whether tokens come out of this process, too: they cost no call, and know better than a list what has expired. */
  readonly inProcess: boolean
  /** null: the upstream does not know the user. */
  readonly accounts: readonly ExternalAccount[] | null | CodedError
}

/** A list from every upstream that can list accounts, the failed ones included; `routing` has bare names. */
export function listAccounts(
  upstreams: Iterable<CachedUpstream>,
  routing: Routing,
  userId: string,
  caller: Caller,
): Promise<readonly AccountList[]> {
  const asked = [...upstreams].flatMap(({ upstream, accounts: ask }) => (ask === null ? [] : [{ upstream, ask }]))
  return Promise.all(
    asked.map(async ({ upstream: { name, inProcess = false }, ask }): Promise<AccountList> => {
      try {
        const rows = await ask(userId, caller)
        return { upstream: name, inProcess, accounts: rows && renameAccounts(rows, name, routing) }
      } catch (error) {
        if (!(error instanceof CodedError)) throw error
        return { upstream: name, inProcess, accounts: withDetails(error, { upstream: name }) }
      }
    }),
  )
}

/** One list out of all; throws the failure of any, because half a list would look like the whole. */
export function mergeAccounts(lists: readonly AccountList[]): readonly ExternalAccount[] {
  const known = lists.flatMap(({ accounts }) => {
    if (accounts instanceof CodedError) throw accounts
    return accounts === null ? [] : [accounts]
  })
  if (lists.length === 0)
    throw new CodedError('PROVIDER_NOT_CONFIGURED', 'No upstream of this server can list accounts.')
  if (known.length === 0) throw new CodedError('USER_NOT_FOUND')
  return known.flat()
}

/** An account is listed under every name that leads to it, and not at all when another upstream answers for it. */
function renameAccounts(rows: readonly ExternalAccount[], upstream: string, routing: Routing): ExternalAccount[] {
  return rows.flatMap((account) =>
    callersNames(account.provider, upstream, routing).map((provider) => ({ ...account, provider })),
  )
}

function callersNames(provider: string, upstream: string, { routes, default: fallback }: Routing): string[] {
  const names = Object.entries(routes)
    .filter(([name, route]) => route.upstream === upstream && (route.as ?? name) === provider)
    .map(([name]) => name)
  // The default leads to it by the platform's own name, which matters only where no route names it otherwise.
  return names.length === 0 && fallback === upstream && !Object.hasOwn(routes, provider) ? [provider] : names
}
