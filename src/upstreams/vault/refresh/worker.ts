/**
 * Refreshes accounts before somebody needs them, and moves spooled tokens into the database. Any number of processes do
 * this at the same time: each claims what is due, a few rows of each client in turn, so that no provider that fails keeps
 * the others waiting.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { wireProvider } from '../../kit.ts'
import type { UpstreamDeps } from '../../kit.ts'
import type { OAuthClient } from '../clients/clients.ts'
import type { VaultOptions } from '../options.ts'
import type { ReadRow } from '../store/read.ts'
import type { ClientHealth } from './client-health.ts'
import { leftOf } from './decide.ts'
import { dueIn } from './due.ts'
import type { Keeper } from './keep.ts'
import type { Leases } from './leases.ts'
import type { Refresher } from './refresher.ts'
import type { Spool } from './spool.ts'

export interface WorkerDeps {
  readonly leases: Leases
  readonly health: ClientHealth
  readonly refresher: Refresher
  readonly keeper: Keeper
  readonly spool: Spool
  readonly clients: readonly OAuthClient[]
  readonly options: VaultOptions['refresh']
  /** The client of a row; null: none is configured. */
  clientOf(row: Pick<ReadRow, 'provider' | 'client'>): OAuthClient | null
  readonly warn: NonNullable<UpstreamDeps['warn']>
}

export interface Worker {
  /** Refreshes what is due now, a few rows of each client. Returns how many rows were due. */
  round(): Promise<number>
  /** Goes on with rounds until `stop`. */
  start(): void
  /** Ends after the round that is under way. */
  stop(): Promise<void>
}

/** Milliseconds between two rounds that found nothing to do. */
const TICK_MS = 1000
/** Milliseconds after a round that failed: the database is not there. */
const FAILED_MS = 5000
const DAY_MS = 86_400_000

export function createWorker(deps: WorkerDeps): Worker {
  const { leases, health, refresher, keeper, spool, clients, options, clientOf, warn } = deps
  const stopping = new AbortController()
  const idleMs = options.idle_days * DAY_MS
  // Rows that name no client belong to the one that `clientOf` says.
  const targets = clients.flatMap((client) => {
    const provider = wireProvider(client.provider.id)
    const isDefault = clientOf({ provider, client: null }) === client
    return (isDefault ? [client.name, ''] : [client.name]).map((name) => ({ client, provider, name }))
  })

  async function round(): Promise<number> {
    let found = 0
    for (const { client, provider, name } of targets) {
      if (stopping.signal.aborted) return 0
      const room = await health.room(client)
      if (room === 0) continue
      const owner = randomUUID()
      const rows = await leases.claimDue(provider, name, room, owner, options.lease_ms)
      found += rows.length
      await Promise.all(rows.map((row) => refreshDue(row, client, owner)))
    }
    return found
  }

  async function refreshDue(row: ReadRow, client: OAuthClient, owner: string): Promise<void> {
    const isUsed = row.last_used_ms !== null && row.now_ms - row.last_used_ms < idleMs
    const laterMs = isUsed || row.state !== 'ACTIVE' || row.attempt_started_ms !== null ? 0 : untilNeeded(row, client)
    if (laterMs === 0) {
      await refresher.refreshLeased(row, client, owner, isUsed)
      return
    }
    const { state, state_reason: reason } = row
    await leases.release(row, owner, {
      ...{ state, reason, failure: null, clearsAttempt: false, nextAttemptMs: null },
      dueMs: laterMs,
    })
  }

  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) {
      let pauseMs = TICK_MS
      try {
        if (spool.entries().length > 0) await keeper.drain()
        if (options.proactive && (await round()) > 0) pauseMs = 0
      } catch (error) {
        warn('accounts could not be refreshed ahead', { reason: error instanceof Error ? error.message : 'unknown' })
        pauseMs = FAILED_MS
      }
      const jitter = 0.5 + Math.random()
      await sleep(pauseMs * jitter, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined)
    }
  }

  let running: Promise<void> | null = null
  return {
    round,
    start() {
      running ??= loop()
    },
    async stop() {
      stopping.abort()
      await running
    },
  }
}

/** Milliseconds until an account that nobody uses has to be refreshed; 0: now. null: never. */
function untilNeeded(row: ReadRow, { provider }: OAuthClient): number | null {
  const leftMs = leftOf(row, row.now_ms)
  // Of an account from a file only the end is known.
  const known = row.lifetime_seconds === null ? leftMs : row.lifetime_seconds * 1000
  const lifetimeMs = Number.isFinite(known) ? Math.max(0, known) : null
  const ageMs = row.issued_at_ms === null ? Infinity : row.now_ms - row.issued_at_ms
  return dueIn(provider, { lifetimeMs, ageMs, isUsed: false }, 0.5)
}
