/** Events on their way to a strict receiver. */
import { expect, onTestFinished, test } from 'vitest'
import { createEventOutbox } from '../../../src/upstreams/vault/events/outbox.ts'
import { vaultOptions } from '../../../src/upstreams/vault/options.ts'
import { startLocal } from '../../servers/local.ts'
import { eventually, goBy } from '../disconnect/scene.ts'
import { openReader, openScene } from '../refresh/scene.ts'
import type { SceneOptions } from '../refresh/scene.ts'
import { NEW_SECRET, OLD_SECRET, startReceiver } from './scene.ts'

const HOUR_MS = 3_600_000

async function openWith(events: Readonly<Record<string, unknown>>, given: SceneOptions = {}) {
  const scene = await openScene({ ...given, vault: { ...given.vault, events } })
  const { upstream, read } = openReader(scene.options)
  const { keeper } = upstream
  if (keeper === undefined) throw new Error('the vault keeps accounts')
  const disconnect = (userId: string) =>
    keeper.disconnect({ userId, provider: 'acme', externalAccountId: `a_${userId}` }, false)
  return { ...scene, keeper, disconnect, read }
}

test('each change is posted, in order, signed, and without a secret', async () => {
  const receiver = await startReceiver()
  const scene = await openWith({ url: receiver.url, secrets: [OLD_SECRET] })
  const { accessToken, refreshToken } = await scene.connect('u1')
  scene.server.behave(() => 'invalid_grant')
  await scene.read('u1').catch(() => undefined)
  await scene.read('u1').catch(() => undefined)
  await scene.disconnect('u1')
  await eventually(() => {
    expect(receiver.typesOf('u1')).toEqual(['created', 'reauthorization_required', 'disconnected'])
  })
  expect(receiver.refused).toEqual([])
  expect(JSON.parse(receiver.taken[1]?.text ?? '')).toEqual({
    type: 'connection.reauthorization_required',
    timestamp: expect.stringMatching(/^\d{4}-.*Z$/) as string,
    data: {
      ...{ user_id: 'u1', provider: 'oauth_acme', external_account_id: 'a_u1', generation: 1, reason: 'GRANT_DEAD' },
    },
  })
  for (const secret of [accessToken, refreshToken]) expect(JSON.stringify(receiver.taken)).not.toContain(secret)
  const { events } = await scene.keeper.events(null, 10, 'u1')
  expect(events.map(({ id, type }) => [id, type.toLowerCase()])).toEqual(
    receiver.taken.map(({ id, type }) => [id, type.replace('connection.', '')]),
  )
})

test('while a secret is replaced, receivers with either of them accept', async () => {
  const [old, fresh] = [await startReceiver(OLD_SECRET), await startReceiver(NEW_SECRET)]
  for (const receiver of [old, fresh]) {
    const scene = await openWith({ url: receiver.url, secrets: [NEW_SECRET, OLD_SECRET] })
    await scene.connect('u1')
    await eventually(() => {
      expect(receiver.typesOf('u1')).toEqual(['created'])
    })
    expect(receiver.refused).toEqual([])
  }
})

test('an event that is not taken holds back those of its account, and no other account', async () => {
  const receiver = await startReceiver()
  receiver.fail(({ body }) => (body.includes('"u1"') ? { status: 500, raw: '' } : null))
  const scene = await openWith({ url: receiver.url, secrets: [OLD_SECRET] })
  await scene.connect('u1')
  await scene.disconnect('u1')
  await scene.connect('u2')
  await scene.disconnect('u2')
  await eventually(() => {
    expect(receiver.typesOf('u2')).toEqual(['created', 'disconnected'])
  })
  expect(
    receiver.calls.filter(({ body }) => body.includes('connection.disconnected') && body.includes('"u1"')),
  ).toEqual([])
  receiver.fail(null)
  await goBy(scene.store, 60_000)
  await eventually(() => {
    expect(receiver.typesOf('u1')).toEqual(['created', 'disconnected'])
  })
})

