/** The events that triggers wrote (`store/keeping-tables.ts`), on their way to the application and as a list. */
import { randomUUID } from 'node:crypto'
import { badUserInput, bareProvider } from '../../kit.ts'
import type { AccountEvent, EventPage } from '../../kit.ts'
import type { Sql } from '../store/sql.ts'

export interface DueEvent extends AccountEvent {
  readonly attempts: number
  readonly now_ms: number
}

export interface EventOutbox {
  /** Up to `limit` events that are due, the oldest of its account each, for `leaseMs` milliseconds. */
  claim(limit: number, leaseMs: number): Promise<readonly DueEvent[]>
  delivered(id: string): Promise<void>
  /** Waits so many milliseconds; null: gives it up, and those after it go on. */
  retry(id: string, pauseMs: number | null): Promise<void>
  /** Tells of refresh tokens that end within a fortnight: once for each of them. Returns of how many. */
  announceEndings(): Promise<number>
  /** Forgets what is older than so many days. */
  purge(days: number): Promise<void>
  /** Oldest first, after a cursor; null: from the first. `userId` null: of every user. Throws BAD_USER_INPUT for what is no cursor. */
  page(after: string | null, first: number, userId: string | null): Promise<EventPage>
}

interface EndingRow extends Pick<AccountEvent, 'user_id' | 'provider' | 'external_account_id' | 'generation'> {
  readonly row_id: string
  readonly days: number
}

const columns = 'id, type, user_id, provider, external_account_id, generation, reason, created_at_ms'
const DAY_MS = 86_400_000
/** Seconds before the end of a refresh token. */
const NOTICE_SECONDS = 14 * 86_400
/** Rows of one announcement. */
const ANNOUNCED = 500
/** Milliseconds for which a connection that has ended can still be asked about. */
const REQUEST_MS = 3_600_000
/** Rows of one purge: a lock is held for it. */
const PURGED = 1000

export function createEventOutbox({ run, read, dialect }: Sql): EventOutbox {
  const { nowMs: now, isSettled, transactionId } = dialect
  const [events, revocations] = [dialect.table('events'), dialect.table('revocations')]
  const isOpen = 'delivered_at_ms IS NULL AND dead_at_ms IS NULL'
  // An event that waits for its next attempt holds back those of the same account.
  const next = `SELECT seq FROM ${events} AS due WHERE ${isOpen} AND next_attempt_ms <= ${now} AND NOT EXISTS (
      SELECT 1 FROM ${events} AS earlier WHERE earlier.user_id = due.user_id AND earlier.provider = due.provider
        AND earlier.external_account_id = due.external_account_id AND earlier.seq < due.seq
        AND earlier.delivered_at_ms IS NULL AND earlier.dead_at_ms IS NULL)`
  const claimSql = `UPDATE ${events} SET attempts = attempts + 1, next_attempt_ms = ${now} + CAST($1 AS BIGINT)
    WHERE seq IN (${next} ORDER BY seq LIMIT $2 ${dialect.skipLocked}) RETURNING seq, ${columns}, attempts, ${now} AS now_ms`
  const expired = (table: string): string => `SELECT id FROM ${table}
    WHERE created_at_ms < ${now} - CAST($1 AS BIGINT) LIMIT ${String(PURGED)}`
  // Those that rotate get a new end with each refresh: what is left are grants that the user has to renew.
  const endingSql = `SELECT row_id, user_id, provider, external_account_id, generation,
      (refresh_expires_at - ${now} / 1000) / 86400 AS days
    FROM ${dialect.table('accounts')} AS ending
    WHERE refresh_expires_at BETWEEN ${now} / 1000 AND ${now} / 1000 + ${String(NOTICE_SECONDS)} AND state = 'ACTIVE'
      AND NOT EXISTS (SELECT 1 FROM ${events} AS known WHERE known.row_id = ending.row_id
        AND known.generation = ending.generation AND known.type = 'REFRESH_TOKEN_EXPIRING') LIMIT $1`
  const pageSql = `SELECT tx, seq, ${columns} FROM ${events}
    WHERE (tx, seq) > ($1, $2) AND (CAST($4 AS TEXT) IS NULL OR user_id = $4) AND ${isSettled}
    ORDER BY tx, seq LIMIT $3`

  return {
    async claim(limit, leaseMs) {
      // No write, and no lock, where nothing is due.
      const found = await read(
        `SELECT 1 FROM ${events} WHERE ${isOpen} AND next_attempt_ms <= ${now} LIMIT 1`,
        [],
        1000,
      )
      if (found.length === 0) return []
      const rows = await run<DueEvent & { readonly seq: number }>(claimSql, [leaseMs, limit])
      return rows.toSorted((a, b) => a.seq - b.seq).map((row) => ({ ...row, provider: bareProvider(row.provider) }))
    },
    async delivered(id) {
      await run(`UPDATE ${events} SET delivered_at_ms = ${now} WHERE id = $1 AND ${isOpen}`, [id])
    },
    async retry(id, pauseMs) {
      if (pauseMs === null) await run(`UPDATE ${events} SET dead_at_ms = ${now} WHERE id = $1 AND ${isOpen}`, [id])
      else
        await run(`UPDATE ${events} SET next_attempt_ms = ${now} + CAST($2 AS BIGINT) WHERE id = $1 AND ${isOpen}`, [
          ...[id, Math.ceil(pauseMs)],
        ])
    },
    async announceEndings() {
      const rows = await read<EndingRow>(endingSql, [ANNOUNCED], 5000)
      for (const { row_id, user_id, provider, external_account_id, generation, days } of rows)
        await run(
          `INSERT INTO ${events} (id, tx, row_id, user_id, provider, external_account_id, generation, type, reason,
             created_at_ms, next_attempt_ms)
           VALUES ($1, ${transactionId}, $2, $3, $4, $5, $6, 'REFRESH_TOKEN_EXPIRING', $7, ${now}, ${now})
           ON CONFLICT DO NOTHING`,
          [
            `evt_${randomUUID().replaceAll('-', '')}`,
            row_id,
            user_id,
            provider,
            external_account_id,
            generation,
            `in_${String(days)}_days`,
          ],
        )
      return rows.length
    },
    async purge(days) {
      const age = Math.ceil(days * DAY_MS)
      await run(`DELETE FROM ${events} WHERE id IN (${expired(events)})`, [age])
      await run(`DELETE FROM ${dialect.table('connect_requests')} WHERE expires_at_ms < ${now} - ${String(REQUEST_MS)}`)
      await run(`DELETE FROM ${revocations} WHERE state <> 'PENDING' AND id IN (${expired(revocations)})`, [age])
    },
    async page(after, first, userId) {
      const [tx, seq] = after === null ? [0, 0] : parseCursor(after)
      type Row = AccountEvent & { readonly tx: number; readonly seq: number }
      const rows = await read<Row>(pageSql, [tx, seq, first + 1, userId], 5000)
      const shown = rows.slice(0, first)
      const last = shown.at(-1)
      return {
        events: shown.map(({ tx: _, seq: __, ...event }) => ({ ...event, provider: bareProvider(event.provider) })),
        cursor: last === undefined ? after : `${String(last.tx)}.${String(last.seq)}`,
        hasMore: rows.length > first,
      }
    },
  }
}

function parseCursor(cursor: string): readonly [tx: number, seq: number] {
  const [, tx = '', seq = ''] = /^(\d{1,15})\.(\d{1,15})$/.exec(cursor) ?? []
  if (seq === '') throw badUserInput('after is not a cursor of this list.')
  return [Number(tx), Number(seq)]
}
