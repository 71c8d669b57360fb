/** `vault import --from`: the accounts that another platform of the configuration holds, page by page. */
import { loadConfig } from '../config/load.ts'
import { reveal } from '../lib/secret.ts'
import { unixSeconds } from '../lib/time.ts'
import { wireProvider } from '../tokens/ids.ts'
import type { Exported, ExportedAccount, OpenPlatform } from '../upstreams/platform.ts'
import { accountRecord } from '../upstreams/vault/store/record.ts'
import type { AccountRecord } from '../upstreams/vault/store/record.ts'
import type { Store } from '../upstreams/vault/store/store.ts'
import { addAccounts } from '../upstreams/vault/store/write.ts'
import { createProgress, needing, UsageError } from './terminal.ts'
import type { Output } from './terminal.ts'

export interface SourceChoice {
  /** `--config`; null where it is not given. */
  readonly file: string | null
  /** `--from`: the name of an upstream, or its platform where there is one of it. */
  readonly from: string
  readonly env: NodeJS.ProcessEnv
}

export interface SourceFlags {
  readonly dryRun?: boolean
  /** `name`, or `their-name=name`: the client of the vault that the tokens belong to. */
  readonly client?: readonly string[]
}

/** Rejects with `Error` for the operator where there is no such upstream, or none that can be listed. */
export async function openSource({
  file,
  from,
  env,
}: SourceChoice): Promise<OpenPlatform & Required<Pick<OpenPlatform, 'exportAll'>>> {
  const { upstreams } = loadConfig({ file, env })
  const named = upstreams.filter(({ name }) => name === from)
  const [source, second] = named.length > 0 ? named : upstreams.filter(({ platform }) => platform === from)
  if (source === undefined) {
    const names = upstreams.map(({ name }) => name).join(', ')
    throw new UsageError(`--from: no upstream has that name or platform; there is: ${names === '' ? 'none' : names}.`)
  }
  if (second !== undefined)
    throw new UsageError(`--from: several upstreams are of the platform ${source.platform}; name one of them.`)
  const opened = await needing(Promise.resolve().then(() => source.open({ observe: () => undefined })))
  const { exportAll } = opened
  if (exportAll === undefined)
    throw new UsageError(`--from: ${source.platform} cannot be listed as a whole; better-auth, clerk and nango can.`)
  return { ...opened, exportAll }
}

/** Problems of one kind that are printed; the others are counted. */
const MAX_PROBLEMS = 50

/**
 * Adds every account that is valid, one page in one transaction, and prints the others. What the vault has stays: it may
 * have been refreshed since, so that an interrupted import can be run again. Returns 0, or 1 where an account is missing.
 */
export async function importFrom(
  store: Store,
  source: Pick<OpenPlatform, 'close'> & Required<Pick<OpenPlatform, 'exportAll'>>,
  { dryRun = false, client = [] }: SourceFlags,
  { out, err }: Output,
): Promise<0 | 1> {
  const clientOf = readClients(client, [...store.clients.keys()])
  const progress = createProgress(err, dryRun ? 'Reading' : 'Importing')
  const byProvider = new Map<string, { accounts: number; refreshable: number }>()
  const counts = { read: 0, added: 0, unchanged: 0, problems: 0, over: 0 }
  const report = (
    exported: { userId: string | null; provider: string | null; account: string | null },
    why: string,
  ) => {
    counts.problems += 1
    if (counts.problems > MAX_PROBLEMS) return
    const { userId, provider, account } = exported
    const place = [userId, provider === null ? null : wireProvider(provider), account].map((part) => part ?? '?')
    err.write(`${place.join(' ')}: ${why}\n`)
  }
  const signal = new AbortController().signal
  try {
    for await (const page of source.exportAll({ signal, deadline: () => Infinity, viewer: null })) {
      const records: AccountRecord[] = []
      for (const exported of page) {
        counts.read += 1
        const record = toRecord(exported, clientOf)
        if (typeof record === 'string') {
          report(nameOf(exported), record)
          continue
        }
        records.push(record)
        const known = byProvider.get(record.provider) ?? { accounts: 0, refreshable: 0 }
        byProvider.set(record.provider, known)
        known.accounts += 1
        if (record.refresh_token) known.refreshable += 1
        else if (record.expires_at !== null && record.expires_at <= unixSeconds()) counts.over += 1
      }
      if (!dryRun) {
        const written = await addAccounts(store, records)
        for (const name of ['added', 'unchanged'] as const) counts[name] += written[name]
      }
      progress.update(counts.read)
    }
  } finally {
    progress.end()
    await source.close()
  }
  for (const [provider, { accounts, refreshable }] of [...byProvider].sort(([a], [b]) => (a < b ? -1 : 1)))
    out.write(`${wireProvider(provider).padEnd(26)} ${String(accounts)}, ${String(refreshable)} with a refresh token\n`)
  if (counts.over > 0)
    out.write(`${String(counts.over)} are over and cannot be refreshed: their users have to consent.\n`)
  if (counts.problems > MAX_PROBLEMS) err.write(`… and ${String(counts.problems - MAX_PROBLEMS)} more.\n`)
  if (counts.problems > 0) err.write(`${String(counts.problems)} of ${String(counts.read)} cannot be imported.\n`)
  out.write(
    dryRun
      ? `Nothing was written: ${String(counts.read - counts.problems)} can be imported.\n`
      : `${String(counts.added)} added; ${String(counts.unchanged)} were there and stay as they are.\n`,
  )
  return counts.problems === 0 ? 0 : 1
}

/** Throws `Error` for a client that the vault has not. */
function readClients(
  given: readonly string[],
  known: readonly string[],
): (theirs: string | null) => string | undefined {
  const names = new Map<string | null, string>()
  for (const each of given) {
    const [first = '', second] = each.split('=', 2)
    const name = second ?? first
    if (!known.includes(name)) {
      const there = known.length === 0 ? 'it has none' : `it has ${known.join(', ')}`
      throw new UsageError(`--client: the vault has no such client; ${there}.`)
    }
    names.set(second === undefined ? null : first, name)
  }
  return (theirs) =>
    names.get(theirs) ?? names.get(null) ?? (theirs !== null && known.includes(theirs) ? theirs : undefined)
}

function nameOf(exported: Exported) {
  if ('code' in exported) return exported
  const { userId, token } = exported
  return { userId, provider: token.provider, account: token.external_account_id }
}

/** The record, or what is wrong: without a value. */
function toRecord(exported: Exported, clientOf: (theirs: string | null) => string | undefined): AccountRecord | string {
  if ('code' in exported) return `the platform does not give it (${exported.code})`
  const { success, data, error } = accountRecord.safeParse(inputOf(exported, clientOf(exported.client)))
  if (success) return data
  return error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')
}

function inputOf({ userId, token, refreshToken, profile }: ExportedAccount, client: string | undefined) {
  const text = (secret: ExportedAccount['refreshToken']): string | null => (secret === null ? null : reveal(secret))
  return {
    user_id: userId,
    provider: token.provider,
    external_account_id: token.external_account_id,
    provider_user_id: token.provider_user_id,
    token: reveal(token.token),
    token_secret: text(token.token_secret),
    id_token: text(token.id_token),
    refresh_token: text(refreshToken),
    expires_at: token.expires_at,
    public_metadata: token.public_metadata,
    label: token.label,
    scopes: token.scopes,
    ...(client !== undefined && { client }),
    ...(profile !== null && {
      email_address: profile.email_address,
      username: profile.username,
      first_name: profile.first_name,
      last_name: profile.last_name,
      image_url: profile.image_url,
    }),
  }
}
