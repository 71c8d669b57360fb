/**
 * Refreshes of accounts, each exactly once across requests, processes and machines. Whoever does not get the lease waits
 * and reads again, and never refreshes without one. A refresh belongs to no caller: one that leaves does not stop it.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { CodedError, monotonicMs } from '../../kit.ts'
import type { OAuthClient } from '../clients/clients.ts'
import type { VaultOptions } from '../options.ts'
import type { Reader, ReadRow } from '../store/read.ts'
import { unchanged } from './attempt.ts'
import type { Attempt } from './attempt.ts'
import type { ClientHealth, Refusal } from './client-health.ts'
import { isRenewable } from './decide.ts'
import type { Keeper } from './keep.ts'
import type { Leases } from './leases.ts'

export interface RefresherDeps {
  readonly reader: Reader
  readonly leases: Leases
  readonly keeper: Keeper
  readonly health: ClientHealth
  readonly attempt: Attempt
  readonly options: VaultOptions['refresh']
}

export interface Refresher {
  /** The row as it is after the refresh, by whomever; the same row where none can be had now. Rejects with `CodedError`. */
  refresh(row: ReadRow, client: OAuthClient): Promise<ReadRow>
  /** The same for a row whose lease `owner` has already; `isUsed`: whether it counts as in use. */
  refreshLeased(row: ReadRow, client: OAuthClient, owner: string, isUsed: boolean): Promise<void>
  /** Waits for the refreshes under way, each bounded by its deadline. */
  settle(): Promise<void>
}

/** Milliseconds between two looks at a row that somebody else refreshes: doubled up to the longest. */
const FIRST_LOOK_MS = 50
const LONGEST_LOOK_MS = 400

export function createRefresher({ reader, leases, keeper, health, attempt, options }: RefresherDeps): Refresher {
  const { wait_ms: waitMs, lease_ms: leaseMs } = options
  const flights = new Map<string, Promise<ReadRow>>()
  const running = new Set<Promise<unknown>>()

  function track<T>(work: Promise<T>): Promise<T> {
    running.add(work)
    const forget = (): void => {
      running.delete(work)
    }
    work.then(forget, forget)
    return work
  }

  /** One at a time for each row of this process. */
  function refresh(row: ReadRow, client: OAuthClient): Promise<ReadRow> {
    const known = flights.get(row.row_id)
    if (known !== undefined) return known
    const flight = track(lead(row, client)).finally(() => flights.delete(row.row_id))
    flights.set(row.row_id, flight)
    return flight
  }

  async function lead(first: ReadRow, client: OAuthClient): Promise<ReadRow> {
    const until = monotonicMs() + waitMs
    let row = first
    for (let lookMs = FIRST_LOOK_MS; ; lookMs = Math.min(LONGEST_LOOK_MS, lookMs * 2)) {
      const spooled = keeper.spooled(row)
      if (spooled !== null) return spooled
      const led = await health.inTurn(client, () => claimAndAttempt(row, client))
      if (led !== null) return led
      // Somebody else refreshes it, or has: wait for that, and never without an end.
      if (monotonicMs() + lookMs > until) throw new CodedError('UPSTREAM_TIMEOUT')
      await sleep(lookMs * (0.75 + Math.random() / 2), undefined, { ref: false })
      const seen = await reader.row(row.row_id, { deadline: () => until })
      if (seen === null) throw new CodedError('REAUTHORIZATION_REQUIRED')
      if (seen.generation !== row.generation || !isRenewable(seen, client.provider)) return seen
      const isHeld = (seen.lease_until_ms ?? 0) >= seen.now_ms
      if (!isHeld && (seen.next_attempt_ms ?? 0) > seen.now_ms) return seen
      row = seen
    }
  }

  /** null: somebody else has the lease, or the row has changed. */
  async function claimAndAttempt(row: ReadRow, client: OAuthClient): Promise<ReadRow | null> {
    const refusal = await health.gate(client)
    if (refusal !== null) throw refusedNow(refusal)
    const owner = randomUUID()
    const claimed = await leases.claim(row, owner, leaseMs)
    return claimed === null ? null : attempt(claimed, client, owner, true)
  }

  return {
    refresh,
    async refreshLeased(row, client, owner, isUsed) {
      await track(
        health.inTurn(client, async () => {
          const refusal = await health.gate(client)
          if (refusal === null) return attempt(row, client, owner, isUsed)
          const { retryAfterMs } = refusal
          await leases.release(row, owner, {
            ...unchanged(row),
            clearsAttempt: false,
            nextAttemptMs: null,
            dueMs: retryAfterMs,
          })
          return row
        }),
      )
    },
    async settle() {
      while (running.size > 0) await Promise.allSettled(running)
    },
  }
}

function refusedNow({ failure, retryAfterMs }: Refusal): CodedError {
  const code = failure === 'rate' ? 'UPSTREAM_RATE_LIMITED' : 'UPSTREAM_REJECTED'
  return new CodedError(code, undefined, { retry_after_ms: Math.ceil(retryAfterMs) })
}
