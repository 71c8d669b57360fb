/** What is particular to the vault in a SQLite file. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { openSqlite } from '../../../src/upstreams/vault/store/sqlite.ts'
import { testFolder } from '../../kit/folder.ts'

const WAIT_MS = 1000
const counting = (to: number): string =>
  `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${String(to)}) SELECT max(i) AS i FROM n`

// As the COMMIT of a million rows does, which was taken for a lock, and the import for one that had failed.
test('the outcome of a statement under the write lock is waited for, however long it takes', async () => {
  const path = join(testFolder().path, 'vault.sqlite')
  const store = await openSqlite(path, WAIT_MS)
  const other = await openSqlite(path, WAIT_MS)
  try {
    let to = 1_000_000
    const isFast = (): Promise<boolean> =>
      store.read(counting(to), [], WAIT_MS).then(
        () => true,
        () => false,
      )
    while (await isFast()) to *= 2
    const rows = await store.transaction(async (run) => {
      const counted = await run(counting(to))
      await expect(other.transaction(() => Promise.resolve())).rejects.toMatchObject({ errcode: 5 })
      return counted
    })
    expect(rows).toMatchObject([{ i: to }])
  } finally {
    await Promise.all([store.close(), other.close()])
  }
}, 120_000)

function stop(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

// As a container that is paused. What was begun and given up stayed open, and every later write was lost.
test('a process that stands still while it waits for the lock begins a transaction, or does not, and knows which', async () => {
  const path = join(testFolder().path, 'vault.sqlite')
  const store = await openSqlite(path, WAIT_MS)
  const other = new DatabaseSync(path)
  try {
    await store.run('CREATE TABLE IF NOT EXISTS invented (n INTEGER)')
    for (const heldMs of [WAIT_MS / 2, WAIT_MS * 2]) {
      other.exec('BEGIN IMMEDIATE')
      const writing = store
        .transaction((run) => run('INSERT INTO invented VALUES (1)'))
        .then(
          () => 1,
          () => 0,
        )
      await new Promise((resolve) => setImmediate(resolve))
      stop(heldMs)
      other.exec('COMMIT')
      stop(WAIT_MS * 2)
      const before = await writing
      await store.transaction((run) => run('INSERT INTO invented VALUES (2)'))
      // Seen by another connection, which can write as well.
      expect(other.prepare('SELECT n FROM invented WHERE n = 1').all()).toHaveLength(before)
      expect(other.prepare('SELECT n FROM invented WHERE n = 2').all()).toHaveLength(1)
      other.exec('DELETE FROM invented')
    }
  } finally {
    other.close()
    await store.close()
  }
})
