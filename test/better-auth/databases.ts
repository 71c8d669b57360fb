/** The two databases that better-auth's accounts are read from, each empty. */
import { join } from 'node:path'
import { Pool } from 'pg'
import { openDatabase } from '../kit/database.ts'
import { makeFolder } from '../kit/folder.ts'
import type { PostgresServer } from '../servers/postgres.ts'
import type { AppOptions } from './app.ts'

export interface TestDatabase extends AsyncDisposable {
  /** What the app hands to better-auth. */
  readonly forApp: AppOptions['database']
  /** The keys below `database` in the configuration of the upstream. */
  readonly forUs: Readonly<Record<string, string>>
  /** Runs SQL as the app. */
  run(sql: string): Promise<readonly unknown[]>
}

export function createSqlite(): Promise<TestDatabase> {
  const folder = makeFolder()
  const path = join(folder.path, 'app.sqlite')
  const database = openDatabase(path)
  database.exec('PRAGMA journal_mode = WAL')
  return Promise.resolve({
    forApp: database,
    forUs: { sqlite: path },
    run: (sql) => Promise.resolve(database.prepare(sql).all()),
    [Symbol.asyncDispose]() {
      database.close()
      folder[Symbol.dispose]()
      return Promise.resolve()
    },
  })
}

let created = 0

export async function createPostgres(server: PostgresServer): Promise<TestDatabase> {
  const name = `app_${String(created++)}`
  await server.createDatabase(name)
  const url = server.url(name)
  const pool = new Pool({ connectionString: url })
  // The server may be stopped while a connection is idle.
  pool.on('error', () => undefined)
  return {
    forApp: pool,
    forUs: { postgres: url },
    run: async (sql) => (await pool.query<Record<string, unknown>>(sql)).rows,
    [Symbol.asyncDispose]: () => pool.end(),
  }
}
