/** What opening a vault creates, and what it refuses with which words. */
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { vaultOptions } from '../../src/upstreams/vault/options.ts'
import { openStore } from '../../src/upstreams/vault/store/store.ts'
import { testFolder } from '../kit/folder.ts'
import {
  importText,
  k1,
  k2,
  newVault,
  open,
  openUpstream,
  optionsOf,
  record,
  tamper,
  texts,
  toLines,
} from './helpers.ts'

test('creates the folder and the files with permissions for their owner only, in WAL mode', async () => {
  const path = join(testFolder().path, 'new', 'folder', 'vault.sqlite')
  const store = await open(optionsOf(path))
  await importText(store, toLines([record()]))
  expect((statSync(dirname(path)).mode & 0o777).toString(8)).toBe('700')
  for (const suffix of ['', '-wal', '-shm']) expect((statSync(path + suffix).mode & 0o777).toString(8)).toBe('600')
  const pragma = async (name: string) =>
    Object.values((await store.sql.run<object>(`PRAGMA ${name}`))[0] ?? {})[0] as unknown
  const names = ['journal_mode', 'synchronous', 'foreign_keys', 'secure_delete']
  expect(await Promise.all(names.map(pragma))).toEqual(['wal', 2, 1, 1])
})

test('opens again with what it holds, also while it is open elsewhere', async () => {
  const options = newVault()
  await importText(await open(options), toLines([record()]))
  expect(texts(await openUpstream(options).read('user_1'))).toEqual(['invented-token-1'])
  expect(texts(await openUpstream(options).read('user_1'))).toEqual(['invented-token-1'])
})

test("takes no path for one of SQLite's own names", async () => {
  const folder = testFolder().path
  const before = process.cwd()
  process.chdir(folder)
  onTestFinished(() => {
    process.chdir(before)
  })
  await open(optionsOf(':memory:'))
  expect(statSync(join(folder, ':memory:')).isFile()).toBe(true)
})

test('refuses a wrong secret for a known key id, and names the id', async () => {
  const options = newVault()
  await (await open(options)).close()
  const wrong = { ...options, keys: [{ id: 'k1', secret: k2.secret }] }
  await expect(openStore(wrong)).rejects.toThrow(
    `The vault at ${options.path} cannot be opened: the secret of key k1 is not`,
  )
  await expect(openStore({ ...options, keys: [k2, ...wrong.keys] })).rejects.toThrow('the secret of key k1 is not')
})

test('refuses a ring without a key that rows need, and says how many', async () => {
  const options = newVault()
  const store = await open(options)
  await importText(store, toLines([record(), record({ external_account_id: 'eac_2' })]))
  await store.close()
  await expect(openStore({ ...options, keys: [k2] })).rejects.toThrow('2 accounts need key k1, which is not in `keys`')
})

test('opens without a key that no row needs', async () => {
  const options = newVault()
  await (await open(options)).close()
  expect((await open({ ...options, keys: [k2] })).keyring.active.id).toBe('k2')
})

test('refuses two keys of one id, in the options and on opening', async () => {
  const keys = [k1, k2, { ...k1 }]
  await expect(openStore(newVault(keys))).rejects.toThrow('The vault has two keys with the id k1')
  const written = keys.map(({ id }) => ({ id, secret: 'x'.repeat(32) }))
  expect(vaultOptions.safeParse({ path: 'a', keys: written }).error?.issues).toMatchObject([
    { path: ['keys'], message: 'two keys have the same id' },
  ])
})

test('the options refuse short secrets, odd ids, an empty ring and unknown keys', () => {
  const paths = (options: unknown) => vaultOptions.safeParse(options).error?.issues.map((issue) => issue.path.join('.'))
  const secret = 'x'.repeat(32)
  expect(paths({ path: 'a', keys: [{ id: 'k1', secret: 'x'.repeat(31) }] })).toEqual(['keys.0.secret'])
  expect(paths({ path: 'a', keys: [{ id: 'k 1', secret }] })).toEqual(['keys.0.id'])
  expect(paths({ path: '', keys: [] })).toEqual(['path', 'keys'])
  expect(paths({ path: 'a', keys: [{ id: 'k1', secret, old: true }] })).toEqual(['keys.0'])
  expect(JSON.stringify(vaultOptions.parse({ path: 'a', keys: [{ id: 'k1', secret }] }))).not.toContain(secret)
})

test('refuses a file that is no database, and leaves it as it is', async () => {
  const options = newVault()
  writeFileSync(options.path, 'These are my notes, and no database at all. '.repeat(50))
  await expect(openStore(options)).rejects.toThrow(`${options.path} cannot be opened: it is not a SQLite database;`)
  expect(readFileSync(options.path, 'utf8')).toMatch(/^These are my notes/)
})

test("refuses another application's database, and leaves it as it is", async () => {
  const options = newVault()
  tamper(options, 'CREATE TABLE orders (id INTEGER)')
  const before = readFileSync(options.path)
  await expect(openStore(options)).rejects.toThrow('it is a database of another application')
  expect(readFileSync(options.path).equals(before)).toBe(true)
})

test('refuses a newer schema version, and names both versions', async () => {
  const options = newVault()
  await (await open(options)).close()
  tamper(options, 'PRAGMA user_version = 7')
  await expect(openStore(options)).rejects.toThrow(
    'it has schema version 7, and this version of tokengraph knows 3 at most',
  )
})

test('refuses a folder, and a path through a file', async () => {
  const options = newVault()
  mkdirSync(options.path)
  await expect(openStore(options)).rejects.toThrow(
    `${options.path} cannot be opened: it is a folder; choose the path of a file.`,
  )
  writeFileSync(join(options.path, 'file'), '')
  const through = join(options.path, 'file', 'vault.sqlite')
  await expect(openStore({ ...options, path: through })).rejects.toThrow('is a file where a folder is expected')
})

test('refuses a file that this user may not read', async () => {
  const options = newVault()
  writeFileSync(options.path, '', { mode: 0o000 })
  chmodSync(dirname(options.path), 0o755)
  // The mode of a file does not keep root out.
  const isRoot = process.geteuid?.() === 0
  if (isRoot) process.seteuid?.(65534)
  try {
    await expect(openStore(options)).rejects.toThrow(
      `${options.path} cannot be opened: this user may not read and write it`,
    )
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
})

test('refuses a file that another process keeps locked', async () => {
  const options = newVault()
  await (await open(options)).close()
  const other = new DatabaseSync(options.path)
  onTestFinished(() => {
    other.close()
  })
  other.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  await expect(openStore(options, 20)).rejects.toThrow(
    `${options.path} cannot be opened: another process holds its lock`,
  )
})

test('a damaged file is named as such', async () => {
  const options = newVault()
  const store = await open(options)
  await importText(store, toLines([record()]))
  await store.close()
  const bytes = readFileSync(options.path)
  writeFileSync(options.path, bytes.fill(0xff, 100, 4096))
  await expect(openStore(options)).rejects.toThrow(/cannot be opened: it is damaged/)
})
