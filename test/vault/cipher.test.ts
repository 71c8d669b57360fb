/** docs/promises.md S12: a ciphertext that was moved or changed does not decrypt, and takes nothing else with it. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { bareProvider } from '../../src/tokens/ids.ts'
import {
  deriveRingKey,
  newRowKey,
  sealField,
  unsealField,
  unwrapRowKey,
  wrapRowKey,
} from '../../src/upstreams/vault/store/crypto.ts'
import { importText, k1, k2, keyOf, newVault, open, openUpstream, record, tamper, texts, toLines } from './helpers.ts'

const FAILURE = 'INTERNAL_SERVER_ERROR: A stored account could not be decrypted.'
const secrets = { token_secret: 'invented-secret', id_token: 'invented-id', refresh_token: 'invented-refresh' }

/** Rows that differ from the first in one part of the identity each, and one bystander. */
const victims = [
  record({ ...secrets }),
  record({ ...secrets, external_account_id: 'eac_2', user_id: 'user_2' }),
  record({ ...secrets, provider: 'oauth_github' }),
  record({ ...secrets, external_account_id: 'eac_2' }),
]
const bystander = record({ user_id: 'user_9', external_account_id: 'eac_9', token: 'invented-9' })

async function filled() {
  const options = newVault()
  await importText(await open(options), toLines([...victims, bystander]))
  return { options, ...openUpstream(options) }
}

const blobs = ['wrapped_key', 'token', 'token_secret', 'id_token', 'refresh_token']
const readBlobs = blobs.slice(0, 4)
const findRow = 'SELECT * FROM accounts WHERE user_id = ? AND provider = ? AND external_account_id = ?'
const identity = (row: Record<string, unknown>) =>
  [row.user_id, row.provider, row.external_account_id] as [string, string, string]

describe('a ciphertext moved to another row', () => {
  const pairs = victims.flatMap((from, a) => victims.flatMap((to, b) => (a === b ? [] : [{ from, to }])))
  test.each(pairs.flatMap((pair) => readBlobs.map((column) => ({ ...pair, column }))))(
    '$column of $from.user_id $from.provider $from.external_account_id in $to.user_id $to.provider $to.external_account_id',
    async ({ from, to, column }) => {
      const { options, tokens, call } = await filled()
      const [source] = tamper(options, findRow, ...identity(from))
      const row_id = tamper(options, findRow, ...identity(to))[0]?.row_id as string
      tamper(options, `UPDATE accounts SET ${column} = ? WHERE row_id = ?`, source?.[column] ?? null, row_id)
      const keys = [to, bystander].map((row) => keyOf(String(row.user_id), bareProvider(String(row.provider))))
      const answers = await tokens.many(keys, call)
      // The account beside it is answered; where there is none, the failure is the answer.
      const siblings = victims.filter((row) => row !== to && row.user_id === to.user_id && row.provider === to.provider)
      const own = siblings.length === 0 ? FAILURE : siblings.map((row) => row.token)
      expect([...answers.values()].map(texts)).toEqual([own, ['invented-9']])
      const accounts = [...answers.values()].flatMap((rows) => (rows instanceof Error ? [] : rows))
      expect(accounts.map((row) => row.external_account_id)).not.toContain(
        siblings.length === 0 ? '' : to.external_account_id,
      )
    },
  )

  test('a whole row under another user, provider or account does not decrypt', async () => {
    const { options, read } = await filled()
    for (const column of ['user_id', 'provider', 'external_account_id', 'row_id']) {
      tamper(options, `UPDATE accounts SET ${column} = 'oauth_other' WHERE user_id = 'user_9'`)
      const user = column === 'user_id' ? 'oauth_other' : 'user_9'
      expect(texts(await read(user, column === 'provider' ? 'other' : 'google'))).toBe(FAILURE)
      tamper(options, 'DELETE FROM accounts')
      await importText(await open(options), toLines([bystander]))
    }
  })
})

describe('a ciphertext moved to another field of its row', () => {
  const fields = blobs.flatMap((from) => readBlobs.flatMap((to) => (from === to ? [] : [{ from, to }])))
  test.each(fields)('$from in $to', async ({ from, to }) => {
    const { options, read } = await filled()
    tamper(options, `UPDATE accounts SET ${to} = ${from} WHERE user_id = 'user_2'`)
    expect(texts(await read('user_2'))).toBe(FAILURE)
    expect(texts(await read('user_9'))).toEqual(['invented-9'])
  })
})

