/** Accounts that are given up, against a strict revocation endpoint. */
import { expect, onTestFinished, test } from 'vitest'
import { removeAccounts } from '../../../src/commands/vault.ts'
import { vaultOptions } from '../../../src/upstreams/vault/options.ts'
import { accountRecord } from '../../../src/upstreams/vault/store/record.ts'
import { rotateKeys } from '../../../src/upstreams/vault/store/rotate.ts'
import { openStore } from '../../../src/upstreams/vault/store/store.ts'
import { writeAccounts } from '../../../src/upstreams/vault/store/write.ts'
import { captureOutput } from '../../kit/output.ts'
import { startLocal } from '../../servers/local.ts'
import { openReader, openScene } from '../refresh/scene.ts'
import { eventually, expectWiped, goBy, openRevocationScene, revocationsOf } from './scene.ts'

const HOUR_MS = 3_600_000

test('forgets the account, revokes its refresh token and says so', async () => {
  const { connect, disconnect, revoked, store, types } = await openRevocationScene()
  const { refreshToken } = await connect('u1')
  expect(await disconnect('u1')).toEqual({ state: 'REVOKED', effect: 'grant' })
  expect(revoked).toEqual([refreshToken])
  expect(await store.sql.run('SELECT 1 FROM accounts')).toEqual([])
  expectWiped(await revocationsOf(store))
  expect(await types('u1')).toEqual(['CREATED', 'DISCONNECTED', 'REVOKED'])
  expect(await disconnect('u1')).toBeNull()
})

test('an endpoint that is down for an hour is asked again until it answers', async () => {
  const { connect, disconnect, endpoint, fail, revoked, store } = await openRevocationScene()
  const { refreshToken } = await connect('u1')
  fail(() => ({ status: 503, raw: 'busy' }))
  expect(await disconnect('u1')).toMatchObject({ state: 'PENDING' })
  expect(await store.sql.run('SELECT 1 FROM accounts')).toEqual([])
  for (const passedMs of [600_000, 600_000, 2_400_000]) {
    const before = endpoint.calls.length
    await goBy(store, passedMs)
    await eventually(() => {
      expect(endpoint.calls.length).toBeGreaterThan(before)
    })
    // The pause begins when the answer was written down.
    await eventually(async () => {
      const [row] = await store.sql.run<{ left: number }>(
        'SELECT next_attempt_ms - unixepoch() * 1000 AS left FROM revocations',
      )
      expect(row?.left).toBeGreaterThan(20_000)
    })
  }
  expect(revoked).toEqual([])
  fail(null)
  await goBy(store, HOUR_MS)
  await eventually(async () => {
    expect(await revocationsOf(store)).toMatchObject([{ state: 'REVOKED' }])
  })
  expect(revoked).toEqual([refreshToken])
})

test('after a day it is given up, and says so without a secret', async () => {
  const { connect, disconnect, fail, keeper, store } = await openRevocationScene()
  const { accessToken, refreshToken } = await connect('u1')
  fail(() => ({ status: 400, body: { error: 'invalid_client', error_description: refreshToken } }))
  await disconnect('u1')
  await goBy(store, 25 * HOUR_MS)
  await eventually(async () => {
    expect(await revocationsOf(store)).toMatchObject([{ state: 'FAILED', code: 'invalid_client' }])
  })
  expectWiped(await revocationsOf(store))
  const { events } = await keeper.events(null, 100, 'u1')
  expect(events.at(-1)).toMatchObject({ type: 'REVOCATION_FAILED', reason: 'invalid_client' })
  for (const secret of [accessToken, refreshToken]) expect(JSON.stringify(events)).not.toContain(secret)
})

test('a redirect to another origin is not followed', async () => {
  const elsewhere = await startLocal(() => ({ status: 200, raw: '' }))
  onTestFinished(() => elsewhere.close())
  const { connect, disconnect, fail, store } = await openRevocationScene()
  await connect('u1')
  fail(() => ({ status: 307, raw: '', headers: { location: `${elsewhere.url}/revoke` } }))
  expect(await disconnect('u1')).toMatchObject({ state: 'PENDING' })
  expect(await revocationsOf(store)).toMatchObject([{ state: 'PENDING', code: 'redirect' }])
  expect(elsewhere.calls).toHaveLength(0)
})

test('a server that takes access tokens alone gets the access token', async () => {
  const { connect, disconnect, endpoint, fail } = await openRevocationScene()
  const { accessToken } = await connect('u1')
  let asked = 0
  fail(() => (asked++ === 0 ? { status: 400, body: { error: 'unsupported_token_type' } } : { status: 200, raw: '' }))
  expect(await disconnect('u1')).toMatchObject({ state: 'REVOKED' })
  expect(endpoint.calls.at(-1)?.body).toBe(`token=${accessToken}&token_type_hint=access_token`)
})

