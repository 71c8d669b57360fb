/**
 * The vault: the embedded platform for teams that have no other, with tokens that are kept encrypted and alive in SQLite
 * or PostgreSQL (docs/platforms/vault.md).
 */
import { dirname, join, resolve } from 'node:path'
import { settleOrError, wireProvider } from '../kit.ts'
import type { ExternalAccount, Platform, TokenKey, UpstreamDeps } from '../kit.ts'
import { readClients } from './clients/clients.ts'
import type { OAuthClient } from './clients/clients.ts'
import { openTokenEndpoint } from './clients/token-endpoint.ts'
import type { TokenEndpoint } from './clients/token-endpoint.ts'
import { vaultOptions } from './options.ts'
import type { VaultOptions } from './options.ts'
import { createAttempt } from './refresh/attempt.ts'
import { createClientHealth } from './refresh/client-health.ts'
import { createKeeper } from './refresh/keep.ts'
import { createLeases } from './refresh/leases.ts'
import { createRefresher } from './refresh/refresher.ts'
import { openSpool, reserveSpool } from './refresh/spool.ts'
import { startWorker } from './refresh/worker.ts'
import { createReader } from './store/read.ts'
import type { ReadRow } from './store/read.ts'
import { decodeProfile } from './store/rows.ts'
import { openStore } from './store/store.ts'
import { createTokenReader } from './tokens.ts'

/** Keys of one statement: bounds how long their rows take to decrypt, which holds the event loop. */
const MAX_KEYS = 10_000

export const vault: Platform<VaultOptions> = {
  options: vaultOptions,
  docs: {
    title: 'Vault (embedded)',
    holds: 'whatever `tokengraph vault import` put there, encrypted in SQLite or PostgreSQL',
    batch: `one SQL statement for up to ${MAX_KEYS.toLocaleString('en')} keys`,
    refresh: 'yes, for accounts with a refresh token whose client is configured',
    provider_user_id: 'as imported',
    external_accounts: 'yes',
  },
  open(options, deps) {
    const opening = openVault(options, deps)
    const ready = opening.then(() => undefined)
    // The server waits for it; where nobody does, whoever asks gets the same error.
    ready.catch(() => undefined)
    return {
      autoRefreshes: true,
      ignoresPrefix: true,
      inProcess: true,
      ready,
      tokens: {
        kind: 'many',
        max: MAX_KEYS,
        id: tokenKeyId,
        async many(keys, call) {
          const { readTokens } = await opening
          call.signal.throwIfAborted()
          const answers = await readTokens(keys, call)
          return new Map(keys.map((key, index) => [tokenKeyId(key), answers[index] ?? []]))
        },
      },
      accounts: {
        kind: 'many',
        max: MAX_KEYS,
        id: (userId) => userId,
        async many(userIds, call) {
          const { reader } = await opening
          call.signal.throwIfAborted()
          const found = await reader.profiles(userIds, call)
          return new Map<string, readonly ExternalAccount[] | Error>(
            userIds.map((userId, index) => [userId, settleOrError(found[index] ?? [], decodeProfile)]),
          )
        },
      },
      finish: async () => {
        await opening.then(({ finish }) => finish()).catch(() => undefined)
      },
      close: async () => {
        await opening.then(({ close }) => close()).catch(() => undefined)
      },
    }
  },
}

/** One string for a key; JSON, so that no two keys share one. */
function tokenKeyId({ userId, provider, minValiditySeconds }: TokenKey): string {
  return JSON.stringify([userId, provider, minValiditySeconds])
}

async function openVault(options: VaultOptions, deps: UpstreamDeps) {
  const { observe, warn = () => undefined } = deps
  const clients = readClients(options)
  const store = await openStore(options)
  const { sql, keyring } = store
  const folder = spoolFolder(options)
  const spool = openSpool(folder)
  for (const file of spool.unreadable) warn('a file of the spool cannot be read and stays where it is', { file })
  if (clients.size > 0) reserveSpool(folder)
  const reader = createReader(sql, observe)
  const leases = createLeases(sql, keyring)
  const health = createClientHealth(sql, options.refresh.concurrency)
  const endpoints = new Map<string, TokenEndpoint>()
  const clientOf = (row: Pick<ReadRow, 'provider' | 'client'>) => findClient(clients, row)
  const keeper = createKeeper({ reader, leases, spool, keyring, warn })
  const attempt = createAttempt({
    ...{ leases, keeper, health, keyring, warn, options: options.refresh },
    endpointOf(client) {
      const known = endpoints.get(client.name) ?? openTokenEndpoint(client, deps)
      endpoints.set(client.name, known)
      return known
    },
  })
  const refresher = createRefresher({ reader, leases, keeper, health, attempt, options: options.refresh })
  const worker = startWorker({
    ...{ leases, health, refresher, keeper, spool, clientOf, warn, options: options.refresh },
    clients: [...clients.values()],
  })
  return {
    reader,
    readTokens: createTokenReader({ reader, refresher, leases, keyring, clientOf }),
    async finish() {
      await worker.stop()
      await refresher.settle()
    },
    async close() {
      await worker.stop()
      await Promise.all([...endpoints.values()].map((endpoint) => endpoint.close()))
      await store.close()
    },
  }
}

/** The client that a row names, or the one that stands for its provider. */
function findClient(
  clients: ReadonlyMap<string, OAuthClient>,
  { provider, client }: Pick<ReadRow, 'provider' | 'client'>,
): OAuthClient | null {
  const isOfProvider = (found: OAuthClient): boolean => wireProvider(found.provider.id) === provider
  if (client !== null) {
    const named = clients.get(client)
    return named !== undefined && isOfProvider(named) ? named : null
  }
  const own = [...clients.values()].filter(isOfProvider)
  return own.find(({ name, provider: { id } }) => name === id) ?? (own.length === 1 ? (own[0] ?? null) : null)
}

function spoolFolder({ spool_path: chosen, path }: VaultOptions): string {
  if (chosen !== undefined) return resolve(chosen)
  return path === undefined ? resolve('tokengraph-spool') : join(dirname(resolve(path)), 'spool')
}
