/**
 * Which clients a provider takes requests from, shared by all processes through the database. A wrong client secret
 * fails every account of the client in the same way: after a few of them one request in a while finds out whether it was
 * corrected, and no account changes (docs/promises.md R5).
 */
import type { OAuthClient } from '../clients/clients.ts'
import type { Sql } from '../store/sql.ts'

export interface Refusal {
  /** `client_bad` or `rate`. */
  readonly failure: 'client_bad' | 'rate'
  readonly retryAfterMs: number
}

export interface ClientHealth {
  /** Whether a request may go out now; null: yes. Where the client is refused, one caller in a while gets a yes. */
  gate(client: OAuthClient): Promise<Refusal | null>
  /** The provider refused the client's credentials for this row; true: that opened the breaker. */
  refused(client: OAuthClient, rowId: string, code: string | null): Promise<boolean>
  /** The provider asked to wait. */
  limited(client: OAuthClient, waitMs: number): Promise<void>
  /** The provider accepted the client; true: that closed the breaker. */
  accepted(client: OAuthClient): Promise<boolean>
  /** How many more accounts may be refreshed ahead now; only reads. 0 while the client is refused or has to wait. */
  room(client: OAuthClient): Promise<number>
  /** Runs `work` when fewer than the allowed number of requests of the client are under way. */
  inTurn<T>(client: OAuthClient, work: () => Promise<T>): Promise<T>
}

/** Accounts that have to be refused, with no success between: a single refusal may be an odd answer to a dead grant. */
const OPENS_AFTER = 3
/** The share of the requests of a client that refreshes ahead of need may take. */
const AHEAD = 0.25
/** Milliseconds between two requests of a refused client: 51 in an hour. */
const PROBE_MS = 70_000

interface HealthRow {
  readonly credentials_id: string
  readonly state: 'OPEN' | 'BLOCKED'
  readonly left_ms: number
}

interface Local {
  readonly refusedRows: Set<string>
  /** What the database holds about this client, as far as this process knows. */
  state: HealthRow['state'] | null
  running: number
  /** How many accounts may be refreshed ahead at a time: it begins with one and doubles, so that a wrong secret costs few. */
  ahead: number
  readonly waiting: (() => void)[]
}

export function createClientHealth({ run, dialect }: Sql, concurrency: number): ClientHealth {
  const table = dialect.table('client_health')
  const { nowMs: now } = dialect
  const locals = new Map<string, Local>()

  const selectSql = `SELECT credentials_id, state, blocked_until_ms - ${now} AS left_ms FROM ${table}
    WHERE provider = $1 AND client = $2`
  const probeSql = `UPDATE ${table} SET blocked_until_ms = ${now} + ${String(PROBE_MS)}
    WHERE provider = $1 AND client = $2 AND blocked_until_ms <= ${now} RETURNING 1 AS won`
  const upsertSql = `INSERT INTO ${table} AS known
      (provider, client, credentials_id, state, reason, opened_at_ms, blocked_until_ms)
    VALUES ($1, $2, $3, $4, $5, ${now}, ${now} + CAST($6 AS BIGINT))
    ON CONFLICT (provider, client) DO UPDATE SET credentials_id = excluded.credentials_id, state = excluded.state,
      reason = excluded.reason, blocked_until_ms = excluded.blocked_until_ms,
      opened_at_ms = CASE WHEN known.state = excluded.state THEN known.opened_at_ms ELSE excluded.opened_at_ms END`
  const deleteSql = `DELETE FROM ${table} WHERE provider = $1 AND client = $2 RETURNING state`

  const keyOf = ({ provider, name }: OAuthClient): readonly [string, string] => [provider.id, name]

  function localOf({ name }: OAuthClient): Local {
    const known = locals.get(name)
    if (known !== undefined) return known
    const local: Local = { refusedRows: new Set(), state: null, running: 0, ahead: 1, waiting: [] }
    locals.set(name, local)
    return local
  }

  /** While the provider refuses or limits the client, one request at a time finds out whether it still does. */
  const mostOf = ({ state, refusedRows }: Local): number => (state === null && refusedRows.size === 0 ? concurrency : 1)

  function admit(local: Local): void {
    while (local.running < mostOf(local)) {
      const next = local.waiting.shift()
      if (next === undefined) return
      local.running += 1
      next()
    }
  }

  return {
    async gate(client) {
      const [row] = await run<HealthRow>(selectSql, keyOf(client))
      const local = localOf(client)
      local.state = row?.state ?? null
      // Other credentials than those that were refused deserve a request.
      if (row?.credentials_id !== client.credentialsId) return null
      const failure = row.state === 'OPEN' ? 'client_bad' : 'rate'
      if (row.left_ms > 0) return { failure, retryAfterMs: row.left_ms }
      if (row.state === 'BLOCKED') return null
      const won = await run(probeSql, keyOf(client))
      return won.length > 0 ? null : { failure, retryAfterMs: PROBE_MS }
    },
    async room(client) {
      const [row] = await run<HealthRow>(selectSql, keyOf(client))
      const local = localOf(client)
      const most = Math.min(local.ahead, mostOf(local))
      if (row?.credentials_id !== client.credentialsId) return Math.max(0, most - local.running)
      return row.left_ms > 0 ? 0 : Math.max(0, 1 - local.running)
    },
    async refused(client, rowId, code) {
      const local = localOf(client)
      local.ahead = 1
      local.refusedRows.add(rowId)
      const opens = local.state !== 'OPEN'
      if (opens && local.refusedRows.size < OPENS_AFTER) return false
      local.state = 'OPEN'
      await run(upsertSql, [...keyOf(client), client.credentialsId, 'OPEN', code, PROBE_MS])
      return opens
    },
    async limited(client, waitMs) {
      const local = localOf(client)
      local.ahead = 1
      local.state = 'BLOCKED'
      await run(upsertSql, [...keyOf(client), client.credentialsId, 'BLOCKED', null, Math.ceil(waitMs)])
    },
    async accepted(client) {
      const local = localOf(client)
      local.refusedRows.clear()
      local.ahead = Math.min(Math.ceil(concurrency * AHEAD), local.ahead * 2)
      if (local.state === null) return false
      local.state = null
      const closed = await run<{ readonly state: string }>(deleteSql, keyOf(client))
      return closed.some(({ state }) => state === 'OPEN')
    },
    async inTurn(client, work) {
      const local = localOf(client)
      if (local.running < mostOf(local)) local.running += 1
      else
        await new Promise<void>((resolve) => {
          local.waiting.push(resolve)
        })
      try {
        return await work()
      } finally {
        local.running -= 1
        admit(local)
      }
    },
  }
}