test('a receiver that is down for a day gets what is younger, and the list keeps everything', async () => {
  const receiver = await startReceiver()
  receiver.fail(() => ({ status: 503, raw: '' }))
  const scene = await openWith({ url: receiver.url, secrets: [OLD_SECRET] })
  await scene.connect('u1')
  await eventually(() => {
    expect(receiver.calls.length).toBeGreaterThan(0)
  })
  const settled = () =>
    eventually(async () => {
      const [row] = await scene.store.sql.run<{ left: number }>(
        "SELECT next_attempt_ms - unixepoch('subsec') * 1000 AS left FROM events WHERE attempts > 0 AND dead_at_ms IS NULL",
      )
      expect(row === undefined || row.left < 10_000).toBe(true)
    })
  await settled()
  await goBy(scene.store, 25 * HOUR_MS)
  await eventually(async () => {
    expect(await scene.store.sql.run('SELECT type FROM events WHERE dead_at_ms IS NOT NULL')).toEqual([
      { type: 'CREATED' },
    ])
  })
  receiver.fail(null)
  await scene.disconnect('u1')
  await eventually(() => {
    expect(receiver.typesOf('u1')).toEqual(['disconnected'])
  })
  const { events } = await scene.keeper.events(null, 10, 'u1')
  expect(events.map(({ type }) => type)).toEqual(['CREATED', 'DISCONNECTED'])
})

test('a redirect takes no event', async () => {
  const elsewhere = await startLocal(() => ({ status: 204, raw: '' }))
  onTestFinished(() => elsewhere.close())
  const receiver = await startReceiver()
  receiver.fail(() => ({ status: 308, raw: '', headers: { location: elsewhere.url } }))
  const scene = await openWith({ url: receiver.url, secrets: [OLD_SECRET] })
  await scene.connect('u1')
  await eventually(() => {
    expect(receiver.calls.length).toBeGreaterThan(0)
  })
  expect(elsewhere.calls).toHaveLength(0)
  expect(await scene.store.sql.run('SELECT 1 FROM events WHERE delivered_at_ms IS NOT NULL')).toEqual([])
})

test('the list goes on where it was, and refuses what is no cursor', async () => {
  const scene = await openWith({})
  for (const user of ['u1', 'u2', 'u3']) await scene.connect(user)
  const first = await scene.keeper.events(null, 2, null)
  expect(first.events.map(({ user_id: user }) => user)).toEqual(['u1', 'u2'])
  expect(first.hasMore).toBe(true)
  const second = await scene.keeper.events(first.cursor, 2, null)
  expect(second.events.map(({ user_id: user }) => user)).toEqual(['u3'])
  expect(second.hasMore).toBe(false)
  expect(await scene.keeper.events(second.cursor, 2, null)).toEqual({
    events: [],
    cursor: second.cursor,
    hasMore: false,
  })
  expect((await scene.keeper.events(null, 10, 'u2')).events).toHaveLength(1)
  for (const cursor of ['', '1', "0.1' OR 1=1", '0.99999999999999999999'])
    await expect(scene.keeper.events(cursor, 2, null)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' })
})

test.each([
  [{ url: 'http://hooks.example.com', secrets: [OLD_SECRET] }, 'https'],
  [{ url: 'https://hooks.example.com' }, 'one or two secrets'],
  [{ secrets: [OLD_SECRET] }, 'one or two secrets'],
  [{ url: 'https://hooks.example.com', secrets: ['whsec_c2hvcnQ='] }, '24 to 64 bytes'],
  [{ url: 'https://hooks.example.com', secrets: ['no base64!'] }, 'whsec_'],
  [{ url: 'https://hooks.example.com', secrets: [OLD_SECRET, NEW_SECRET, OLD_SECRET] }, 'Too big'],
])('refuses %j in the configuration', (events, message) => {
  const keys = [{ id: 'k1', secret: 'invented-ring-secret-0123456789-abcdef' }]
  const parsed = vaultOptions.safeParse({ path: 'x', keys, events })
  expect(parsed.error?.issues.map((issue) => issue.message).join()).toContain(message)
})

test('the end of a refresh token is told a fortnight before, once for each', async () => {
  const scene = await openWith({})
  for (const user of ['u1', 'u2', 'u3', 'u4']) await scene.connect(user)
  const endsIn = (user: string, days: number) =>
    scene.store.sql.run('UPDATE accounts SET refresh_expires_at = unixepoch() + $2 * 86400 + 60 WHERE user_id = $1', [
      user,
      days,
    ])
  await endsIn('u1', 3)
  await endsIn('u2', 15)
  await endsIn('u3', -1)
  const outbox = createEventOutbox(scene.store.sql)
  // The upstream's own loop may have been there first.
  expect(await outbox.announceEndings()).toBeLessThanOrEqual(1)
  expect(await outbox.announceEndings()).toBe(0)
  const { events } = await scene.keeper.events(null, 100, null)
  expect(events.filter(({ type }) => type !== 'CREATED')).toMatchObject([
    { type: 'REFRESH_TOKEN_EXPIRING', user_id: 'u1', reason: 'in_3_days', generation: 1 },
  ])
})