test('a refresh token is bound as the other fields are', () => {
  const row = { row_id: 'r1', user_id: 'u', provider: 'oauth_x', external_account_id: 'a', generation: 1 }
  const key = newRowKey()
  const blob = sealField(key, row, 'refresh_token', 'invented')
  expect(unsealField(key, row, 'refresh_token', blob)).toBe('invented')
  expect(() => unsealField(key, row, 'token', blob)).toThrow('could not be decrypted')
  expect(() => unsealField(key, { ...row, row_id: 'r2' }, 'refresh_token', blob)).toThrow('could not be decrypted')
})

test('the parts of an identity are bound separately', () => {
  const key = newRowKey()
  const row = { row_id: 'r', user_id: 'a|b', provider: 'c', external_account_id: 'd', generation: 1 }
  const blob = sealField(key, row, 'token', 'invented')
  expect(() => unsealField(key, { ...row, user_id: 'a', provider: 'b|c' }, 'token', blob)).toThrow('could not be')
})

test('a row key unwraps only under the key that wrapped it; two ids with one secret are two keys', () => {
  const row = { row_id: 'r', user_id: 'u', provider: 'p', external_account_id: 'a', generation: 1 }
  const ring = deriveRingKey('k1', k1.secret)
  const blob = wrapRowKey(ring, row, newRowKey())
  expect(unwrapRowKey(ring, row, blob).symmetricKeySize).toBe(32)
  expect(() => unwrapRowKey(deriveRingKey('k1', k2.secret), row, blob)).toThrow('could not be decrypted')
  expect(() => unwrapRowKey({ ...deriveRingKey('k2', k1.secret), id: 'k1' }, row, blob)).toThrow('could not be')
})

test('a change of any byte, and any truncation, is detected and fails only the key of the row', async () => {
  const { options, tokens, call } = await filled()
  const keys = ['user_2', 'user_9'].map((userId) => keyOf(userId))
  const [row] = tamper(options, findRow, 'user_2', 'oauth_google', 'eac_2')
  let tried = 0
  for (const column of readBlobs) {
    const update = (value: Uint8Array) =>
      tamper(options, `UPDATE accounts SET ${column} = ? WHERE user_id = 'user_2'`, value)
    const blob = row?.[column] as Uint8Array
    const flipped = [...blob.keys()].map((at) => blob.with(at, (blob[at] ?? 0) ^ 1))
    const shortened = [0, 1, 12, 13, 28, blob.length - 1].map((length) => blob.subarray(0, length))
    for (const bad of [...flipped, ...shortened]) {
      update(bad)
      expect([...(await tokens.many(keys, call)).values()].map(texts)).toEqual([FAILURE, ['invented-9']])
      tried += 1
    }
    update(blob)
  }
  expect(tried).toBeGreaterThan(150)
  expect([...(await tokens.many(keys, call)).values()].map(texts)).toEqual([['invented-token-1'], ['invented-9']])
})

test('no file of the vault holds a secret, before and after it is closed', async () => {
  const options = newVault()
  const store = await open(options)
  const canaries = ['canary-one', 'canary-two', 'canary-three', 'canary-four']
  const [token, token_secret, id_token, refresh_token] = canaries
  await importText(store, toLines([record({ token, token_secret, id_token, refresh_token, label: 'visible-label' })]))
  const files = () => {
    const folder = dirname(options.path)
    return readdirSync(folder).map((name) => ({ name, bytes: readFileSync(join(folder, name)) }))
  }
  const whileOpen = files()
  expect(whileOpen.map((file) => file.name).sort()).toEqual(['vault.sqlite', 'vault.sqlite-shm', 'vault.sqlite-wal'])
  await store.close()
  const all = [...whileOpen, ...files()]
  expect(all.some((file) => file.bytes.includes('visible-label'))).toBe(true)
  for (const canary of [...canaries, 'invented secret number one'])
    for (const shape of [canary, Buffer.from(canary).toString('base64'), Buffer.from(canary).toString('hex')])
      expect(all.filter((file) => file.bytes.includes(shape)).map((file) => file.name)).toEqual([])
})
