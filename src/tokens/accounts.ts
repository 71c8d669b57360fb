/** The connected accounts of a user: what each upstream says of them, by the names that callers use. */
import { CodedError, withDetails } from '../errors.ts'
import type { Caller, Lane } from './lane.ts'
import type { Routing } from './routing.ts'
import { canonicalProvider } from './token.ts'
import type { ExternalAccount } from './token.ts'

/** What one upstream says of one user. */
export interface AccountList {
  /** The name of the upstream. */
  readonly upstream: string
  /** Whether tokens come out of this process, too: they cost no call, and know better than a list what has expired. */
  readonly local: boolean
  /** null: the upstream does not know the user. */
  readonly accounts: readonly ExternalAccount[] | null | CodedError
}

/** One promise for each user, in order: a list from every upstream that can list accounts, the failed ones included. */
export function listAccounts(
  lanes: Iterable<Lane>,
  routing: Routing,
  user_ids: readonly string[],
  caller: Caller,
): Promise<readonly AccountList[]>[] {
  const asked = [...lanes].flatMap(({ upstream, accounts: ask }) =>
    ask === null ? [] : [{ upstream, answers: ask(user_ids, caller) }],
  )
  return user_ids.map((_, position) =>
    Promise.all(
      asked.map(async ({ upstream: { name, local = false }, answers }): Promise<AccountList> => {
        try {
          const rows = (await answers[position]) ?? null
          return { upstream: name, local, accounts: rows && renameAccounts(rows, name, routing) }
        } catch (error) {
          if (!(error instanceof CodedError)) throw error
          return { upstream: name, local, accounts: withDetails(error, { upstream: name }) }
        }
      }),
    ),
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

/** An account stands under every name that leads to it, and nowhere when another upstream answers for its provider. */
function renameAccounts(rows: readonly ExternalAccount[], upstream: string, routing: Routing): ExternalAccount[] {
  return rows.flatMap((account) =>
    callersNames(account.provider, upstream, routing).map((provider) => ({ ...account, provider })),
  )
}

function callersNames(platformsName: string, upstream: string, { routes, default: fallback }: Routing): string[] {
  const provider = canonicalProvider(platformsName)
  const names = Object.entries(routes)
    .filter(([name, route]) => route.upstream === upstream && canonicalProvider(route.as ?? name) === provider)
    .map(([name]) => name)
  // The default leads to it by the platform's own name, which is of interest only where no line names it otherwise.
  return names.length === 0 && fallback === upstream && !Object.hasOwn(routes, provider) ? [provider] : names
}
