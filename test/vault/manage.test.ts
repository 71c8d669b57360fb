/** `vault list` and `vault remove`. */
import { readFileSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../kit/database.ts'
import { listAccounts, removeAccounts } from '../../src/commands/vault.ts'
import type { Store } from '../../src/upstreams/vault/store/store.ts'
import { captureOutput } from '../kit/output.ts'
import { importText, newVault, open, openUpstream, record, tamper, texts, toLines } from './helpers.ts'

const secrets = { token: 'canary', token_secret: 'canary', id_token: 'canary', refresh_token: 'canary' }
const records = [
  record({ ...secrets, label: '\u001b[31mred', expires_at: 1_893_456_000 }),
  record({ ...secrets, provider: 'oauth_github', expires_at: null }),
  record({ ...secrets, user_id: 'user_2', external_account_id: 'eac_2' }),
]

const notRevoked = 'not revoked: no client is configured, or its provider has no revocation.\n'

async function filled() {
  const options = newVault()
  const store = await open(options)
  await importText(store, toLines(records))
  return { options, store }
}

async function list(store: Store, options: Parameters<typeof listAccounts>[1] = {}) {
  const printed = captureOutput()
  const code = await listAccounts(store, options, printed)
  return { code, lines: printed.out.text().split('\n').slice(0, -1), err: printed.err.text() }
}

async function remove(store: Store, options: Parameters<typeof removeAccounts>[1]) {
  const printed = captureOutput()
  return { code: await removeAccounts(store, options, printed), out: printed.out.text(), err: printed.err.text() }
}

test('lists in the order of user, provider and account, without secrets or control characters', async () => {
  const { store } = await filled()
  const { code, lines } = await list(store)
  expect(code).toBe(0)
  expect(lines.map((line) => line.split(/ +/))).toEqual([
    ['USER', 'PROVIDER', 'ACCOUNT', 'EXPIRES', 'KEY'],
    ['user_1', 'oauth_github', 'eac_1', '-', 'k1'],
    ['user_1', 'oauth_google', 'eac_1', '2030-01-01T00:00:00Z', 'k1'],
    ['user_2', 'oauth_google', 'eac_2', '2030-01-01T00:00:00Z', 'k1'],
  ])
})

test('lists one JSON object on each line, without secrets', async () => {
  const { store } = await filled()
  const { lines } = await list(store, { json: true, provider: 'google', user: 'user_1' })
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    {
      user_id: 'user_1',
      provider: 'oauth_google',
      external_account_id: 'eac_1',
      provider_user_id: 'puid_1',
      expires_at: 1_893_456_000,
      scopes: ['email'],
      label: '\u001b[31mred',
      client: null,
      has_refresh_token: true,
      state: 'ACTIVE',
      state_reason: null,
      key_id: 'k1',
      created_at: expect.any(Number) as number,
      updated_at: expect.any(Number) as number,
    },
  ])
  for (const hidden of ['canary', '\u001b']) expect(lines.join()).not.toContain(hidden)
})

test('an empty list says so', async () => {
  const { store } = await filled()
  expect(await list(store, { user: 'user_3' })).toEqual({ code: 0, lines: [], err: 'No accounts.\n' })
})

test('refuses options that are no ids, and names them', async () => {
  const { store } = await filled()
  await expect(list(store, { user: '' })).rejects.toThrow('--user is empty.')
  await expect(list(store, { provider: 'no\nprovider' })).rejects.toThrow('--provider must be a provider name')
  await expect(remove(store, { user: 'user_1', account: 'a\0x' })).rejects.toThrow('--account must be well-formed')
  expect((await list(store)).lines).toHaveLength(4)
})

test.each([
  [{ user: 'user_1' }, 2, ['user_2 oauth_google']],
  [{ user: 'user_1', provider: 'google' }, 1, ['user_1 oauth_github', 'user_2 oauth_google']],
  [{ user: 'user_2', account: 'eac_2' }, 1, ['user_1 oauth_github', 'user_1 oauth_google']],
])('removes what %o names and nothing else', async (options, removed, left) => {
  const { store, options: vault } = await filled()
  const accounts = `${String(removed)} ${removed === 1 ? 'account' : 'accounts'}`
  expect(await remove(store, options)).toEqual({
    code: 0,
    out: `${accounts} removed.\n${accounts.replace('account', 'grant')} ${notRevoked}`,
    err: '',
  })
  const rows = tamper(vault, 'SELECT user_id, provider FROM accounts ORDER BY 1, 2')
  expect(rows.map((row) => `${String(row.user_id)} ${String(row.provider)}`)).toEqual(left)
})

test('removing nothing is exit code 1 with a message', async () => {
  const { store } = await filled()
  const nothing = { code: 1, out: '', err: 'Nothing was removed: no stored account matches.\n' }
  expect(await remove(store, { user: 'user_3' })).toEqual(nothing)
  expect(await remove(store, { user: 'user_1', account: 'eac_2' })).toEqual(nothing)
})

test('a removed account leaves no ciphertext in the files, and reads as not connected', async () => {
  const { store, options } = await filled()
  const [row] = tamper(options, "SELECT token FROM accounts WHERE user_id = 'user_2'")
  const ciphertext = Buffer.from(row?.token as Uint8Array)
  const files = () => [options.path, `${options.path}-wal`].map((path) => readFileSync(path).includes(ciphertext))
  expect(files()).toContain(true)
  await remove(store, { user: 'user_2' })
  expect(files()).toEqual([false, false])
  expect(texts(await openUpstream(options).read('user_2'))).toEqual([])
})

test('remove and import say when a reader keeps the replaced ciphertext in the write-ahead log', async () => {
  const { options, store } = await filled()
  const ciphertexts = () => readFileSync(options.path).length + readFileSync(`${options.path}-wal`).length
  const reader = openDatabase(options.path)
  onTestFinished(() => {
    reader.close()
  })
  reader.exec('BEGIN; SELECT count(*) FROM accounts')
  const hint = /Another process reads .*vault\.sqlite.* write-ahead log could not be emptied/
  expect(await remove(store, { user: 'user_2' })).toMatchObject({
    code: 0,
    out: `1 account removed.\n1 grant ${notRevoked}`,
    err: expect.stringMatching(hint) as string,
  })
  const changed = await importText(store, toLines([record({ token: 'another-invented-token' })]))
  expect(changed).toMatchObject({ code: 0, err: expect.stringMatching(hint) as string })
  expect(ciphertexts()).toBeGreaterThan(0)

  reader.exec('ROLLBACK')
  expect(await remove(store, { user: 'user_1' })).toMatchObject({ code: 0, err: '' })
  expect(readFileSync(`${options.path}-wal`)).toHaveLength(0)
})
