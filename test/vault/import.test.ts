/** `vault import`: all records or none, in each form that a file may have. */
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { copyPipe, openImport } from '../../src/commands/import-source.ts'
import { importAccounts } from '../../src/commands/vault-import.ts'
import { reveal } from '../../src/lib/secret.ts'
import { accountRecord } from '../../src/upstreams/vault/store/record.ts'
import { openStore } from '../../src/upstreams/vault/store/store.ts'
import { writeAccounts } from '../../src/upstreams/vault/store/write.ts'
import { captureOutput } from '../kit/output.ts'
import { testFolder } from '../kit/folder.ts'
import { importText, newVault, open, openUpstream, record, tamper, texts, toLines } from './helpers.ts'

const two = [record(), record({ user_id: 'user_2', token: 'invented-2' })]

const forms = {
  NDJSON: toLines(two),
  'NDJSON without a last line end': toLines(two).trimEnd(),
  'NDJSON with CRLF and blank lines': `\r\n${toLines(two).replaceAll('\n', '\r\n\r\n')}  \n`,
  'NDJSON after a byte order mark': `\ufeff${toLines(two)}`,
  'an array': JSON.stringify(two),
  'an indented array': `\n  ${JSON.stringify(two, null, 2)}\n`,
  'an array after a byte order mark, with CRLF': `\ufeff${JSON.stringify(two, null, 1).replaceAll('\n', '\r\n')}`,
}

test.each(Object.entries(forms))('reads %s, however it is cut into chunks', async (_, text) => {
  const bytes = Buffer.from(text)
  for (const size of [1, 7, bytes.length]) {
    const options = newVault()
    const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (__, at) =>
      bytes.subarray(at * size, (at + 1) * size),
    )
    const result = await importText(await open(options), Readable.from(parts))
    expect(result).toEqual({ code: 0, out: '2 records: 2 added, 0 changed, 0 unchanged.\n', err: '' })
    expect(texts(await openUpstream(options).read('user_2'))).toEqual(['invented-2'])
  }
})

test('reads a file as a stream', async () => {
  const path = testFolder().write('accounts.json', forms['an indented array'])
  expect(await importText(await open(newVault()), createReadStream(path))).toMatchObject({ code: 0 })
})

test('an empty array is no problem; an empty input is one', async () => {
  const store = await open(newVault())
  expect(await importText(store, ' [ ] ')).toMatchObject({
    code: 0,
    out: '0 records: 0 added, 0 changed, 0 unchanged.\n',
  })
  for (const empty of ['', ' \n\n'])
    expect((await importText(store, empty)).err).toMatch(/^accounts.ndjson: line 1: the input is empty\n/)
})

test('an input that cannot be read is named, and nothing of it is written', async () => {
  const options = newVault()
  const store = await open(options)
  await expect(openImport(join(testFolder().path, 'missing'))).rejects.toThrow(/^Cannot read .*missing: not found\. /)
  async function* broken() {
    yield await Promise.resolve(toLines(two))
    throw new Error('invented-token-1 in a message')
  }
  await expect(importText(store, broken())).rejects.toThrow(
    'Cannot read accounts.ndjson: the input ended with an error.',
  )
  expect(tamper(options, 'SELECT count(*) AS rows FROM accounts')).toEqual([{ rows: 0 }])
})

test('writes nothing when one record of many is not valid', async () => {
  const options = newVault()
  const { code, out, err } = await importText(
    await open(options),
    toLines([...two, record({ token: '' }), record({ user_id: 'user_4' })]),
  )
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(err).toBe('accounts.ndjson: line 3: token: is empty\nNothing was imported: 1 of 4 records not valid.\n')
  expect(tamper(options, 'SELECT count(*) AS rows FROM accounts')).toEqual([{ rows: 0 }])
})

test('rolls back everything when the database fails half-way', async () => {
  const options = newVault()
  const store = await open(options)
  tamper(
    options,
    "CREATE TRIGGER fail BEFORE INSERT ON accounts WHEN new.user_id = 'user_2' BEGIN SELECT raise(ABORT, 'no'); END",
  )
  const records = two.map((each) => accountRecord.parse(each))
  await expect(writeAccounts(store, records)).rejects.toThrow(`The vault at ${options.path} cannot be written: `)
  expect(tamper(options, 'SELECT count(*) AS rows FROM accounts')).toEqual([{ rows: 0 }])
})

test('a write that another process blocks says so', async () => {
  const options = newVault()
  const store = await openStore(options, 300)
  onTestFinished(() => store.close())
  const other = new DatabaseSync(options.path)
  other.exec('BEGIN IMMEDIATE')
  await expect(writeAccounts(store, [])).rejects.toThrow('cannot be written: another process holds its lock')
  other.close()
})