test('a refresh in flight does not bring the account back, and its tokens are revoked, too', async () => {
  const { connect, disconnect, open, revoked, server, store } = await openRevocationScene()
  const { refreshToken } = await connect('u1')
  server.behave(() => ({ delayMs: 800 }))
  const reading = open()
    .read('u1')
    .catch((error: unknown) => error)
  await eventually(() => {
    expect(server.posts).toBe(1)
  })
  expect(await disconnect('u1')).toMatchObject({ state: 'REVOKED' })
  await reading
  await eventually(async () => {
    expect(await revocationsOf(store)).toMatchObject([{ state: 'REVOKED' }, { state: 'REVOKED' }])
  })
  expect(await store.sql.run('SELECT 1 FROM accounts')).toEqual([])
  expect(revoked).toHaveLength(2)
  expect(revoked[0]).toBe(refreshToken)
  expect(revoked[1]).toMatch(/^rt-/)
  expect(revoked[1]).not.toBe(refreshToken)
})

test('a provider without a revocation is said to have none', async () => {
  const scene = await openScene()
  await scene.connect('u1')
  const { keeper } = openReader(scene.options).upstream
  const account = { userId: 'u1', provider: 'acme', externalAccountId: 'a_u1' }
  expect(await keeper?.disconnect(account, false)).toEqual({ state: 'UNSUPPORTED', effect: 'grant' })
  expectWiped(await revocationsOf(scene.store))
})

test('a grant that another account lives on stays, unless everywhere is asked for', async () => {
  const { disconnect, revoked, store } = await openRevocationScene()
  const share = (userId: string) =>
    accountRecord.parse({
      ...{ user_id: userId, provider: 'acme', external_account_id: `a_${userId}`, provider_user_id: 'same' },
      ...{ token: `at-${userId}`, refresh_token: `rt-${userId}` },
    })
  await writeAccounts(store, ['u1', 'u2', 'u3'].map(share))
  expect(await disconnect('u1')).toMatchObject({ state: 'SHARED' })
  expect(revoked).toEqual([])
  expect(await disconnect('u2', true)).toMatchObject({ state: 'REVOKED' })
  expect(await disconnect('u3')).toMatchObject({ state: 'REVOKED' })
  expect(revoked).toEqual(['rt-u2', 'rt-u3'])
})

test('`vault remove` leaves the revocation to the server, and says so', async () => {
  const { connect, revoked, store } = await openRevocationScene()
  const { refreshToken } = await connect('u1')
  const printed = captureOutput()
  expect(await removeAccounts(store, { user: 'u1' }, printed)).toBe(0)
  expect(printed.out.text()).toBe(
    '1 account removed.\n1 grant will be revoked at the provider, by a server over this vault.\n',
  )
  await eventually(() => {
    expect(revoked).toEqual([refreshToken])
  })
})

test('an endpoint that takes live access tokens alone gets one: the old one is over, and is refreshed for it', async () => {
  const { connect, disconnect, endpoint, fail, server } = await openRevocationScene({
    revoke: { style: 'bearer', effect: 'token', token: 'access_token' },
  })
  const { accessToken } = await connect('u1')
  const seen: string[] = []
  fail(() => {
    seen.push(endpoint.calls.at(-1)?.headers.authorization ?? '')
    return seen.length === 1
      ? { status: 200, body: { ok: false, error: 'token_expired' } }
      : { status: 200, body: { ok: true, revoked: true } }
  })
  expect(await disconnect('u1')).toEqual({ state: 'REVOKED', effect: 'token' })
  expect(seen[0]).toBe(`Bearer ${accessToken}`)
  expect(seen[1]).toMatch(/^Bearer at-/)
  expect(seen[1]).not.toBe(seen[0])
  expect(server.posts).toBe(1)
})

test('the key of the vault may be rotated while a revocation waits', async () => {
  const { connect, disconnect, fail, options, revoked, store, upstream } = await openRevocationScene()
  const { refreshToken } = await connect('u1')
  fail(() => ({ status: 503, raw: 'busy' }))
  await disconnect('u1')
  await upstream.close()
  const keys = [
    { id: 'k2', secret: 'another-ring-secret-0123456789-abcdefgh' },
    ...(options as unknown as { readonly keys: readonly object[] }).keys,
  ]
  const both = await openStore(vaultOptions.parse({ ...options, keys }))
  expect(await rotateKeys(both)).toMatchObject({ damaged: [], unused: ['k1'] })
  await both.close()
  fail(null)
  openReader({ ...options, keys: keys.slice(0, 1) })
  await goBy(store, HOUR_MS)
  await eventually(async () => {
    expect(await revocationsOf(store)).toMatchObject([{ state: 'REVOKED' }])
  })
  expect(revoked).toEqual([refreshToken])
})
