/** How the accounts of a vault are doing: counts, and what needs the operator. No secret is read. */
import type { Store } from './store.ts'

export interface VaultStatus {
  /** Accounts by their state. */
  readonly accounts: Readonly<Record<string, number>>
  readonly withRefreshToken: number
  /** Accounts whose refresh is due now. */
  readonly due: number
  /** Accounts that a process is refreshing now. */
  readonly leased: number
  /** Clients that a provider refuses (OPEN) or limits (BLOCKED). */
  readonly clients: readonly ClientStatus[]
}

export interface ClientStatus {
  readonly provider: string
  readonly client: string
  readonly state: 'OPEN' | 'BLOCKED'
  readonly reason: string | null
  /** Whole Unix seconds since when. */
  readonly since: number
}

export async function readStatus({ sql }: Store): Promise<VaultStatus> {
  const { dialect } = sql
  const accounts = dialect.table('accounts')
  const states = await sql.run<{ state: string; rows: number }>(
    `SELECT state, count(*) AS rows FROM ${accounts} GROUP BY state ORDER BY state`,
  )
  const [counts] = await sql.run<{ renewable: number; due: number; leased: number }>(
    `SELECT count(refresh_token) AS renewable,
       count(CASE WHEN refresh_due_ms <= ${dialect.nowMs} THEN 1 END) AS due,
       count(CASE WHEN lease_until_ms >= ${dialect.nowMs} THEN 1 END) AS leased
     FROM ${accounts}`,
  )
  const clients = await sql.run<ClientStatus>(
    `SELECT provider, client, state, reason, opened_at_ms / 1000 AS since
     FROM ${dialect.table('client_health')} ORDER BY provider, client`,
  )
  const { renewable = 0, due = 0, leased = 0 } = counts ?? {}
  return {
    accounts: Object.fromEntries(states.map(({ state, rows }) => [state, rows])),
    ...{ withRefreshToken: renewable, due, leased, clients },
  }
}
