/** Real vaults in temporary folders, with invented values. */
import { join } from 'node:path'
import type { SQLInputValue } from 'node:sqlite'
import { onTestFinished } from 'vitest'
import { openDatabase } from '../kit/database.ts'
import { copyPipe } from '../../src/commands/import-source.ts'
import { importAccounts } from '../../src/commands/vault-import.ts'
import { reveal, secret } from '../../src/lib/secret.ts'
import type { Call, Many, UpstreamEvent } from '../../src/upstreams/platform.ts'
import { vault } from '../../src/upstreams/vault/index.ts'
import type { OAuthAccessToken, TokenKey } from '../../src/tokens/types.ts'
import { vaultOptions } from '../../src/upstreams/vault/options.ts'
import type { VaultOptions } from '../../src/upstreams/vault/options.ts'
import { openStore } from '../../src/upstreams/vault/store/store.ts'
import type { Store } from '../../src/upstreams/vault/store/store.ts'
import { testFolder } from '../kit/folder.ts'
import { captureOutput } from '../kit/output.ts'

export const k1 = { id: 'k1', secret: secret('invented secret number one, 32 characters') }
export const k2 = { id: 'k2', secret: secret('invented secret number two, 32 characters') }

/** Options of a vault that does not exist yet. */
export function newVault(keys: VaultOptions['keys'] = [k1]): FileOptions {
  return optionsOf(join(testFolder().path, 'vault.sqlite'), keys)
}

type FileOptions = VaultOptions & { readonly path: string }

/** Options with their defaults. */
export function optionsOf(path: string, keys: VaultOptions['keys'] = [k1]): FileOptions {
  const defaults = vaultOptions.parse({ path, keys: [{ id: 'k0', secret: 'x'.repeat(32) }] })
  return { ...defaults, path, keys }
}

export async function open(options: VaultOptions): Promise<Store> {
  const store = await openStore(options)
  onTestFinished(() => store.close())
  return store
}

/** A record as a file has it; valid unless `changes` break it. */
export function record(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    object: 'oauth_access_token',
    external_account_id: 'eac_1',
    provider_user_id: 'puid_1',
    token: 'invented-token-1',
    expires_at: 1_893_456_000,
    provider: 'oauth_google',
    public_metadata: {},
    label: null,
    scopes: ['email'],
    user_id: 'user_1',
    ...changes,
  }
}

export function toLines(records: readonly unknown[]): string {
  return records.map((each) => `${JSON.stringify(each)}\n`).join('')
}

/** What the command printed and returned. */
export async function importText(store: Store, text: string | Uint8Array | AsyncIterable<Uint8Array | string>) {
  const printed = captureOutput()
  const input = typeof text === 'string' || text instanceof Uint8Array ? chunks(text) : text
  const code = await importAccounts(store, await copyPipe(input, 'accounts.ndjson'), printed)
  return { code, out: printed.out.text(), err: printed.err.text() }
}

async function* chunks(text: string | Uint8Array) {
  yield await Promise.resolve(text)
}

/** An opened upstream, the events that it reported, and its fetchers as what they are. */
export function openUpstream(options: VaultOptions) {
  const events: UpstreamEvent[] = []
  const upstream = vault.open(options, {
    observe: (event) => events.push({ ...event, upstream: 'tokens' }),
  })
  onTestFinished(() => upstream.close())
  const call = callOf()
  const { tokens, accounts } = upstream
  if (tokens.kind !== 'many' || accounts?.kind !== 'many') throw new Error('expected bulk fetchers')
  return { upstream, events, tokens, accounts, call, read: createRead(tokens) }
}

/** A call that is not aborted, unless a signal is given. */
export function callOf(signal = new AbortController().signal): Call {
  return { signal, deadline: () => Infinity, viewer: null }
}

/** The key of a user at a provider, by its bare name. */
export function keyOf(userId: string, provider = 'google'): TokenKey {
  return { userId, provider, credential: null, minValiditySeconds: 0 }
}

function createRead(tokens: Many<TokenKey, readonly OAuthAccessToken[]>) {
  return async (userId: string, provider?: string) => {
    const key = keyOf(userId, provider)
    return (await tokens.many([key], callOf())).get(tokens.id(key))
  }
}

/** The token texts of an answer, or the code of its error. */
export function texts(answer: readonly OAuthAccessToken[] | Error | undefined): string | string[] | undefined {
  if (answer instanceof Error) return `${'code' in answer ? String(answer.code) : 'no code'}: ${answer.message}`
  return answer?.map((token) => reveal(token.token))
}

/** Runs one statement on the file, as anyone with access to it could. */
export function tamper(
  options: { readonly path: string },
  sql: string,
  ...values: (SQLInputValue | Readonly<Record<string, SQLInputValue>>)[]
) {
  const database = openDatabase(options.path)
  try {
    return database.prepare(sql).all(...(values as SQLInputValue[]))
  } finally {
    database.close()
  }
}