test('importing the same file again changes nothing, not even a byte', async () => {
  const options = newVault()
  const store = await open(options)
  const text = toLines([
    ...two,
    record({ user_id: 'user_3', refresh_token: 'invented-r', token_secret: '', scopes: null }),
  ])
  await importText(store, text)
  tamper(options, 'UPDATE accounts SET created_at = 1, updated_at = 1')
  const before = tamper(options, 'SELECT * FROM accounts')
  expect((await importText(store, text)).out).toBe('3 records: 0 added, 0 changed, 3 unchanged.\n')
  expect(tamper(options, 'SELECT * FROM accounts')).toEqual(before)
})

test.each([
  ['token', 'invented-new'],
  ['refresh_token', 'invented-new'],
  ['expires_at', 1_893_456_001],
  ['scopes', null],
  ['public_metadata', { a: 1 }],
  ['email_address', 'ada@example.com'],
  ['client', 'client-1'],
])('a changed %s replaces the row, and keeps when it was added', async (field, value) => {
  const options = newVault()
  const store = await open(options)
  await importText(store, toLines(two))
  tamper(options, 'UPDATE accounts SET created_at = 1, updated_at = 1')
  const { out } = await importText(store, toLines([record({ [field]: value }), two[1]]))
  expect(out).toBe('2 records: 0 added, 1 changed, 1 unchanged.\n')
  const times = tamper(options, 'SELECT created_at, updated_at > 1 AS is_new FROM accounts ORDER BY user_id')
  expect(times).toEqual([
    { created_at: 1, is_new: 1 },
    { created_at: 1, is_new: 0 },
  ])
})

test('what only the vault keeps stays when a record leaves it out, and goes when it is null', async () => {
  const options = newVault()
  const store = await open(options)
  await importText(store, toLines([record({ refresh_token: 'invented-r', client: 'client-1', username: 'ada' })]))
  const stored = () => tamper(options, 'SELECT refresh_token IS NOT NULL AS has, client, username FROM accounts')
  await importText(store, toLines([record({ token: 'invented-2' })]))
  expect(stored()).toEqual([{ has: 1, client: 'client-1', username: 'ada' }])
  expect(
    (await importText(store, toLines([record({ token: 'invented-2', refresh_token: 'invented-r' })]))).out,
  ).toContain('1 unchanged')
  await importText(store, toLines([record({ refresh_token: null, client: null, username: null })]))
  expect(stored()).toEqual([{ has: 0, client: null, username: null }])
})

test('a field that is undefined is one that was left out', async () => {
  const options = newVault()
  const store = await open(options)
  await importText(store, toLines([record({ refresh_token: 'invented-r', client: 'client-1' })]))
  const without = { ...accountRecord.parse(record()), refresh_token: undefined, client: undefined }
  expect(await writeAccounts(store, [without])).toEqual({ added: 0, changed: 0, unchanged: 1 })
})

test('a damaged row is repaired by importing its account again', async () => {
  const options = newVault()
  const store = await open(options)
  await importText(store, toLines(two))
  tamper(options, "UPDATE accounts SET token = x'01' WHERE user_id = 'user_1'")
  expect((await importText(store, toLines(two))).out).toBe('2 records: 0 added, 1 changed, 1 unchanged.\n')
  expect(texts(await openUpstream(options).read('user_1'))).toEqual(['invented-token-1'])
})

test('normalises bare providers and milliseconds, and strips keys that could reach a prototype', async () => {
  const options = newVault()
  const metadata = JSON.parse('{"__proto__": {"a": 1}, "b": {"constructor": 1, "c": [{"prototype": 2}]}}') as unknown
  await importText(
    await open(options),
    toLines([record({ provider: 'google', expires_at: 1_893_456_000_123, public_metadata: metadata })]),
  )
  const answer = await openUpstream(options).read('user_1')
  expect(answer).toMatchObject([{ provider: 'google', expires_at: 1_893_456_000 }])
  expect(tamper(options, 'SELECT provider FROM accounts')).toEqual([{ provider: 'oauth_google' }])
  expect(answer instanceof Error ? null : JSON.stringify(answer?.[0]?.public_metadata)).toBe('{"b":{"c":[{}]}}')
})

test('shows progress only on a terminal', async () => {
  const text = toLines(Array.from({ length: 2500 }, (_, index) => record({ user_id: `user_${String(index)}` })))
  const printed = captureOutput(true)
  expect(await importAccounts(await open(newVault()), await copyPipe(Readable.from([text]), 'a'), printed)).toBe(0)
  expect(printed.err.text()).toMatch(/Checking: 2000 \(\d+ %\)/)
  expect(printed.err.text()).toMatch(/Writing: 20\d\d of 2500 \(8\d %\)/)
  expect(printed.err.text().endsWith('\r\u001b[K')).toBe(true)
  expect((await importText(await open(newVault()), text)).err).toBe('')
})

test('reveals nothing of a record that is written to a log', () => {
  const parsed = accountRecord.parse(record({ refresh_token: 'invented-r' }))
  expect(JSON.stringify(parsed)).not.toContain('invented')
  expect(reveal(parsed.token)).toBe('invented-token-1')
})
