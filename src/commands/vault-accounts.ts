/** `vault list` and `vault remove`: what is stored, without its secrets. */
import { checkId, checkProvider } from '../tokens/token.ts'
import { deleteAccounts, iterateAccounts } from '../upstreams/vault/manage.ts'
import type { AccountFilter, ListedAccount } from '../upstreams/vault/manage.ts'
import { truncateLog } from '../upstreams/vault/store.ts'
import type { Store } from '../upstreams/vault/store.ts'
import type { Output } from './vault-output.ts'

/** The options of the command line, as they were typed. */
export interface AccountOptions {
  readonly user?: string | undefined
  readonly provider?: string | undefined
  readonly account?: string | undefined
}

/** A table, or one JSON object on each line. Returns 0; throws BAD_USER_INPUT for an option that is not valid. */
export function listAccounts(
  store: Store,
  options: Omit<AccountOptions, 'account'> & { readonly json?: boolean | undefined },
  { out, err }: Output,
): number {
  const format = options.json === true ? formatJson : formatColumns
  let isEmpty = true
  for (const account of iterateAccounts(store, parseFilter(options))) {
    if (isEmpty && options.json !== true) out.write(formatLine('USER', 'PROVIDER', 'ACCOUNT', 'EXPIRES', 'KEY'))
    isEmpty = false
    out.write(format(account))
  }
  if (isEmpty) err.write('No accounts.\n')
  return 0
}

/** Returns 0, or 1 when there was nothing to remove; throws BAD_USER_INPUT for an option that is not valid. */
export function removeAccounts(
  store: Store,
  options: AccountOptions & { readonly user: string },
  { out, err }: Output,
): number {
  const removed = deleteAccounts(store, parseFilter(options))
  if (removed === 0) {
    err.write('Nothing was removed: no stored account matches.\n')
    return 1
  }
  truncateLog(store.database)
  out.write(`${String(removed)} ${removed === 1 ? 'account' : 'accounts'} removed.\n`)
  return 0
}

function parseFilter({ user, provider, account }: AccountOptions): AccountFilter {
  return {
    user_id: user === undefined ? undefined : checkId(user, '--user'),
    provider: provider === undefined ? undefined : checkProvider(provider, '--provider'),
    external_account_id: account === undefined ? undefined : checkId(account, '--account'),
  }
}

function formatJson(account: ListedAccount): string {
  const { scopes, has_refresh_token, ...columns } = account
  const parsed = {
    scopes: scopes === null ? null : (JSON.parse(scopes) as unknown),
    has_refresh_token: has_refresh_token === 1,
  }
  return `${JSON.stringify({ ...columns, ...parsed })}\n`
}

// Only what the import has checked to be free of control characters: the rest could rewrite a terminal.
function formatColumns({ user_id, provider, external_account_id, expires_at, key_id }: ListedAccount): string {
  return formatLine(user_id, provider, external_account_id, formatTime(expires_at), key_id)
}

function formatLine(user: string, provider: string, account: string, expires: string, key: string): string {
  return `${user.padEnd(32)}  ${provider.padEnd(20)}  ${account.padEnd(32)}  ${expires.padEnd(20)}  ${key}\n`
}

function formatTime(seconds: number | null): string {
  if (seconds === null) return '-'
  const time = new Date(seconds * 1000)
  // Beyond the year 275760 a Date has no text.
  return Number.isNaN(time.getTime()) ? String(seconds) : time.toISOString().replace('.000Z', 'Z')
}
