/** The two statements that are sent to the database of better-auth, in the words of SQLite or of PostgreSQL. */
import type { BetterAuthOptions, Columns } from './options.ts'

/** What differs between the databases. Columns come quoted. */
export interface Dialect {
  /** The value as text, whatever the type of the column. */
  text(column: string): string
  /** A time; `instant` in rows.ts reads what comes back. */
  time(column: string): string
  /** Whether the column has one of the values of the parameter at `position`, counted from 1. */
  among(column: string, position: number, type: string): string
}

export type Where = Pick<BetterAuthOptions, 'schema' | 'table' | 'columns' | 'user_id_type'>

/** Takes the user ids and the names of the providers; every account is a row. Refresh tokens are not selected. */
export function selectTokens(where: Where, dialect: Dialect): string {
  const { column, from, order, user_id_type } = partsOf(where)
  const { text, time, among } = dialect
  return `SELECT ${text(column('id'))} AS id, ${text(column('user_id'))} AS user_id, ${column('provider_id')} AS provider,
      ${text(column('account_id'))} AS provider_user_id, ${column('access_token')} AS access_token,
      ${time(column('access_token_expires_at'))} AS expires_at, ${column('id_token')} AS id_token, ${column('scope')} AS scope
    FROM ${from}
    WHERE ${among(column('user_id'), 1, user_id_type)} AND ${among(column('provider_id'), 2, 'text')}
      AND ${column('provider_id')} <> 'credential' ${order}`
}

/** Takes the user ids. No secret is selected, only whether there is one. */
export function selectAccounts(where: Where, dialect: Dialect): string {
  const { column, from, order, user_id_type } = partsOf(where)
  const { text, time, among } = dialect
  const has = (name: keyof Columns): string => `CASE WHEN ${column(name)} <> '' THEN 1 ELSE 0 END`
  return `SELECT ${text(column('id'))} AS id, ${text(column('user_id'))} AS user_id, ${column('provider_id')} AS provider,
      ${text(column('account_id'))} AS provider_user_id, ${has('access_token')} AS has_access_token,
      ${has('refresh_token')} AS has_refresh_token, ${time(column('access_token_expires_at'))} AS expires_at,
      ${column('scope')} AS scope, ${time(column('created_at'))} AS created_at, ${time(column('updated_at'))} AS updated_at
    FROM ${from}
    WHERE ${among(column('user_id'), 1, user_id_type)} AND ${column('provider_id')} <> 'credential' ${order}`
}

/** The names were matched against an allow-list of characters (options.ts), so that quotes are enough. */
function partsOf({ schema, table, columns, user_id_type }: Where) {
  const quote = (name: string): string => `"${name}"`
  const column = (name: keyof Columns): string => `${quote(table)}.${quote(columns[name])}`
  const from = schema === undefined ? quote(table) : `${quote(schema)}.${quote(table)}`
  return { column, from, order: `ORDER BY ${column('created_at')}, ${column('id')}`, user_id_type }
}
