/** The graph over a vault in a real file. */
import { join } from 'node:path'
import { platforms } from '../../src/upstreams/registry.ts'
import { accountRecord } from '../../src/upstreams/vault/store/record.ts'
import { openStore } from '../../src/upstreams/vault/store/store.ts'
import { writeAccounts } from '../../src/upstreams/vault/store/write.ts'
import { makeFolder } from '../kit/folder.ts'
import { startTestServer } from '../kit/server.ts'

/** `file`: further parts of the configuration. */
export async function startGraphOverVault(accounts: readonly Readonly<Record<string, unknown>>[], file: object = {}) {
  const folder = makeFolder()
  const options = {
    path: join(folder.path, 'vault.sqlite'),
    keys: [{ id: 'k1', secret: 'invented-ring-secret-0123456789-abcdef' }],
  }
  const store = await openStore(platforms.vault.options.parse(options))
  await writeAccounts(
    store,
    accounts.map((account) => accountRecord.parse(account)),
  )
  await store.close()
  const server = await startTestServer({ file: { upstreams: { vault: { platform: 'vault', ...options } }, ...file } })
  return {
    server,
    /** SQL statements so far. */
    statements: () => server.events.map(({ operation, keys }) => ({ operation, keys })),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    },
  }
}

/** Unix seconds. */
export function inSeconds(seconds: number): number {
  return Math.floor(Date.now() / 1000) + seconds
}

export function account(user_id: string, provider: string, more: Readonly<Record<string, unknown>> = {}) {
  return {
    user_id,
    provider,
    external_account_id: `eac_${user_id}_${provider}`,
    token: `invented-token-${user_id}-${provider}`,
    ...more,
  }
}
