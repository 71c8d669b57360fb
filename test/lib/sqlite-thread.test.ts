import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openSqliteThread } from '../../src/lib/sqlite-thread.ts'
import type { SqliteThread } from '../../src/lib/sqlite-thread.ts'
import { makeFolder } from '../kit/folder.ts'

const WAIT_MS = 30_000
let started = 0
const count = (): void => {
  started++
}
beforeEach(() => {
  started = 0
  subscribe('worker_threads', count)
})
afterEach(() => {
  unsubscribe('worker_threads', count)
})

function open(path: string): SqliteThread {
  return openSqliteThread(path, { readOnly: false, setup: ['CREATE TABLE IF NOT EXISTS words (word TEXT)'] })
}

function isOpen(path: string): boolean {
  return readdirSync('/proc/self/fd').some((fd) => {
    try {
      return readlinkSync(join('/proc/self/fd', fd)) === path
    } catch {
      // Closed since it was listed.
      return false
    }
  })
}

test('one file after the other is opened by one thread, which keeps nothing of the one before', async () => {
  using folder = makeFolder()
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    const path = join(folder.path, name)
    const thread = open(path)
    await thread.all('INSERT INTO words VALUES (?)', [name], WAIT_MS)
    expect(await thread.all('SELECT word FROM words', [], WAIT_MS)).toEqual([{ word: name }])
    expect(isOpen(path)).toBe(true)
    await thread.close()
    expect(isOpen(path)).toBe(false)
  }
  expect(started).toBeLessThanOrEqual(1)
})

test('threads that are open at a time are several; of those that are closed at a time, two are kept', async () => {
  using folder = makeFolder()
  const openAll = () => ['a', 'b', 'c', 'd'].map((name) => open(join(folder.path, name)))
  const use = async (threads: readonly SqliteThread[]) => {
    for (const thread of threads) expect(await thread.all('SELECT 1 AS one', [], WAIT_MS)).toEqual([{ one: 1 }])
    await Promise.all(threads.map((thread) => thread.close()))
  }
  await use(openAll())
  started = 0
  await use(openAll())
  expect(started).toBe(2)
})

test('a thread that waits for a lock is ended, and the next file is opened by another', async () => {
  using folder = makeFolder()
  const path = join(folder.path, 'locked')
  const thread = open(path)
  await thread.all('SELECT 1', [], WAIT_MS)
  using other = new DatabaseSync(path)
  other.exec('BEGIN EXCLUSIVE')
  const waiting = thread.settled("INSERT INTO words VALUES ('late')", [], WAIT_MS)
  await Promise.all([expect(waiting).rejects.toMatchObject({ errcode: 9 }), thread.close()])
  other.exec('COMMIT')
  await expect(thread.all('SELECT 1', [], WAIT_MS)).rejects.toMatchObject({ errcode: 9 })
  const next = open(path)
  expect(await next.all('SELECT word FROM words', [], WAIT_MS)).toEqual([])
  await next.close()
})

test('a statement under way is rejected when its file is closed', async () => {
  using folder = makeFolder()
  const thread = open(join(folder.path, 'closing'))
  const under = thread.all('SELECT word FROM words', [], WAIT_MS)
  await Promise.all([expect(under).rejects.toMatchObject({ errcode: 9 }), thread.close()])
})
