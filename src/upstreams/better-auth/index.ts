/** better-auth, over its database and never over its routes; the contract with sources is `upstreams/better-auth.md`. */
import type { Platform } from '../platform.ts'
import { accountsFetcher } from './accounts.ts'
import { createReadStored } from './decrypt.ts'
import { betterAuthOptions } from './options.ts'
import type { BetterAuthOptions } from './options.ts'
import { openPostgres } from './postgres.ts'
import { openSqlite } from './sqlite.ts'
import { MAX_KEYS, tokensFetcher } from './tokens.ts'
import { createUserIds } from './user-ids.ts'

/**
 * Its routes answer one session's user at a time, and its refresh loses the connection when two callers race (TRUST
 * finding 1): the table is read instead, nothing is written, and an expired token stays for the app to refresh.
 */
export const betterAuth: Platform<BetterAuthOptions> = {
  options: betterAuthOptions,
  docs: {
    title: 'better-auth',
    holds: 'OAuth 2.0 tokens of every connected account, and ID tokens, in your own SQLite or PostgreSQL database',
    batch: `One SQL statement for up to ${MAX_KEYS.toLocaleString('en')} keys`,
    refresh: 'No: an expired token stays expired until your app refreshes it through better-auth',
    provider_user_id: 'Yes',
    external_accounts: 'Yes, without names and e-mail addresses',
  },
  open(options, deps) {
    const { database: at, schema, table, columns, user_id_type, concurrency, timeout_ms } = options
    const read = createReadStored(options)
    const where = { schema, table, columns, user_id_type }
    const database =
      at.postgres === undefined
        ? openSqlite(at.sqlite ?? '', where, deps)
        : openPostgres(at.postgres, where, { concurrency, timeout_ms }, deps)
    // SQLite compares an integer column with text as numbers; only PostgreSQL is strict.
    const userIds = createUserIds(at.postgres === undefined ? 'text' : user_id_type)
    return {
      name: deps.name,
      platform: 'better-auth',
      autoRefreshes: false,
      inProcess: at.postgres === undefined,
      tokens: tokensFetcher(database, userIds, read),
      accounts: accountsFetcher(database, userIds),
      close: () => database.close(),
    }
  },
}
