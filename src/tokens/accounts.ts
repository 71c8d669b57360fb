/** The connected accounts of a user: what each upstream says of them, by the names that callers use. */
import { hash } from 'node:crypto'
import { CodedError, withDetails } from '../errors.ts'
import { safeJsonObject } from '../lib/json.ts'
import { displayText, isOpaque } from './ids.ts'
import type { CachedUpstream, Caller } from './cached-upstream.ts'
import type { Upstream } from '../upstreams/platform.ts'
import type { ExternalAccount, Routing } from './types.ts'

/** An account as the graph lists it. */
export interface ListedAccount extends ExternalAccount {
  /** Unique in the graph, as caches of clients want ids to be: `id` is unique for one user at one provider only. */
  readonly graphId: string
}

/** What one upstream says of one user. */
export interface AccountList {
  /** The name of the upstream. */
  readonly upstream: string
  /** Whether tokens come out of this process, too: they cost no call, and know better than a list what has expired. */
  readonly inProcess: boolean
  /** null: the upstream does not know the user. */
  readonly accounts: readonly ListedAccount[] | null | CodedError
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
    asked.map(async ({ upstream, ask }): Promise<AccountList> => {
      const { name, inProcess = false } = upstream
      try {
        const rows = await ask(userId, caller)
        return { upstream: name, inProcess, accounts: rows && listUnderNames(rows, upstream, userId, routing) }
      } catch (error) {
        if (!(error instanceof CodedError)) throw error
        const labelled = withDetails(error, { upstream: name })
        caller.onFailure?.(labelled)
        return { upstream: name, inProcess, accounts: labelled }
      }
    }),
  )
}

/** One list out of all; throws the failure of any, because half a list would look like the whole. */
export function mergeAccounts(lists: readonly AccountList[]): readonly ListedAccount[] {
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
function listUnderNames(
  rows: readonly ExternalAccount[],
  { name: upstream, uniqueAccountIds = false }: Upstream,
  userId: string,
  routing: Routing,
): ListedAccount[] {
  // An account that cannot be named cannot be asked for either.
  const shown = rows.filter(({ id, provider }) => isOpaque(id, Infinity) && isOpaque(provider, Infinity)).map(toShow)
  return shown.flatMap((account) => {
    const names = callersNames(account.provider, upstream, routing)
    const isOwnId = uniqueAccountIds && names.length === 1
    return names.map((provider) => ({
      ...account,
      provider,
      graphId: isOwnId ? account.id : graphId(upstream, userId, provider, account.id),
    }))
  })
}

/** What only decorates an account degrades; the account itself stays. */
function toShow(account: ExternalAccount): ExternalAccount {
  return {
    ...account,
    provider_user_id: displayText(account.provider_user_id) ?? '',
    email_address: displayText(account.email_address),
    username: displayText(account.username),
    first_name: displayText(account.first_name),
    last_name: displayText(account.last_name),
    image_url: displayText(account.image_url),
    label: displayText(account.label),
    public_metadata: safeJsonObject(account.public_metadata),
  }
}

const GRAPH_ID_PREFIX = 'acct_'

/** An opaque id out of everything that makes an account unique; `provider` is the name that callers use. */
export function graphId(upstream: string, userId: string, provider: string, accountId: string): string {
  const name = JSON.stringify([upstream, userId, provider, accountId])
  return GRAPH_ID_PREFIX + hash('sha256', name, 'base64url').slice(0, 22)
}

/** Whether a value may be a graph id. */
export function looksLikeGraphId(value: string): boolean {
  return value.startsWith(GRAPH_ID_PREFIX)
}

export function callersNames(provider: string, upstream: string, { routes, default: fallback }: Routing): string[] {
  const names = Object.entries(routes)
    .filter(([name, route]) => route.upstream === upstream && (route.as ?? name) === provider)
    .map(([name]) => name)
  // The default leads to it by the platform's own name, which matters only where no route names it otherwise.
  return names.length === 0 && fallback === upstream && !Object.hasOwn(routes, provider) ? [provider] : names
}
