/** The rows of a platform that is an SQLite file, for tests that put odd values into them. */
import type { DatabaseSync } from 'node:sqlite'
import type { Columns } from './fixture.ts'

/** `id`: the column with the account's id. */
export function columnsOf(database: DatabaseSync, table: string, id: string): Columns {
  const names = database
    .prepare(`SELECT name FROM pragma_table_info('${table}')`)
    .all()
    .map(({ name }) => String(name))
  return {
    names,
    set(external_account_id, column, value) {
      const before = database.prepare(`SELECT * FROM "${table}" WHERE "${id}" = ?`).get(external_account_id)
      if (before === undefined) throw new Error('the account has no row')
      try {
        database.prepare(`UPDATE "${table}" SET "${column}" = ? WHERE "${id}" = ?`).run(value, external_account_id)
      } catch {
        return null
      }
      return () => {
        const now = column === id ? value : external_account_id
        database.prepare(`UPDATE "${table}" SET "${column}" = ? WHERE "${id}" = ?`).run(before[column] ?? null, now)
      }
    },
  }
}
