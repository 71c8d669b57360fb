/**
 * What is asked of better-auth's `account` table: two statements, in the SQL of SQLite or of PostgreSQL, and the shape of
 * the rows that come back (docs/platforms/better-auth.md 2).
 */
import { z } from 'zod'
import { decorativeId, expiry, opaqueId, scopeList, text, time } from '../kit.ts'
import type { Call } from '../kit.ts'
import type { BetterAuthOptions, Columns, UserIdType } from './options.ts'

export interface Query {
  /** The statement; also its name in logs and metrics. */
  readonly operation: 'better-auth.tokens' | 'better-auth.accounts' | 'better-auth.export'
  /** How many keys the statement answers for. */
  readonly keys: number
  /** The parameters: the user ids, and the names of the providers for tokens. */
  readonly values: readonly (readonly string[])[]
}

export interface Database {
  /** Runs one statement. Rejects with the reason of `call.signal`, or with a CodedError whose cause is a short code. */
  select(query: Query, call: Call): Promise<readonly unknown[]>
  /** Waits for the statements in progress, each bounded by its deadline. */
  close(): Promise<void>
}

/** The statements by operation. */
export type Statements = Readonly<Record<Query['operation'], string>>

/** Where the table is, and how its columns are called. */
export interface Table extends Pick<BetterAuthOptions, 'schema' | 'table' | 'columns'> {
  readonly userIdType: UserIdType
}

/** What differs between the databases. Columns come quoted. */
export interface Dialect {
  /** The value as text, whatever the type of the column. */
  text(column: string): string
  /** The value of a time column in a form that `instant` accepts. */
  time(column: string): string
  /** The column as text that is ordered by its bytes. */
  ordered(column: string): string
  /** The one value of the parameter at `position`. */
  value(position: number): string
  /** Whether the column has one of the values of the parameter at `position`, counted from 1. */
  among(column: string, position: number, type: UserIdType): string
}

/** Rows of one page of an export. */
export const EXPORT_PAGE = 500

/** Refresh tokens are selected for an export alone, and for accounts no secret is: only whether there is one. */
export function statementsFor({ schema, table, columns, userIdType }: Table, dialect: Dialect): Statements {
  // The names are matched against an allow-list of characters (options.ts), so that quotes are enough.
  const quote = (name: string): string => `"${name}"`
  const column = (name: keyof Columns): string => `${quote(table)}.${quote(columns[name])}`
  const from = schema === undefined ? quote(table) : `${quote(schema)}.${quote(table)}`
  const { text, time, among, ordered, value } = dialect
  const has = (name: keyof Columns): string => `CASE WHEN ${column(name)} <> '' THEN 1 ELSE 0 END`
  const identity = `${text(column('id'))} AS id, ${text(column('user_id'))} AS user_id,
      ${column('provider_id')} AS provider, ${text(column('account_id'))} AS provider_user_id,
      ${time(column('access_token_expires_at'))} AS expires_at, ${column('scope')} AS scope`
  const ofUsers = among(column('user_id'), 1, userIdType)
  const ofProviders = among(column('provider_id'), 2, 'text')
  // `credential` is a password.
  const isConnection = `${column('provider_id')} <> 'credential'`
  const order = `ORDER BY ${column('created_at')}, ${column('id')}`
  return {
    'better-auth.tokens': `SELECT ${identity}, ${column('access_token')} AS access_token, ${column('id_token')} AS id_token
      FROM ${from} WHERE ${ofUsers} AND ${ofProviders} AND ${isConnection} ${order}`,
    'better-auth.accounts': `SELECT ${identity}, ${has('access_token')} AS has_access_token, ${has('refresh_token')} AS has_refresh_token,
        ${time(column('created_at'))} AS created_at, ${time(column('updated_at'))} AS updated_at
      FROM ${from} WHERE ${ofUsers} AND ${isConnection} ${order}`,
    'better-auth.export': `SELECT ${identity}, ${column('access_token')} AS access_token, ${column('id_token')} AS id_token,
        ${column('refresh_token')} AS refresh_token
      FROM ${from} WHERE ${isConnection} AND ${ordered(column('id'))} > ${value(1)}
      ORDER BY ${ordered(column('id'))} LIMIT ${String(EXPORT_PAGE)}`,
  }
}

/** Whose connection a row is. */
export const ownerRow = z.object({ user_id: z.string(), provider: z.string().catch('') })

const connectionRow = z.object({
  id: opaqueId,
  user_id: z.string(),
  provider: z.string().min(1),
  provider_user_id: decorativeId,
  /** better-auth joins with commas; newer versions accept spaces as well. */
  scope: scopeList,
})

// Kysely keeps ISO text in SQLite, Drizzle and Prisma keep numbers; PostgreSQL answers seconds (postgres.ts).
export const tokenRow = connectionRow.extend({
  access_token: z.string().nullable(),
  id_token: text,
  expires_at: expiry,
})

export const exportRow = tokenRow.extend({ refresh_token: z.string().nullable() })

const flag = z.literal([0, 1]).transform((value) => value === 1)

export const accountRow = connectionRow.extend({
  has_access_token: flag,
  has_refresh_token: flag,
  expires_at: time,
  created_at: time,
  updated_at: time,
})
export type AccountRow = z.output<typeof accountRow>

/** The distinct ids that the column can hold: PostgreSQL fails the whole statement for one that it cannot. */
export type StorableIds = (ids: readonly string[]) => readonly string[]

// As PostgreSQL prints them, so that a row can be put back to its key.
const idForms: Readonly<Record<UserIdType, RegExp>> = {
  text: /^/,
  uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  integer: /^(0|[1-9]\d{0,17})$/,
}

export function storableIds(type: UserIdType): StorableIds {
  return (ids) => [...new Set(ids)].filter((id) => idForms[type].test(id))
}
