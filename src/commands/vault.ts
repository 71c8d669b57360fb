/** `tokengraph vault`: each command prints what it did, never a secret, and returns its exit code. */
import { loadConfig } from '../config/load.ts'
import { DATA_FOLDER, developmentVault } from '../development/development.ts'
import { checkAccountId, checkId, checkProvider } from '../tokens/ids.ts'
import { removeAccounts as remove } from '../upstreams/vault/disconnect/outbox.ts'
import { copyAccounts } from '../upstreams/vault/store/copy.ts'
import { iterateAccounts } from '../upstreams/vault/store/manage.ts'
import type { AccountFilter, ListedAccount } from '../upstreams/vault/store/manage.ts'
import type { VaultOptions } from '../upstreams/vault/options.ts'
import { rotateKeys as rotate } from '../upstreams/vault/store/rotate.ts'
import { readStatus } from '../upstreams/vault/store/status.ts'
import { openStore } from '../upstreams/vault/store/store.ts'
import type { Store } from '../upstreams/vault/store/store.ts'
import { createProgress, needing, UsageError } from './terminal.ts'
import type { Output } from './terminal.ts'

export interface VaultChoice {
  /** `--config`; null where it is not given. */
  readonly file: string | null
  /** The name of the upstream; null where only one vault is configured. */
  readonly upstream: string | null
  readonly env: NodeJS.ProcessEnv
}

/**
 * Opens the configured vault, or the one of development mode where no upstream is configured. Rejects with `Error` with
 * a message for the operator.
 */
export async function openConfiguredVault({ file, upstream, env }: VaultChoice): Promise<Store> {
  const config = loadConfig({ file, env })
  if (config.upstreams.length === 0) return needing(openStore(developmentVault(DATA_FOLDER)))
  const vaults = config.upstreams.filter(({ platform }) => platform === 'vault')
  const chosen = upstream === null ? vaults : vaults.filter(({ name }) => name === upstream)
  const [first, second] = chosen
  const names = vaults.map(({ name }) => name).join(', ')
  if (vaults.length === 0)
    throw new Error('No vault is configured: no upstream has `platform: vault`. Add one, or name another --config.')
  if (first === undefined) throw new UsageError(`--upstream: there is no vault of that name; there is: ${names}.`)
  if (second !== undefined) throw new UsageError(`Several vaults are configured; choose one with --upstream: ${names}.`)
  return needing(openStore(first.options as VaultOptions))
}

/** The options of `vault list` and `vault remove`, as they were typed. */
export interface AccountOptions {
  readonly user?: string
  readonly provider?: string
  readonly account?: string
}

export interface ListOptions extends Omit<AccountOptions, 'account'> {
  readonly json?: boolean
}

/**
 * `vault list`: prints a table, or one JSON object per line. Returns 0; rejects with BAD_USER_INPUT for an option that is
 * not valid.
 */
export async function listAccounts(store: Store, options: ListOptions, { out, err }: Output): Promise<0> {
  const format = options.json === true ? formatJson : formatColumns
  let isEmpty = true
  for await (const account of iterateAccounts(store, parseFilter(options))) {
    if (isEmpty && options.json !== true) out.write(formatLine('USER', 'PROVIDER', 'ACCOUNT', 'EXPIRES', 'KEY'))
    isEmpty = false
    out.write(format(account))
    if (out.isClosed === true) break
  }
  if (isEmpty) err.write('No accounts.\n')
  return 0
}

/** `vault remove`: returns 0, or 1 when no account matches; throws BAD_USER_INPUT for an option that is not valid. */
export async function removeAccounts(
  store: Store,
  options: AccountOptions & { readonly user: string },
  { out, err }: Output,
): Promise<0 | 1> {
  const removed = await remove(store, parseFilter(options))
  if (removed.length === 0) {
    err.write('Nothing was removed: no stored account matches.\n')
    return 1
  }
  out.write(`${count(removed.length, 'account')} removed.\n`)
  const inState = (state: string): number => removed.filter((each) => each.state === state).length
  const [pending, shared, unsupported] = ['PENDING', 'SHARED', 'UNSUPPORTED'].map(inState) as [number, number, number]
  if (pending > 0)
    out.write(`${count(pending, 'grant')} will be revoked at the provider, by a server over this vault.\n`)
  if (shared > 0) out.write(`${count(shared, 'grant')} not revoked: another account here lives on it.\n`)
  if (unsupported > 0)
    out.write(
      `${count(unsupported, 'grant')} not revoked: no client is configured, or its provider has no revocation.\n`,
    )
  await emptyLog(store, err)
  return 0
}

/** What was removed or replaced is gone from the disk once the log is empty. */
export async function emptyLog({ sql }: Store, err: Output['err']): Promise<void> {
  if (await sql.compact()) return
  err.write(
    `Another process reads ${sql.place}, so that its write-ahead log could not be emptied: replaced ciphertexts stay on the disk ` +
      'until it can. Run `tokengraph vault rotate-keys` once the reader has gone; it empties the log.\n',
  )
}

function parseFilter({ user, provider, account }: AccountOptions): AccountFilter {
  return {
    userId: user === undefined ? null : checkId(user, '--user'),
    provider: provider === undefined ? null : checkProvider(provider, '--provider'),
    externalAccountId: account === undefined ? null : checkAccountId(account, '--account'),
  }
}

