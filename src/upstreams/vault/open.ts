/** Puts the parts of an open vault together. */
import { settlesWithin } from '../kit.ts'
import type { AccountKeeper, Disconnected, UpstreamDeps } from '../kit.ts'
import { findClient } from './clients/clients.ts'
import type { OAuthClient } from './clients/clients.ts'
import { openTokenEndpoint } from './clients/token-endpoint.ts'
import type { TokenEndpoint } from './clients/token-endpoint.ts'
import type { VaultOptions } from './options.ts'
import { createConnector } from './connect/flow.ts'
import { createOutbox, removeAccounts } from './disconnect/outbox.ts'
import { createRevoker } from './disconnect/worker.ts'
import { createDeliverer } from './events/deliver.ts'
import { createEventOutbox } from './events/outbox.ts'
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

/** Milliseconds that the thread which reads may take to start. */
const WARMING_MS = 5000
/** Milliseconds that a disconnection waits for the provider before it says that it is under way. */
const ANSWER_MS = 3000

const bare: Wrapping = { leases: (leases) => leases, endpoint: (endpoint) => endpoint }

/** Rejects with `Error` for the operator where the database or the spool cannot be used. */
export async function openVault(options: VaultOptions, deps: UpstreamDeps, wrapping = bare) {
  const { observe, warn = () => undefined } = deps
  const store = await openStore(options)
  const { sql, keyring, clients, spoolFolder: folder } = store
  // What reads is ready before the first request.
  void sql.read('SELECT 1 AS ready', [], WARMING_MS).catch(() => undefined)
  const spool = openSpool(folder)
  for (const file of spool.unreadable) warn('a file of the spool cannot be read and stays where it is', { file })
  if (clients.size > 0) reserveSpool(folder)
  const reader = createReader(sql, observe)
  const leases = wrapping.leases(createLeases(sql, keyring))
  const health = createClientHealth(sql, options.refresh.concurrency)
  const endpoints = new Map<string, TokenEndpoint>()
  const clientOf = (row: Pick<ReadRow, 'provider' | 'client'>) => findClient(clients, row)
  const endpointOf = (client: OAuthClient): TokenEndpoint => {
    const known = endpoints.get(client.name) ?? wrapping.endpoint(openTokenEndpoint(client, deps))
    endpoints.set(client.name, known)
    return known
  }
  const outbox = createOutbox(store)
  const keeper = createKeeper({ reader, leases, spool, keyring, outbox, warn })
  const attempt = createAttempt({ leases, keeper, health, keyring, warn, options: options.refresh, endpointOf })
  const refresher = createRefresher({ reader, leases, keeper, health, attempt, options: options.refresh })
  const worker = createWorker({
    ...{ leases, health, refresher, keeper, spool, clientOf, warn, options: options.refresh },
    clients: [...clients.values()],
  })
  const timeoutMs = options.refresh.post_timeout_ms
  const revoker = createRevoker({ outbox, keyring, timeoutMs, clientOf, endpointOf, warn })
  const events = createEventOutbox(sql)
  const deliverer = createDeliverer({ outbox: events, options: options.events, observe, warn })
  for (const each of [worker, revoker, deliverer]) each.start()

  const { connect } = options
  const accounts: AccountKeeper = {
    connector: connect === undefined ? null : createConnector({ store, options: connect, timeoutMs, endpointOf, warn }),
    /** Asks the provider at once; what it does not answer then is asked again. */
    async disconnect(account, everywhere): Promise<Disconnected | null> {
      const [removed] = await removeAccounts(store, account, everywhere)
      if (removed === undefined) return null
      const { id, state, effect } = removed
      if (state === 'PENDING')
        await settlesWithin(
          revoker.revoke(id).catch(() => undefined),
          ANSWER_MS,
        )
      return { state: (await outbox.stateOf(id).catch(() => null)) ?? state, effect }
    },
    events: (after, first, userId) => events.page(after, first, userId),
  }

  return {
    reader,
    revoker,
    deliverer,
    accounts,
    census: createCensus(store, spool),
    tokens: createTokenReader({ reader, refresher, leases, keyring, clientOf }),
    async finish() {
      await Promise.all([worker.stop(), revoker.stop(), deliverer.stop()])
      await refresher.settle()
    },
    async close() {
      await Promise.all([worker.stop(), revoker.stop(), deliverer.stop()])
      await Promise.all([...endpoints.values()].map((endpoint) => endpoint.close()))
      await store.close()
    },
  }
}
