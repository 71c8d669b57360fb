/** `vault rotate-keys`: any interruption can be continued, reads go on, and an old key can then be dropped. */
import { expect, test } from 'vitest'
import { rotateKeys } from '../../src/commands/vault.ts'
import type { VaultOptions } from '../../src/upstreams/vault/options.ts'
import { rewrapBatch } from '../../src/upstreams/vault/store/rotate.ts'
import { openStore } from '../../src/upstreams/vault/store/store.ts'
import { captureOutput } from '../kit/output.ts'
import { importText, k1, k2, keyOf, newVault, open, openUpstream, record, tamper, texts, toLines } from './helpers.ts'

const ROWS = 1200

async function filled(rows: number): Promise<ReturnType<typeof newVault>> {
  const options = newVault([k1])
  const store = await open(options)
  const records = Array.from({ length: rows }, (_, index) =>
    record({ user_id: `user_${String(index)}`, token: `invented-${String(index)}`, refresh_token: 'invented-r' }),
  )
  await importText(store, toLines(records))
  await store.close()
  return options
}

async function rotate(options: VaultOptions, isTTY = false) {
  const printed = captureOutput(isTTY)
  const store = await openStore(options)
  const code = await rotateKeys(store, printed)
  await store.close()
  return { code, out: printed.out.text(), err: printed.err.text() }
}

const countByKey = (options: { readonly path: string }): Record<string, unknown> =>
  Object.fromEntries(
    tamper(options, 'SELECT key_id, count(*) AS rows FROM accounts GROUP BY key_id').map((row) => [
      String(row.key_id),
      row.rows,
    ]),
  )

test('an interrupted rotation is continued, and the old key can then be dropped', async () => {
  const before = await filled(ROWS)
  const both = { ...before, keys: [k2, k1] }
  const server = openUpstream(both)

  const first = await openStore(both)
  expect((await rewrapBatch(first, 'k1', ''))?.rewrapped).toBe(500)
  await first.close()
  expect(countByKey(both)).toEqual({ k1: 700, k2: 500 })
  await expect(openStore({ ...before, keys: [k2] })).rejects.toThrow('700 accounts need key k1')
  await expect(openStore({ ...before, keys: [k1] })).rejects.toThrow('500 accounts need key k2')

  expect(await rotate(both)).toEqual({
    code: 0,
    out: '700 accounts re-wrapped under key k2.\nKey k1 is no longer used: you may remove it from `keys`.\n',
    err: '',
  })
  expect(countByKey(both)).toEqual({ k2: ROWS })
  expect(tamper(both, 'SELECT key_id FROM vault_keys')).toEqual([{ key_id: 'k2' }])

  const after = openUpstream({ ...before, keys: [k2] })
  for (const { tokens, call } of [server, after]) {
    const keys = Array.from({ length: ROWS }, (_, index) => keyOf(`user_${String(index)}`))
    const answers = [...(await tokens.many(keys, call)).values()].map(texts)
    expect(answers).toEqual(keys.map((_, index) => [`invented-${String(index)}`]))
  }
})

test('a rotation leaves the sealed fields as they are and changes every row key', async () => {
  const options = await filled(3)
  const select = 'SELECT user_id, token, refresh_token, wrapped_key FROM accounts ORDER BY user_id'
  const before = tamper(options, select)
  await rotate({ ...options, keys: [k2, k1] })
  const after = tamper(options, select)
  for (const column of ['token', 'refresh_token'])
    expect(after.map((row) => row[column])).toEqual(before.map((row) => row[column]))
  for (const [index, row] of after.entries()) expect(row.wrapped_key).not.toEqual(before[index]?.wrapped_key)
})

test('a second rotation has nothing to do, and says again what may go', async () => {
  const both = { ...(await filled(2)), keys: [k2, k1] }
  await rotate(both)
  expect((await rotate(both)).out).toBe(
    '0 accounts re-wrapped under key k2.\nKey k1 is no longer used: you may remove it from `keys`.\n',
  )
  expect((await rotate({ ...both, keys: [k2] })).out).toBe('0 accounts re-wrapped under key k2.\n')
})

test('a retired key reads nothing that is wrapped anew', async () => {
  const options = await filled(1)
  const server = openUpstream(options)
  await server.upstream.ready
  await rotate({ ...options, keys: [k2, k1] })
  expect(texts(await server.read('user_0'))).toBe(
    'INTERNAL_SERVER_ERROR: A stored account needs a key that is not configured.',
  )
})

test('a damaged row is named, left as it is, and keeps its key needed', async () => {
  const both = { ...(await filled(3)), keys: [k2, k1] }
  tamper(both, "UPDATE accounts SET wrapped_key = x'01' WHERE user_id = 'user_1'")
  const { code, out, err } = await rotate(both)
  expect(code).toBe(1)
  expect(out).toBe('2 accounts re-wrapped under key k2.\n')
  expect(err).toBe(
    'Damaged and left as it is: user_1 oauth_google eac_1. Import it again or remove it.\n' +
      'Key k1 is still needed: keep it in `keys`.\n',
  )
  expect(texts(await openUpstream(both).read('user_2'))).toEqual(['invented-2'])
})

test('shows how far it is on a terminal', async () => {
  const both = { ...(await filled(ROWS)), keys: [k2, k1] }
  expect((await rotate(both, true)).err).toContain('Re-wrapping: 1000')
})
