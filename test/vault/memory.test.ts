/** What is kept of rows that were read: it answers only where the database proves that nothing changed. */
import { expect, test } from 'vitest'
import { rotateKeys } from '../../src/commands/vault.ts'
import type { OAuthAccessToken } from '../../src/tokens/types.ts'
import { captureOutput } from '../kit/output.ts'
import { importText, k1, k2, newVault, open, openUpstream, record, tamper, texts, toLines } from './helpers.ts'

const records = [record(), record({ user_id: 'user_2', token: 'invented-token-2' })]

async function filled(stored: readonly unknown[] = records) {
  const options = newVault([k1, k2])
  const store = await open(options)
  await importText(store, toLines(stored))
  return { options, store, ...openUpstream(options) }
}

test('an account that did not change is neither selected nor decrypted again', async () => {
  const { read, events } = await filled()
  const first = (await read('user_1')) as readonly OAuthAccessToken[]
  const again = await read('user_1')
  expect(again).toBe(first)
  expect(texts(again)).toEqual(['invented-token-1'])
  expect(events.map(({ operation, outcome }) => [operation, outcome])).toEqual([
    ['select tokens', 'ok'],
    ['select tokens', 'cached'],
  ])
})

test('a commit of another connection is seen by the next read, whatever it concerned', async () => {
  const { read, store, options } = await filled()
  await read('user_1')
  await importText(store, toLines([record({ token: 'invented-token-3' })]))
  expect(texts(await read('user_1'))).toEqual(['invented-token-3'])
  // Rows that were sealed for another account do not decrypt, though they were decrypted before.
  tamper(
    options,
    "UPDATE accounts SET token = (SELECT token FROM accounts WHERE user_id = 'user_2') WHERE user_id = 'user_1'",
  )
  expect(texts(await read('user_1'))).toMatch(/^INTERNAL_SERVER_ERROR/)
  tamper(options, 'DELETE FROM accounts')
  expect(await read('user_1')).toEqual([])
  expect(await read('user_2')).toEqual([])
})

test('a commit that concerned other accounts leaves the tokens as they are', async () => {
  const { read, store } = await filled()
  const before = texts(await read('user_2'))
  await importText(store, toLines([record({ token: 'invented-token-3' })]))
  expect(texts(await read('user_2'))).toEqual(before)
})

test('reads go on through a rotation of the keys', async () => {
  const { read, options } = await filled()
  await read('user_1')
  const rotating = await open({ ...options, keys: [k2, k1] })
  expect(await rotateKeys(rotating, captureOutput())).toBe(0)
  expect(texts(await read('user_1'))).toEqual(['invented-token-1'])
})

test('a token that is over while it is kept is over for the next read', async () => {
  const now = Math.floor(Date.now() / 1000)
  const { read } = await filled([record({ expires_at: now + 5 })])
  expect((await read('user_1')) as readonly OAuthAccessToken[]).toMatchObject([{ problem: null }])
  await expect
    .poll(async () => ((await read('user_1')) as readonly OAuthAccessToken[])[0]?.problem?.code, { timeout: 30_000 })
    .toBe('REAUTHORIZATION_REQUIRED')
})
