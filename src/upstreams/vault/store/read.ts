/** Batched reads: one constant statement for any number of keys, with the keys in a single JSON parameter. */
import { CodedError, waitMs, wireProvider } from '../../kit.ts'
import type { Call, TokenKey, UpstreamDeps } from '../../kit.ts'
import { grantColumns, profileColumns } from './rows.ts'
import type { ProfileRow, ReadRow } from './rows.ts'
import { createRowMemory } from './memory.ts'
import type { Dialect, Sql, SqlValue } from './sql.ts'

export type { ReadRow } from './rows.ts'

export type Waiting = Pick<Call, 'deadline' | 'traces'>

export interface Grants {
  /** The database's clock: milliseconds since 1970. */
  readonly nowMs: number
  /** The rows of each key, in the order of the keys. One that has not changed since it was read before is the same object. */
  readonly rows: readonly (readonly ReadRow[])[]
}

/** A look at the database that proves what is remembered. */
export interface Remembered {
  /** The database's clock: milliseconds since 1970. */
  readonly nowMs: number
  /** The rows of a key; undefined: they have to be read. Call it in the same turn of the event loop. */
  rows(key: TokenKey): readonly ReadRow[] | undefined
}

export interface Reader {
  /** Null where the database proves nothing without reading the rows. */
  remembered(call: Waiting): Promise<Remembered | null>
  grants(keys: readonly TokenKey[], call: Call): Promise<Grants>
  /** The rows of each user. */
  profiles(userIds: readonly string[], call: Call): Promise<readonly (readonly ProfileRow[])[]>
  /** One row, read again; null: it is gone. */
  row(rowId: string, call: Waiting): Promise<ReadRow | null>
}

/** Milliseconds that a read waits for another process that holds the lock. */
const MAX_WAIT_MS = 5000

/** The keys of a batch are the elements of one JSON array, each an array itself. */
export function readStatements(dialect: Dialect) {
  const accounts = dialect.table('accounts')
  return {
    grants: `
  SELECT position, ${dialect.nowMs} AS now_ms, ${grantColumns.join(', ')}
  FROM ${dialect.wanted} ${accounts}
  WHERE user_id = wanted.value ->> 0 AND provider = wanted.value ->> 1
  ORDER BY position, created_at, external_account_id`,
    profiles: `
  SELECT position, ${profileColumns.join(', ')}
  FROM ${dialect.wanted} ${accounts}
  WHERE user_id = wanted.value ->> 0
  ORDER BY position, created_at, external_account_id, provider`,
    row: `SELECT ${dialect.nowMs} AS now_ms, ${grantColumns.join(', ')} FROM ${accounts} WHERE row_id = $1`,
  }
}

/** No id holds a line feed. */
function idOf({ userId, provider }: TokenKey): string {
  return `${userId}\n${provider}`
}

interface Moment {
  readonly now_ms: number
  readonly version: string
}

/** The reads reject with `CodedError` when the database fails as a whole, or stays locked until just before the deadline. */
export function createReader(sql: Sql, observe: UpstreamDeps['observe']): Reader {
  const statements = readStatements(sql.dialect)

  interface Query {
    readonly operation: string
    readonly keys: number
    readonly text: string
    readonly values: readonly SqlValue[]
    /** Whether a success is no event. */
    readonly isQuiet?: boolean
  }

  async function query<Row>(
    { operation, keys, text, values, isQuiet = false }: Query,
    call: Waiting,
  ): Promise<readonly Row[]> {
    const start = performance.now()
    const report = (outcome: 'ok' | 'error') => {
      observe({ operation, keys, outcome, durationMs: performance.now() - start, traces: call.traces?.() ?? [] })
    }
    try {
      const rows = await sql.read<Row>(text, values, waitMs(call, MAX_WAIT_MS))
      if (!isQuiet) report('ok')
      return rows
    } catch (cause) {
      report('error')
      throw new CodedError('UPSTREAM_UNAVAILABLE', 'The vault could not be read.', {}, { cause })
    }
  }

  async function batch<Row>(operation: string, text: string, keys: readonly (readonly string[])[], call: Waiting) {
    type Found = Row & { readonly position: number }
    const rows = await query<Found>({ operation, keys: keys.length, text, values: [JSON.stringify(keys)] }, call)
    const byPosition = Map.groupBy(rows, (row) => row.position)
    return keys.map((_, position): readonly Row[] => byPosition.get(position) ?? [])
  }

  const memory = createRowMemory()
  const versions = sql.version === null ? null : `SELECT ${sql.dialect.nowMs} AS now_ms, ${sql.version} AS version`

  async function look(keys: number, call: Waiting): Promise<Moment | null> {
    if (versions === null) return null
    const [moment = null] = await query<Moment>(
      { operation: 'select tokens', keys, text: versions, values: [], isQuiet: true },
      call,
    )
    return moment
  }

  async function remembered(call: Waiting): Promise<Remembered | null> {
    const moment = await look(0, call)
    if (moment === null) return null
    const { now_ms: nowMs, version } = moment
    let recalled = 0
    const report = (): void => {
      observe({ operation: 'select tokens', keys: recalled, outcome: 'cached', durationMs: 0, traces: [] })
      recalled = 0
    }
    return {
      nowMs,
      rows(key) {
        const rows = memory.recall(idOf(key), version)
        if (rows !== undefined && recalled++ === 0) process.nextTick(report)
        return rows
      },
    }
  }

  async function grants(keys: readonly TokenKey[], call: Call): Promise<Grants> {
    const ids = keys.map(idOf)
    // Before the rows: what is committed between the two is seen by the next read.
    const moment = await look(keys.length, call)
    const rows = ids.map((id) => (moment === null ? undefined : memory.recall(id, moment.version)))
    const missing = [...ids.keys()].filter((n) => rows[n] === undefined)
    const known = keys.length - missing.length
    if (known > 0)
      observe({
        operation: 'select tokens',
        keys: known,
        outcome: 'cached',
        durationMs: 0,
        traces: call.traces?.() ?? [],
      })
    let nowMs = moment?.now_ms ?? 0
    if (missing.length > 0) {
      const asked = missing.flatMap((n) => {
        const key = keys[n]
        return key === undefined ? [] : [[key.userId, wireProvider(key.provider)]]
      })
      const found = await batch<ReadRow>('select tokens', statements.grants, asked, call)
      for (const [at, n] of missing.entries()) {
        const own = found[at] ?? []
        rows[n] = memory.keep(ids[n] ?? '', own, moment?.version ?? null)
        nowMs = Math.max(nowMs, own[0]?.now_ms ?? 0)
      }
    }
    return { nowMs, rows: rows.map((own) => own ?? []) }
  }

  return {
    grants,
    remembered,
    profiles: (userIds, call) =>
      batch<ProfileRow>(
        'select accounts',
        statements.profiles,
        userIds.map((userId) => [userId]),
        call,
      ),
    async row(rowId, call) {
      const [row = null] = await query<ReadRow>(
        { operation: 'select row', keys: 1, text: statements.row, values: [rowId] },
        call,
      )
      return row
    },
  }
}
