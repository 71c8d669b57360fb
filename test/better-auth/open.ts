/** Opens the platform without the server, and an SQLite file that a test fills by hand. */
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { openDatabase } from '../kit/database.ts'
import { betterAuth } from '../../src/upstreams/better-auth/index.ts'
import { CodedError, withDetails } from '../../src/errors.ts'
import type { Many, PlatformEvent, Upstream } from '../../src/upstreams/platform.ts'
import type { OAuthAccessToken, TokenKey } from '../../src/tokens/types.ts'
import { call } from '../kit/call.ts'
import { makeFolder } from '../kit/folder.ts'

export interface Opened extends AsyncDisposable {
  readonly upstream: Upstream
  readonly events: readonly PlatformEvent[]
  /** What one key answers: rows, or its error. What rejects carries the name of the upstream, as the source puts it. */
  read(userId: string, provider: string): Promise<readonly OAuthAccessToken[] | Error | undefined>
  readAll(keys: readonly TokenKey[]): Promise<ReadonlyMap<string, readonly OAuthAccessToken[] | Error>>
}

const NAME = 'app'

/** Opens through the options that an operator writes. */
export function openBetterAuth(options: object): Opened {
  const events: PlatformEvent[] = []
  const parsed = betterAuth.options.parse({ encrypted: false, ...options })
  const opened = betterAuth.open(parsed, { observe: (event) => void events.push(event) })
  const upstream = { ...opened, name: NAME, platform: 'better-auth' }
  const tokens = upstream.tokens as Many<TokenKey, readonly OAuthAccessToken[]>
  return {
    upstream,
    events,
    readAll: (keys) => tokens.many(keys, call()),
    async read(userId, provider) {
      const key = { userId, provider, credential: null, minValiditySeconds: 0 }
      try {
        return (await tokens.many([key], call())).get(tokens.id(key))
      } catch (error) {
        throw error instanceof CodedError ? withDetails(error, { upstream: NAME }) : error
      }
    },
    [Symbol.asyncDispose]: () => upstream.close(),
  }
}

export interface AppFile extends Disposable {
  readonly path: string
  readonly database: DatabaseSync
  /** Adds a row; what is left out is null or an invented value. */
  add(row: Readonly<Record<string, string | number | null>>): void
}

/** The columns as `better-auth migrate` makes them, less what is not read. */
export const accountTable = `CREATE TABLE account (id text PRIMARY KEY, accountId text NOT NULL, providerId text NOT NULL,
  userId text NOT NULL, accessToken text, refreshToken text, idToken text, accessTokenExpiresAt date, scope text,
  createdAt date NOT NULL, updatedAt date NOT NULL)`

export function createAppFile(table = accountTable): AppFile {
  const folder = makeFolder()
  const path = join(folder.path, 'app.sqlite')
  const database = openDatabase(path)
  database.exec(table)
  let rows = 0
  return {
    path,
    database,
    add(given) {
      const time = '2026-01-01T00:00:00.000Z'
      const row = {
        id: `row-${String(rows++)}`,
        accountId: 'invented-provider-user',
        providerId: 'github',
        userId: 'user_1',
        createdAt: time,
        updatedAt: time,
        ...given,
      }
      const names = Object.keys(row)
      const sql = `INSERT INTO account (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`
      database.prepare(sql).run(...Object.values(row))
    },
    [Symbol.dispose]() {
      database.close()
      folder[Symbol.dispose]()
    },
  }
}
