/** Puts the parts of an open vault together. */
import { wireProvider } from '../kit.ts'
import type { UpstreamDeps } from '../kit.ts'
import { readClients } from './clients/clients.ts'
import type { OAuthClient } from './clients/clients.ts'
import { openTokenEndpoint } from './clients/token-endpoint.ts'
import type { TokenEndpoint } from './clients/token-endpoint.ts'
import type { VaultOptions } from './options.ts'
import { createAttempt } from './refresh/attempt.ts'
import { createClientHealth } from './refresh/client-health.ts'
import { createKeeper } from './refresh/keep.ts'
import { createLeases } from './refresh/leases.ts'
import type { Leases } from './refresh/leases.ts'
import { createRefresher } from './refresh/refresher.ts'
import { openSpool, reserveSpool } from './refresh/spool.ts'
import { createWorker } from './refresh/worker.ts'
import { createReader } from './store/read.ts'
import type { ReadRow } from './store/read.ts'
import { createCensus } from './store/status.ts'
import { openStore } from './store/store.ts'
import { createTokenReader } from './tokens.ts'

/** Around parts that tests stop in the middle of, to see what a crash leaves behind. */
export interface Wrapping {
  leases(leases: Leases): Leases
  endpoint(endpoint: TokenEndpoint): TokenEndpoint
}

const bare: Wrapping = { leases: (leases) => leases, endpoint: (endpoint) => endpoint }

/** Rejects with `Error` for the operator where the database or the spool cannot be used. */
export async function openVault(options: VaultOptions, deps: UpstreamDeps, wrapping = bare) {
  const { observe, warn = () => undefined } = deps
  const clients = readClients(options)
  const store = await openStore(options)
  const { sql, keyring, spoolFolder: folder } = store
  const spool = openSpool(folder)
  for (const file of spool.unreadable) warn('a file of the spool cannot be read and stays where it is', { file })
  if (clients.size > 0) reserveSpool(folder)
  const reader = createReader(sql, observe)
  const leases = wrapping.leases(createLeases(sql, keyring))
  const health = createClientHealth(sql, options.refresh.concurrency)
  const endpoints = new Map<string, TokenEndpoint>()
  const clientOf = (row: Pick<ReadRow, 'provider' | 'client'>) => findClient(clients, row)
  const keeper = createKeeper({ reader, leases, spool, keyring, warn })
  const attempt = createAttempt({
    ...{ leases, keeper, health, keyring, warn, options: options.refresh },
    endpointOf(client) {
      const known = endpoints.get(client.name) ?? wrapping.endpoint(openTokenEndpoint(client, deps))
      endpoints.set(client.name, known)
      return known
    },
  })
  const refresher = createRefresher({ reader, leases, keeper, health, attempt, options: options.refresh })
  const worker = createWorker({
    ...{ leases, health, refresher, keeper, spool, clientOf, warn, options: options.refresh },
    clients: [...clients.values()],
  })
  worker.start()
  return {
    reader,
    census: createCensus(store, spool),
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
