/**
 * better-auth, over its database and not over its routes (docs/platforms/better-auth.md). The routes answer for the
 * user of one session, and their refresh loses the connection when two callers race. So the table is read, nothing is
 * written, and an expired token stays for the app to refresh.
 */
import type { Platform } from '../kit.ts'
import { accountsFetcher } from './accounts.ts'
import { storableIds } from './api.ts'
import { createReadStored } from './decrypt.ts'
import { betterAuthOptions } from './options.ts'
import type { BetterAuthOptions } from './options.ts'
import { openPostgres } from './postgres.ts'
import { openSqlite } from './sqlite.ts'
import { exportAll, MAX_KEYS, tokensFetcher } from './tokens.ts'

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
  open(options, { observe }) {
    const { sqlite, postgres } = options.database
    const { schema, table, columns, user_id_type: userIdType, concurrency, timeout_ms: timeoutMs } = options
    const readStored = createReadStored(options)
    const where = { schema, table, columns, userIdType }
    const isPostgres = postgres !== undefined
    const database = isPostgres
      ? openPostgres(postgres, where, { concurrency, timeoutMs, observe })
      : openSqlite(sqlite ?? '', where, observe)
    // SQLite compares an integer column with text as numbers; only PostgreSQL is strict.
    const storable = storableIds(isPostgres ? userIdType : 'text')
    return {
      autoRefreshes: false,
      ignoresPrefix: true,
      inProcess: !isPostgres,
      tokens: tokensFetcher(database, storable, readStored),
      accounts: accountsFetcher(database, storable),
      exportAll: (call) => exportAll(database, readStored, call),
      close: () => database.close(),
    }
  },
}