/**
 * `vault rotate-keys`: re-wraps every row under the active key; can be run again at any time. Returns 0, or 1 when a
 * damaged row still needs an old key.
 */
export async function rotateKeys(store: Store, { out, err }: Output): Promise<0 | 1> {
  const progress = createProgress(err, 'Re-wrapping')
  const rotation = await rotate(store, progress.update)
  progress.end()
  out.write(`${count(rotation.rewrapped, 'account')} re-wrapped under key ${store.keyring.active.id}.\n`)
  await emptyLog(store, err)
  for (const id of rotation.unused) out.write(`Key ${id} is no longer used: you may remove it from \`keys\`.\n`)
  for (const row of rotation.damaged)
    err.write(
      `Damaged and left as it is: ${row.user_id} ${row.provider} ${row.external_account_id}. Import it again or remove it.\n`,
    )
  for (const id of rotation.needed) err.write(`Key ${id} is still needed: keep it in \`keys\`.\n`)
  return rotation.needed.length === 0 ? 0 : 1
}

export interface StatusOptions {
  readonly json?: boolean
}

/** `vault status`: prints counts and the clients that need the operator. Returns 0, or 1 while a client is refused. */
export async function printStatus(store: Store, { json }: StatusOptions, { out }: Output): Promise<0 | 1> {
  const status = await readStatus(store)
  const { accounts, withRefreshToken, due, leased, spooled, unreadable, clients } = status
  const refused = clients.filter(({ state }) => state === 'OPEN')
  if (json === true) {
    const { withRefreshToken: renewable, ...rest } = status
    out.write(`${JSON.stringify({ ...rest, with_refresh_token: renewable })}\n`)
    return refused.length === 0 ? 0 : 1
  }
  const total = Object.values(accounts).reduce((sum, rows) => sum + rows, 0)
  out.write(`${count(total, 'account')}, ${String(withRefreshToken)} with a refresh token\n`)
  for (const [state, rows] of Object.entries(accounts)) out.write(`  ${state.padEnd(26)} ${String(rows)}\n`)
  out.write(`  ${'due for a refresh'.padEnd(26)} ${String(due)}\n  ${'being refreshed'.padEnd(26)} ${String(leased)}\n`)
  if (spooled > 0) out.write(`  ${'waiting in the spool'.padEnd(26)} ${String(spooled)}\n`)
  for (const file of unreadable) out.write(`${store.spoolFolder}: ${file} cannot be read; it may hold new tokens.\n`)
  for (const { provider, client, state, reason, since } of clients) {
    const why =
      state === 'OPEN' ? `${provider} refuses it${reason === null ? '' : ` (${reason})`}` : `${provider} limits it`
    out.write(
      `Client ${client}: ${why} since ${formatTime(since)}${state === 'OPEN' ? '; correct its credentials' : ''}.\n`,
    )
  }
  return refused.length === 0 ? 0 : 1
}

export interface CopyFlags {
  readonly prune?: boolean
}

/** `vault copy`: returns 0, or 1 when a row does not open. */
export async function copyVault(
  from: Store,
  to: Store,
  { prune = false }: CopyFlags,
  { out, err }: Output,
): Promise<0 | 1> {
  if (from.sql.place === to.sql.place) throw new UsageError('--to: it is the same vault as --from.')
  const progress = createProgress(err, 'Copying')
  const { written, unchanged, damaged, extra } = await copyAccounts(from, to, { prune, onProgress: progress.update })
  progress.end()
  out.write(`${count(written + unchanged, 'account')}: ${String(written)} written, ${String(unchanged)} unchanged.\n`)
  if (extra > 0 && prune) out.write(`${count(extra, 'account')} removed that the source does not have.\n`)
  else if (extra > 0)
    out.write(`The target has ${count(extra, 'account')} that the source does not have; --prune removes them.\n`)
  for (const row of damaged)
    err.write(`Damaged and not copied: ${row.user_id} ${row.provider} ${row.external_account_id}.\n`)
  return damaged.length === 0 ? 0 : 1
}

export function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`
}

function formatJson(account: ListedAccount): string {
  const { scopes, has_refresh_token: hasRefreshToken, ...columns } = account
  const parsed = {
    scopes: scopes === null ? null : (JSON.parse(scopes) as unknown),
    has_refresh_token: hasRefreshToken === 1,
  }
  return `${JSON.stringify({ ...columns, ...parsed })}\n`
}

// Prints only what the import has checked for control characters: other columns could rewrite a terminal.
function formatColumns(account: ListedAccount): string {
  const { user_id: user, provider, external_account_id: id, expires_at: expiresAt, key_id: key } = account
  return formatLine(user, provider, id, formatTime(expiresAt), key)
}

function formatLine(user: string, provider: string, account: string, expires: string, key: string): string {
  return `${user.padEnd(32)}  ${provider.padEnd(20)}  ${account.padEnd(32)}  ${expires.padEnd(20)}  ${key}\n`
}

function formatTime(seconds: number | null): string {
  if (seconds === null) return '-'
  const time = new Date(seconds * 1000)
  // A Date after the year 275760 is invalid.
  return Number.isNaN(time.getTime()) ? seconds.toString() : time.toISOString().replace('.000Z', 'Z')
}
