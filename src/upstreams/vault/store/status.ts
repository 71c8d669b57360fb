/** How the accounts of a vault are doing: counts, and what needs the operator. No secret is read. */
import { monotonicMs } from '../../kit.ts'
import type { Census } from '../../kit.ts'
import { openSpool } from '../refresh/spool.ts'
import type { Spool } from '../refresh/spool.ts'
import type { Store } from './store.ts'

export interface VaultStatus {
  /** Accounts by their state. */
  readonly accounts: Readonly<Record<string, number>>
  readonly withRefreshToken: number
  /** Accounts whose refresh is due now. */
  readonly due: number
  /** Accounts that a process is refreshing now. */
  readonly leased: number
  /** Accounts whose new tokens wait in the spool of this machine, and files of it that cannot be read. */
  readonly spooled: number
  readonly unreadable: readonly string[]
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

export async function readStatus(store: Store): Promise<VaultStatus> {
  const { sql, spoolFolder } = store
  const { dialect } = sql
  const accounts = dialect.table('accounts')
  const states = await countStates(store)
  const spool = openSpool(spoolFolder)
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
    accounts: states,
    ...{ withRefreshToken: renewable, due, leased, clients },
    spooled: spool.entries().length,
    unreadable: spool.unreadable,
  }
}

async function countStates({ sql }: Store): Promise<Readonly<Record<string, number>>> {
  const states = await sql.run<{ state: string; rows: number }>(
    `SELECT state, count(*) AS rows FROM ${sql.dialect.table('accounts')} GROUP BY state ORDER BY state`,
  )
  return Object.fromEntries(states.map(({ state, rows }) => [state, rows]))
}

/** Milliseconds. Counting a million rows takes the database a part of a second; a scrape comes every few seconds. */
const CENSUS_MS = 60_000

/** Returns the counts for metrics, as they were a minute ago at most; where the database does not answer, the last ones. */
export function createCensus(store: Store, spool: Spool, everyMs = CENSUS_MS): () => Promise<Census> {
  let counted: Promise<Pick<Census, 'accounts' | 'refusedClients'>> | null = null
  let last: Pick<Census, 'accounts' | 'refusedClients'> = { accounts: {}, refusedClients: 0 }
  let until = 0

  async function count() {
    const { sql } = store
    const accounts = await countStates(store)
    const [clients] = await sql.run<{ refused: number }>(
      `SELECT count(*) AS refused FROM ${sql.dialect.table('client_health')} WHERE state = 'OPEN'`,
    )
    return { accounts, refusedClients: clients?.refused ?? 0 }
  }

  return async () => {
    if (counted === null || monotonicMs() >= until) {
      until = monotonicMs() + everyMs
      counted = count()
    }
    last = await counted.catch(() => last)
    return { ...last, spooled: spool.entries().length }
  }
}
